"""The verb `data` of the command line: what splits there are, whether files are sound, whether two lists leak."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser
from sunbreak.errors import OptionError, SunbreakError
from sunbreak.terminal import aligned

if TYPE_CHECKING:
    from sunbreak.data.splits import Splits

Counts = Mapping[str, int | None]
"""Patches by region; None where nobody counted them."""
MATCHINGS: Final = ("exact", "substring")


def data_parser() -> ArgumentParser:
    """Build the parser of `sunbreak data`, still without its verbs.

    Returns:
        The parser.
    """
    return new_parser("Look at data sets: check files, print splits, find leaks between two lists.")


def add_data_verbs(parser: ArgumentParser) -> None:
    """Add the verbs to the parser of `sunbreak data`, once that is part of the whole command line.

    Args:
        parser: What `data_parser` has built; its namespace names the verb as `verb`.
    """
    verbs = parser.add_subcommands(dest="verb", metavar="VERB")
    for name, (make, _) in VERBS.items():
        verb = make()
        verbs.add_subcommand(name, verb, help=verb.description)


def run_data(given: Namespace) -> None:
    """Run a verb of `sunbreak data`.

    Args:
        given: What `data_parser` has parsed.

    Raises:
        SunbreakError: Something is wrong with the data, or the lists share ground; the report is printed first.
        OptionError: The user has to mend something.
    """
    options = given[given.verb]
    given.debug = given.debug or options.debug
    VERBS[given.verb][1](options)


def _check_parser() -> ArgumentParser:
    parser = new_parser("Read every file of a data set: what is missing or broken, ranges of values, offset, radar.")
    parser.add_argument("data", metavar="SPEC|PATH", help="kind:path[,option=value], or the folder of a data set")
    parser.add_argument("--n", type=int, default=0, metavar="N", help="only N samples, evenly spread (0: everything)")
    return parser


def _check(given: Namespace) -> None:
    from sunbreak.data.check import check

    if given.n < 0:
        raise OptionError(f"--n {given.n}: give a number of samples, or 0 for everything")
    report = check(given.data, n=given.n, progress=True)
    print(report.text(), flush=True)
    if report.problems:
        count = len(report.problems)
        raise SunbreakError(f"{given.data}: {count:,} problem{'s' * (count > 1)}, listed in the report")


def _splits_parser() -> ArgumentParser:
    parser = new_parser("Print regions and numbers of patches of every split.")
    parser.add_argument("name", metavar="NAME|SPEC", help="sen12ms-cr, sen12ms-cr-ts, or kind:path[,option=value]")
    return parser


def _splits(given: Namespace) -> None:
    from sunbreak.data.kinds import KINDS

    own = ":" in given.name and given.name.partition(":")[0] in KINDS
    print("\n".join(_splits_of_data(given.name) if own else _published_splits(given.name)))


def _lint_parser() -> ArgumentParser:
    parser = new_parser("Find regions and overlapping patches that are in a training and in a test list, anyone's.")
    for name, which in (("train", "training"), ("test", "test")):
        words = f"{which} list: text, CSV, TSV or JSON file, folder, SPEC, or NAME/SPLIT such as sen12ms-cr/{name}"
        parser.add_argument(name, metavar=name.upper(), help=words)
    words = "how the training code picks regions: by equal names, or by names that contain an entry (exact)"
    parser.add_argument("--matching", choices=MATCHINGS, default="exact", help=words)
    return parser


def _lint(given: Namespace) -> None:
    from sunbreak.data.lint import lint

    report = lint(given.train, given.test, matching=given.matching)
    print(report.text(), flush=True)
    if report.shared:
        shared = f"{len(report.shared)} region{'s' * (len(report.shared) > 1)}"
        raise SunbreakError(f"{given.test}: shares {shared} with {given.train}; scores on it are not valid")


VERBS: Final[dict[str, tuple[Callable[[], ArgumentParser], Callable[[Namespace], None]]]] = {
    "check": (_check_parser, _check),
    "splits": (_splits_parser, _splits),
    "lint": (_lint_parser, _lint),
}


def _published_splits(name: str) -> Iterator[str]:
    from sunbreak.data.splits import read_splits

    splits = read_splits(name)
    yield from _wrapped(f"{name}: {splits.source}")
    yield ""
    rows = [[split, f"{len(regions):,}", _number(splits.count(split))] for split, regions in splits.regions.items()]
    yield from aligned([["split", "regions", "patches"], *rows], numbers=(1, 2))
    notes = list(_what_it_holds(splits))
    if notes:
        yield from ["", *notes]
    for split, regions in splits.regions.items():
        yield from _regions(split, regions)


def _what_it_holds(splits: Splits) -> Iterator[str]:
    """What the splits that are made of others take from train, val and test."""
    from sunbreak.data.splits import LEAKY_TRAIN, NEVER_LEAKED

    meanings = {
        LEAKY_TRAIN: "what matching the names of train by substring selects; only for explaining published numbers",
        NEVER_LEAKED: "regions of test that matching by substring does not touch",
    }
    for split, meaning in meanings.items():
        if split not in splits.regions:
            continue
        yield f"{split}: {meaning}"
        for other in ("train", "val", "test"):
            both = [region for region in splits.regions[other] if region in splits.regions[split]]
            if both:
                patches = _sum(splits.regions[other][region] for region in both)
                of = f"{len(both)} of {len(splits.regions[other])} regions of {other}, {_number(patches)} patches"
                named = f": {', '.join(both)}" if other != "train" else ""
                yield from _wrapped(f"  {of}{named}")


def _splits_of_data(text: str) -> Iterator[str]:
    from sunbreak.data import open_data
    from sunbreak.data.collection import AUTO
    from sunbreak.data.kinds import FORMS
    from sunbreak.data.spec import parse_spec
    from sunbreak.steps.detect import detect

    spec = parse_spec(text, FORMS)
    form = FORMS[spec.kind].options.get("split")
    rest = ",".join(part for part in text.split(",") if not part.strip().startswith("split="))
    choices = [choice for choice in form.choices if choice != AUTO] if form else []
    rows, empty = [["split", "regions", "samples", "split hash"]], ""
    regions: dict[str, Counts] = {}
    for choice in choices or [""]:
        try:
            samples = open_data(f"{rest},split={choice}" if choice else text, detector=detect)
        except OptionError as error:  # nothing is there of this split
            empty = str(error)
            continue
        rows.append([samples.split, str(len(samples.regions)), f"{len(samples):,}", samples.split_hash])
        regions[samples.split] = Counter(entry.region for entry in samples.entries)
    if not regions:
        raise OptionError(empty)
    yield from [text, "", *aligned(rows, numbers=(1, 2))]
    for split, counts in regions.items():
        yield from _regions(split, counts)


def _regions(split: str, counts: Counts) -> Iterator[str]:
    yield ""
    words = [region if count is None else f"{region}:{count}" for region, count in counts.items()]
    yield from _wrapped(f"{split}: {' '.join(words)}")


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _sum(counts: Iterator[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
