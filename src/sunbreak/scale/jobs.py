"""One row of a plan as a job: it may run anywhere, any number of times, and leaves one product."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sunbreak.errors import ProductExistsError, SunbreakError, SunbreakWarning
from sunbreak.pipeline import process
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.scale.dest import Destination
from sunbreak.scale.table import Row
from sunbreak.steps.mask import MaskOptions
from sunbreak.steps.restore import RestoreOptions


@dataclass(frozen=True)
class Options:
    """How every scene of a plan is restored."""

    read: ReadOptions = field(default_factory=ReadOptions)
    """How its files are to be understood; the plan says what signs them."""
    mask: MaskOptions = field(default_factory=MaskOptions)
    """Where quality comes from."""
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    """How it is restored."""


@dataclass(frozen=True)
class Job:
    """What a worker has to know; pickles."""

    row: Row
    """The scene."""
    dest: Destination
    """Where its product goes."""
    options: Options
    """How it is restored."""

    @property
    def name(self) -> str:
        """Tile and id, for messages."""
        return self.row.folder.as_posix()

    def lost(self, reason: str) -> Outcome:
        """The outcome of a job that came back without one."""
        return Outcome(self, reason, lost=True)


class Outcome(NamedTuple):
    """What came of a job."""

    job: Job
    """The job."""
    error: str = ""
    """One line that says why there is no product; empty where there is one."""
    lost: bool = False
    """Whether its worker died."""
    warnings: tuple[str, ...] = ()
    """What the user should know of."""


def work(job: Job) -> Outcome:
    """Make the product of a row, unless it is there.

    Args:
        job: The job.

    Returns:
        What came of it; every failure is an outcome, as one scene may not stop the rest.
    """
    read = dataclasses.replace(job.options.read, sign=job.options.read.sign or job.row.sign or None)

    def produce(out: Path) -> None:
        process(
            job.row.optical, job.row.radar or None, out, read_options=read, mask_options=job.options.mask,
            restore_options=job.options.restore,
        )  # fmt: skip

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SunbreakWarning)
        try:
            _make(job, produce)
        except SunbreakError as error:
            return Outcome(job, _line(error))
        except Exception as error:
            return Outcome(job, f"{type(error).__name__}: {_line(error)}")
    told = (str(one.message) for one in caught if issubclass(one.category, SunbreakWarning))
    return Outcome(job, warnings=tuple(dict.fromkeys(told)))


def _make(job: Job, produce: Callable[[Path], object]) -> None:
    if job.dest.finished([job.name]):
        return
    try:
        job.dest.make(job.name, produce)
    except ProductExistsError:
        if not job.dest.finished([job.name]):  # else another worker was quicker
            raise


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
