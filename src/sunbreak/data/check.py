"""Check a data set before anything is trained or scored on it: every file, the values, the offset."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

from sunbreak.data.check_report import CheckReport, Problem
from sunbreak.data.completeness import completeness
from sunbreak.data.kinds import KINDS, open_data
from sunbreak.data.manifest import MANIFEST, read_manifest
from sunbreak.data.ranges import Floor, Survey
from sunbreak.data.sample import Entry, SampleSet
from sunbreak.data.spec import Spec, parse_spec
from sunbreak.errors import OptionError, RasterError, SunbreakError
from sunbreak.rasters.raster import RasterFile

STRIP: Final = 512
"""Rows read at a time while a file is only tested."""
RASTERS: Final = (".tif", ".tiff")
_LOOKS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "collection": ((re.escape(MANIFEST),),),
    "scene": ((r"optical\.tif", r"truth\.tif"),),
    "luojia-osfcr": ((r"\d+%?-\d+%?",),),
    "sen12ms-cr": ((r"ROIs\d{4}_[a-z]+(_.+)?",), ("(?i:s2_cloudfree)", "s2_cloudy")),
    "sen12ms-cr-ts": ((r"ROIs\d{4}",), (r"s[12]_(africa|america|asiaEast|asiaWest|europa)(_test)?",)),
}
"""Names that tell a kind: one of the tuples must be there, all of its patterns."""


def check(spec: str, *, n: int = 0, progress: bool = False) -> CheckReport:
    """Read a data set and tell what is wrong with it.

    Args:
        spec: A data SPEC, or the folder of a data set, whose kind is then told by the folders in it.
        n: Look at so many samples, evenly spread; 0 reads every file and looks at every sample.
        progress: Show progress bars.

    Returns:
        Counts, ranges of values, what the darkest pixels say about the offset, and all problems.

    Raises:
        OptionError: The SPEC cannot be read, selects nothing, or the folder is of no known kind; the message says
            what is expected.

    Example:
        >>> check("simulated:n=2,size=64").problems
        ()
    """
    read = parse_spec(_spec_of(spec), {name: kind.form for name, kind in KINDS.items()})
    problems: list[Problem] = []
    files = nbytes = 0
    if not n and read.path:
        for path in tqdm(_files(read), "files", unit="", disable=not progress):
            files, nbytes = files + 1, nbytes + _test(path, problems)
    samples = _open(read, problems)
    entries = samples.entries if samples is not None else ()
    survey = Survey()
    chosen = _spread(entries, n)
    looked_at = _look(tqdm(chosen, "samples", unit="", disable=not progress), survey, problems)
    problems += [Problem(_contrary(floor), floor.region) for floor in survey.floors() if floor.contrary]
    return CheckReport(
        data=read.text,
        split=samples.split if samples is not None else "-",
        files=None if n or not read.path else files,
        nbytes=nbytes,
        samples=len(entries),
        looked_at=looked_at,
        regions=len({entry.region for entry in entries}),
        left_out=_left_out(samples),
        completeness=completeness(samples) if samples is not None else None,
        ranges=survey.ranges(),
        floors=survey.floors(),
        problems=tuple(problems),
    )


def kind_of(folder: str | Path) -> str:
    """Tell the kind of a data set by the names in its folder.

    Args:
        folder: The folder.

    Returns:
        A key of `kinds.KINDS`.

    Raises:
        OptionError: It is no folder, or of no known kind; give a SPEC instead.
    """
    root = Path(folder)
    if not root.is_dir():
        raise OptionError(f"{folder}: no such folder, and no data SPEC either; a SPEC begins with {_kinds()}")
    names = {path.name for path in root.iterdir()}
    for kind, known in _LOOKS.items():
        if any(all(any(re.fullmatch(one, name) for name in names) for one in needed) for needed in known):
            return kind
    raise OptionError(f"{folder}: looks like none of the known data sets; name the kind: one of {_kinds()} before it")


def _kinds() -> str:
    return ", ".join(f"{name}:" for name in KINDS)


def _spec_of(text: str) -> str:
    """The text itself if it is a SPEC; otherwise the SPEC of everything in that folder."""
    if ":" in text and text.partition(":")[0] in KINDS:
        return text
    kind = kind_of(text)
    options = KINDS[kind].form.options
    everything = [f"split={choice}" for choice in ("all",) if "split" in options and choice in options["split"].choices]
    everything += ["radar=any"] * (kind == "collection")
    return ",".join([f"{kind}:{text}", *everything])


def _files(spec: Spec) -> Iterator[Path]:
    """Every raster file of a data set."""
    if spec.kind == "collection":
        yield from (row.path for row in read_manifest(spec.path))
        return
    for where, folders, names in os.walk(spec.path):
        folders.sort()
        yield from (Path(where, name) for name in sorted(names) if _is_raster(name))


def _is_raster(name: str) -> bool:
    return name.lower().endswith(RASTERS) and not name.startswith(".")


def _test(path: Path, problems: list[Problem]) -> int:
    """Read a file from end to end; returns its size."""
    try:
        if not _is_raster(path.name):
            return path.stat().st_size
        file = RasterFile(path)
        height, width = file.shape
        for top in range(0, height, STRIP):
            file.read(slice(top, min(top + STRIP, height)), slice(0, width))
        return path.stat().st_size
    except RasterError as error:
        problems.append(_problem(error, str(path)))
    except OSError as error:
        problems.append(Problem(f"no such file ({error.strerror})", str(path)))
    return 0


def _open(spec: Spec, problems: list[Problem]) -> SampleSet | None:
    """The samples of a SPEC; what is missing in them counts as a problem, unless the manifest says what belongs."""
    try:
        # clouds do not matter here, and finding them takes longer than reading
        samples = open_data(spec.text, detector=lambda sample: sample.quality)
    except RasterError as error:
        _note(error, spec.text, problems)
        return None
    if spec.kind != "collection":
        problems += [Problem(one.reason, one.name) for one in samples.skipped]
    return samples


def _left_out(samples: SampleSet | None) -> tuple[tuple[str, int], ...]:
    counted = Counter(one.reason for one in samples.skipped) if samples and samples.spec.kind == "collection" else {}
    return tuple(sorted(counted.items(), key=lambda item: -item[1]))


def _spread(entries: Sequence[Entry], n: int) -> Sequence[Entry]:
    if not n or n >= len(entries):
        return entries
    return [entries[(2 * index + 1) * len(entries) // (2 * n)] for index in range(n)]


def _look(entries: Iterable[Entry], survey: Survey, problems: list[Problem]) -> int:
    """Look at samples one by one; returns how many could be read."""
    looked_at = 0
    for entry in entries:
        try:
            sample = entry.load()
        except SunbreakError as error:
            _note(error, entry.name, problems)
            continue
        looked_at += 1
        problems += [Problem(what, entry.name) for what in survey.add(sample)]
    return looked_at


def _note(error: SunbreakError, name: str, problems: list[Problem]) -> None:
    """Add what a reader complains about, unless it is a file that is named already."""
    problem = _problem(error, name)
    if problem.where not in {one.where for one in problems}:
        problems.append(problem)


def _problem(error: SunbreakError, name: str) -> Problem:
    """Messages about a file begin with its path."""
    path, colon, what = str(error).partition(": ")
    return Problem(what, path) if colon and os.sep in path else Problem(str(error), name)


def _contrary(floor: Floor) -> str:
    many = f"{floor.contrary} of {floor.images} images"
    cirrus = "" if floor.cirrus != floor.cirrus else f"; the dark end of B10 lies at DN {floor.cirrus:,.0f}"
    if floor.offset:
        return f"{many} are too dark for DN that hold +1000, which the reader takes away{cirrus}"
    return f"{many} seem to hold the +1000 of processing baseline 04.00, which the reader does not expect{cirrus}"
