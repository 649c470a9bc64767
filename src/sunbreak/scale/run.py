"""A plan into products: what is finished is skipped, what fails is tried once more, and nothing stops the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tqdm import tqdm

from sunbreak.errors import InputError, OptionError
from sunbreak.models import locate
from sunbreak.scale.dest import destination
from sunbreak.scale.jobs import Job, Options, Outcome
from sunbreak.scale.publish import write_collection
from sunbreak.scale.table import Row, read_plan
from sunbreak.scale.workers import in_processes, in_turn, on_cluster

SIGNERS: Final = ("planetary_computer:sign", "planetary_computer:sign_inplace")
"""Functions that a plan may have called without the user naming them."""


class Report(NamedTuple):
    """What came of a run."""

    made: tuple[Outcome, ...]
    """Products of this run."""
    skipped: int
    """Rows whose product was there."""
    failed: tuple[Outcome, ...]
    """Rows that failed twice, with reasons."""
    listed: int
    """Products in the collection, with those of other plans."""


def run(
    plan: str | Path,
    dest: str | Path,
    options: Options | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = False,
) -> Report:
    """Restore every scene of a plan that is not restored yet, and list all products in `collection.json`.

    Args:
        plan: The table.
        dest: Folder, or address of an object store; the product of a row goes to `TILE/ID` in it.
        options: How scenes are restored.
        workers: Processes on this machine; 1 works in this process.
        scheduler: Address of a Dask scheduler, instead of processes; its workers have to see the same paths
            or have keys of the object store.
        progress: Show a progress bar on a terminal.

    Returns:
        What was made, and what failed.

    Raises:
        OptionError: The plan, or an option, cannot be used.
        InputError: The scheduler cannot be reached.
        OutputError: The object store cannot be reached, or the collection cannot be written.
    """
    if workers < 1:
        raise OptionError(f"--workers {workers}: expected 1 or more")
    if workers > 1 and scheduler is not None:
        raise OptionError("--workers and --scheduler: give one of them; a cluster has workers of its own")
    place = destination(dest)
    options = options or Options()
    locate(options.restore.model)  # a name that nobody knows would fail every scene
    rows = read_plan(plan)
    if options.read.sign is None:
        _check_signers(plan, rows)
    jobs = [Job(row, place, options) for row in rows]
    place.prepare()
    finished = place.finished([job.name for job in jobs])
    missing = [job for job in jobs if job.name not in finished]
    with tqdm(total=len(missing), desc="scenes", unit="scene", disable=not progress or not sys.stderr.isatty()) as bar:
        made, failed = _twice(missing, workers, scheduler, bar)
    return Report(tuple(made), len(jobs) - len(missing), tuple(failed), write_collection(place))


def _check_signers(plan: str | Path, rows: Sequence[Row]) -> None:
    """A plan names functions that are then imported and called: one from elsewhere could name any."""
    strange = next((row.sign for row in rows if row.sign and row.sign not in SIGNERS), None)
    if strange is not None:
        raise OptionError(
            f"{plan}: has the addresses signed by {strange}, code of this machine; if you trust the plan, pass"
            f" --sign {strange}"
        )


def _twice(jobs: Sequence[Job], workers: int, scheduler: str | None, bar: tqdm) -> tuple[list[Outcome], list[Outcome]]:
    made: list[Outcome] = []
    failed: list[Outcome] = []
    for outcome in _work(jobs, workers, scheduler):
        (failed if outcome.error else made).append(outcome)
        bar.update(not outcome.error)
    # whatever killed a worker may have taken innocent neighbours along: alone, it takes only itself
    lost = any(outcome.lost for outcome in failed)
    still = {outcome.job.name: outcome for outcome in failed}
    try:
        for outcome in _work([outcome.job for outcome in failed], workers, scheduler, alone=lost):
            still.pop(outcome.job.name)
            if outcome.error:
                still[outcome.job.name] = outcome
            else:
                made.append(outcome)
            bar.update()
    except InputError:  # the cluster has gone meanwhile: what has failed stays failed, and is listed
        pass
    failed = list(still.values())
    return made, sorted(failed, key=lambda outcome: outcome.job.name)


def _work(jobs: Sequence[Job], workers: int, scheduler: str | None, *, alone: bool = False) -> Iterator[Outcome]:
    if not jobs:
        return iter(())
    if scheduler is not None:
        return on_cluster(jobs, scheduler)
    return in_turn(jobs) if workers == 1 else in_processes(jobs, 1 if alone else workers)
