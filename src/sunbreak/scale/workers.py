"""Where jobs run: in this process, in processes of this machine, or on a Dask cluster that is there already.

Every way takes jobs and yields one outcome each, in the order in which they end, whatever happens to a worker.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Final
from uuid import uuid4

from sunbreak.errors import InputError, OptionError
from sunbreak.scale.jobs import Job, Outcome, work

THREADS: Final = "SUNBREAK_THREADS"
"""Environment variable that says how many blocks of a scene are worked on at a time, see `sunbreak.work`."""
SECONDS: Final = 30
"""How long a scheduler is waited for."""
DIED: Final = "its worker was killed or ran out of memory"
GONE: Final = "the scheduler was lost"


def in_turn(jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Work on one job after the other in this process.

    Args:
        jobs: The jobs.

    Yields:
        Their outcomes.
    """
    yield from map(work, jobs)


def in_processes(jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Work on jobs in processes of this machine.

    Args:
        jobs: The jobs.
        workers: Processes; they share the cores unless SUNBREAK_THREADS says otherwise.

    Yields:
        Their outcomes; where a process dies, those in work at that moment are lost, and new processes take the rest.
    """
    waiting = deque(jobs)
    with _shared_cores(workers):
        while waiting:
            yield from _until_broken(waiting, workers)


def _until_broken(waiting: deque[Job], workers: int) -> Iterator[Outcome]:
    running: dict[Future[Outcome], Job] = {}
    with ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent) as pool:
        try:
            while waiting or running:
                # no more than can run, so that a death costs no job that has not begun
                while waiting and len(running) < workers:
                    running[pool.submit(work, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    del running[future]
                    yield outcome
        except BrokenProcessPool:
            for future, job in running.items():
                broken = not future.done() or future.exception() is not None
                yield job.lost(DIED) if broken else future.result()


def _end_with_parent() -> None:
    """Let a worker end when whoever started it is killed, rather than wait for jobs for ever."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _shared_cores(workers: int) -> Iterator[None]:
    given = os.environ.get(THREADS)
    os.environ[THREADS] = given or str(max(1, len(os.sched_getaffinity(0)) // workers))
    try:
        yield
    finally:
        if given is None:
            del os.environ[THREADS]


def on_cluster(jobs: Sequence[Job], scheduler: str) -> Iterator[Outcome]:
    """Work on jobs on an existing Dask cluster; the jobs of a worker that dies go to another one.

    Args:
        jobs: The jobs.
        scheduler: Address of the scheduler, as `tcp://host:8786`.

    Yields:
        Their outcomes.

    Raises:
        OptionError: distributed is not installed.
        InputError: The scheduler cannot be reached.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise OptionError(f"--scheduler {scheduler}: needs Dask: pip install 'sunbreak[cluster]'") from error
    try:
        client = Client(scheduler, timeout=SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {scheduler}: cannot be reached; start one with `dask scheduler`") from error
    with client:
        print(f"dashboard: {client.dashboard_link}", file=sys.stderr)
        # names of their own: a scheduler remembers what came of a name
        futures = {client.submit(work, job, key=f"{job.name}-{uuid4().hex}", pure=False): job for job in jobs}
        for future in as_completed(list(futures), loop=client.loop):  # type: ignore[no-untyped-call]
            job = futures.pop(future)
            try:
                outcome = future.result() if future.status == "finished" else job.lost(_why(future))
            except OSError:  # the scheduler has gone, with what it knew; the product may be there
                outcome = job.lost(GONE)
            yield outcome


def _why(future: object) -> str:
    if getattr(future, "status", "") != "error":
        return GONE
    error = future.exception()  # type: ignore[attr-defined]
    return DIED if type(error).__name__ == "KilledWorker" else f"{type(error).__name__}: {error}"
