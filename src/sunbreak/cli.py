"""The command line: the verbs, nothing else. Heavy imports wait until a verb runs, so that `--help` is quick."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from argparse import Action
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace

from sunbreak._version import __version__
from sunbreak.bands import LEVELS
from sunbreak.errors import OptionError, SunbreakError, SunbreakWarning

Verb = Callable[[Namespace], None]
KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")


class _Help(DefaultHelpFormatter):
    """Help texts as written, without Python types and defaults appended."""

    def _get_help_string(self, action: Action) -> str:
        return action.help or ""


def _parser(summary: str) -> ArgumentParser:
    parser = ArgumentParser(description=summary, formatter_class=_Help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _out(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help=what)
    parser.add_argument("--overwrite", action="store_true", help="replace what is already finished there")


def _restore_parser() -> ArgumentParser:
    parser = _parser("Restore the surface under cloud and shadow of one Sentinel-2 scene; clear pixels stay untouched.")
    parser.add_argument("optical", metavar="S2", help="Sentinel-2 GeoTIFF, L1C or L2A")
    parser.add_argument("--radar", metavar="S1", help="Sentinel-1 GeoTIFF (VV, VH) of the same place")
    _out(parser, "folder of the product")
    parser.add_argument("--model", default="scene-prior", metavar="NAME", help="see `sunbreak models`; or MODEL.onnx")
    reading = parser.add_argument_group("what the files do not say")
    reading.add_argument("--level", choices=LEVELS, help="processing level")
    reading.add_argument(
        "--offset", type=int, metavar="N", help="number added to the DN: -1000 (baseline 04.00 on) or 0"
    )
    reading.add_argument("--bands", metavar="LIST", help="names of the bands, B02,B03,...; - leaves one out")
    reading.add_argument("--metadata", metavar="FILE", help="SAFE MTD_*.xml or STAC item of the optical scene")
    reading.add_argument("--radar-units", metavar="dB|power", help="units of the radar file")
    reading.add_argument("--radar-bands", metavar="LIST", help="polarisations of the radar file, for example VH,VV")
    masking = parser.add_argument_group("cloud and shadow")
    masking.add_argument("--quality", metavar="FILE", help="class raster; else a simple rule finds clouds")
    masking.add_argument(
        "--quality-map", metavar="MAP", help="its codes: scl, or 0=clear,1=thick,2=thin,3=shadow,255=nodata"
    )
    masking.add_argument(
        "--buffer", type=int, default=4, metavar="PX", help="pixels by which cloud and shadow grow (4)"
    )
    area = parser.add_argument_group("part of the scene")
    area.add_argument("--bbox", type=float, nargs=4, metavar=("W", "S", "E", "N"), help="in degrees")
    area.add_argument("--aoi", metavar="FILE", help="GeoJSON; its bounds are taken")
    running = parser.add_argument_group("running a model file")
    running.add_argument("--runtime", choices=("auto", "openvino", "onnx"), default="auto", help="what runs it")
    running.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="its arithmetic")
    return parser


def _restore(given: Namespace) -> None:
    from sunbreak.pipeline import process
    from sunbreak.radiometry.read_options import ReadOptions
    from sunbreak.steps.mask import MaskOptions
    from sunbreak.steps.restore import RestoreOptions

    read_options = ReadOptions(
        level=given.level, offset=given.offset, bands=_list(given.bands), metadata=given.metadata,
        radar_units=given.radar_units, radar_bands=_list(given.radar_bands), bbox=given.bbox, aoi=given.aoi,
    )  # fmt: skip
    item = process(
        given.optical, given.radar, given.out,
        read_options=read_options,
        mask_options=MaskOptions(given.quality, given.quality_map, given.buffer),
        restore_options=RestoreOptions(given.model, given.runtime, given.precision),
        overwrite=given.overwrite, progress=True,
    )  # fmt: skip
    told = item.properties
    restored = ", ".join(f"{share} % by {name}" for name, share in told["sunbreak:restored_by"].items())
    print(
        f"{given.out}: {told['sunbreak:cloud_percent']} % cloud and {told['sunbreak:shadow_percent']} % shadow found; "
        f"{'restored ' + restored if restored else 'copied unchanged'}; look at {given.out / 'preview.png'}"
    )


def _simulate_parser() -> ArgumentParser:
    parser = _parser("Simulate a scene with known truth: radar, cloudy optical, land cover, quality, optical depth.")
    _out(parser, "folder of the simulated scene")
    parser.add_argument("--size", type=int, default=1024, metavar="PX", help="side in pixels of 10 m (1024)")
    parser.add_argument("--cover", type=float, default=0.4, metavar="SHARE", help="share under cloud, 0 to 1 (0.4)")
    parser.add_argument("--kind", choices=KINDS, default="mixed", help="kind of cloud (mixed)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same scene (0)")
    parser.add_argument("--level", choices=LEVELS, default="L1C", help="processing level (L1C)")
    parser.add_argument("--season", type=int, default=196, metavar="DAY", help="day of the year (196)")
    return parser


def _simulate(given: Namespace) -> None:
    from sunbreak.simulate import CloudSpec, SceneSpec, write_scene

    clouds = CloudSpec(seed=given.seed, cover=given.cover, kind=given.kind)
    spec = SceneSpec(size=given.size, seed=given.seed, level=given.level, season=given.season, clouds=clouds)
    write_scene(spec, given.out, overwrite=given.overwrite, progress=True)
    print(f"{given.out}: optical.tif (cloudy), radar.tif, truth.tif, land_cover.tif, quality.tif, optical_depth.tif")


def _models_parser() -> ArgumentParser:
    parser = _parser("List the models that restore scenes, and the baselines they are measured against.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell more about one of them")
    return parser


def _models(given: Namespace) -> None:
    from sunbreak.models import BASELINES, RESTORERS

    known = RESTORERS | BASELINES
    if given.name is None:
        width = max(map(len, known))
        for entry in known.values():
            print(f"{entry.name:<{width}}  {entry.summary}")
        return
    if given.name not in known:
        raise OptionError(f"model {given.name!r}: unknown; one of {', '.join(known)}")
    entry = known[given.name]
    print(f"{entry.name}\n  {entry.summary}\n  needs:   {entry.inputs}\n  weights: {entry.weights}")


def _evaluate_parser() -> ArgumentParser:
    parser = _parser("Score models against the truth, beside the trivial answers.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="models beside the rows that are always there")
    parser.add_argument("--data", required=True, metavar="SPEC", help="kind:path[,option=value]; see docs/evaluate.md")
    parser.add_argument("--protocol", default="sunbreak", metavar="NAME", help="definition of the metrics (sunbreak)")
    parser.add_argument("--per-patch", action="store_true", help="one row per patch as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON, too")
    return parser


def _evaluate(given: Namespace) -> None:
    from sunbreak.evaluation import evaluate

    if given.json is not None and not given.json.parent.is_dir():
        raise OptionError(f"--json {given.json}: no such folder")
    report = evaluate(given.models, given.data, protocol=given.protocol, per_patch=given.per_patch, progress=True)
    print(report.text())
    if given.json is not None:
        given.json.write_text(report.json(), encoding="utf-8")


def _preview_parser() -> ArgumentParser:
    parser = _parser(
        "Draw a product (cloudy, restored, quality, uncertainty) or a simulated scene (cloudy, radar, quality, truth)."
    )
    parser.add_argument("product", type=Path, metavar="OUT", help="folder of the product")
    parser.add_argument("-o", "--out", type=Path, metavar="PNG", help="file to write (OUT-preview.png beside it)")
    return parser


def _preview(given: Namespace) -> None:
    from sunbreak.steps.preview import preview

    print(preview(given.product, given.out))


VERBS: Final[dict[str, tuple[Callable[[], ArgumentParser], Verb]]] = {
    "restore": (_restore_parser, _restore),
    "simulate": (_simulate_parser, _simulate),
    "models": (_models_parser, _models),
    "evaluate": (_evaluate_parser, _evaluate),
    "preview": (_preview_parser, _preview),
}


def build_parser() -> ArgumentParser:
    """Build the parser of all verbs.

    Returns:
        The parser; its namespace names the verb as `verb`.
    """
    parser = ArgumentParser(
        prog="sunbreak",
        description="From a cloudy Sentinel-2 scene to analysis-ready data, with the help of Sentinel-1.",
        version=__version__,
        formatter_class=_Help,
    )
    verbs = parser.add_subcommands(dest="verb", metavar="VERB")
    for name, (make, _) in VERBS.items():
        verb = make()
        verbs.add_subcommand(name, verb, help=verb.description)
    return parser


def _list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    if issubclass(category, SunbreakWarning):
        print(f"warning: {message}", file=sys.stderr)


@contextlib.contextmanager
def _only_our_errors(*, shown: bool) -> Iterator[None]:
    """Keep what C libraries print on the error stream by themselves (libtiff on a full disk) away from the user."""
    original = sys.__stderr__
    if shown or original is None or sys.stderr is not original:
        yield
        return
    kept = os.dup(2)
    ours, theirs = os.fdopen(kept, "w", buffering=1), os.open(os.devnull, os.O_WRONLY)
    try:
        original.flush()
        os.dup2(theirs, 2)
        sys.stderr = ours
        yield
    finally:
        sys.stderr = original
        ours.flush()
        os.dup2(kept, 2)
        os.close(theirs)
        ours.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        Exit code: 0 done, 1 failed, 2 the user has to mend something. Wrong usage leaves with code 2 by itself.
    """
    given: Any = build_parser().parse_args(arguments)
    options = given[given.verb]
    with warnings.catch_warnings(), _only_our_errors(shown=options.debug):
        warnings.showwarning = _show_warning
        try:
            VERBS[given.verb][1](options)
        except SunbreakError as error:
            return _fail(options, " ".join(str(error).split()), error.exit_code)
        except BrokenPipeError:
            # whoever read our output has left; keep the interpreter from complaining when it flushes
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            return _fail(options, "interrupted; nothing was left half-written", 130)
        except (MemoryError, OSError) as error:
            return _fail(options, f"{type(error).__name__}: {error}", 1)
    return 0


def _fail(options: Namespace, message: str, code: int) -> int:
    if options.debug:
        traceback.print_exc()
    print(f"sunbreak: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
