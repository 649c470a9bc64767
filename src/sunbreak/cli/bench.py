"""The verb `bench`: what Sunbreak costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser

NAMES = ("start", "networks", "files", "scenes", "shares", "threads", "accuracy", "training")


def bench_parser() -> ArgumentParser:
    """Build the parser of `sunbreak bench`.

    Returns:
        The parser.
    """
    parser = new_parser("Measure speed, memory and accuracy on this machine; best run while it does nothing else.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(NAMES)} (all)")
    parser.add_argument(
        "--sizes", nargs="+", type=int, metavar="PX", help="sides of simulated scenes; 10980 is a tile (1024 2048 4096)"
    )
    parser.add_argument(
        "--touched", nargs="+", type=float, metavar="SHARE", help="shares of patches with cloud or shadow (1 0.3 0)"
    )
    parser.add_argument("--networks", nargs="+", metavar="NAME", help="see `sunbreak models` (the default model)")
    parser.add_argument("--model", metavar="NAME", help="what restores scenes (the default model)")
    parser.add_argument("--data", metavar="SPEC", help="what accuracy is measured on (simulated patches)")
    parser.add_argument("--batch", type=int, metavar="N", help="crops a step of trainings (4; 32 on a GPU)")
    parser.add_argument("--repeats", type=int, metavar="N", help="runs of each case, of which the median is shown (3)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep simulated scenes there (the cache folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run as JSON, too")
    return parser


def run_bench(given: Namespace) -> None:
    """Run `sunbreak bench`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.benchmark.machine import machine
    from sunbreak.benchmark.parts import BenchOptions, run_parts
    from sunbreak.benchmark.tables import as_json, as_text
    from sunbreak.evaluation.files import write_text

    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in ("sizes", "touched", "networks", "model", "data", "batch", "repeats", "cache")
        if (value := given[name]) is not None
    }
    facts, tables = machine(), []
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    for table in run_parts(given.parts, BenchOptions(**chosen)):
        tables.append(table)
        print(f"\n{as_text(table)}", flush=True)
    if given.json is not None:
        write_text(given.json, as_json(facts, tables))
