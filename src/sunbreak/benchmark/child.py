"""One measurement in a process of its own: nothing is warm, and its peak of memory is its own."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Final

from sunbreak import errors
from sunbreak.errors import SunbreakError, SunbreakWarning
from sunbreak.heap import one_heap

CASES: Final = "sunbreak.benchmark.cases"
"""Module whose functions are measured."""
OURS: Final = "sunbreak.errors."
"""Beginning of the last line of a traceback where an error of this package ended it."""
STARTED: Final = "SUNBREAK_BENCH_STARTED"


def measured(case: str, *, threads: int | None = None, caches: Path | None = None, **settings: Any) -> dict[str, Any]:
    """Run a case in a fresh process.

    Args:
        case: Name of a function of `cases`.
        threads: Blocks at a time; None leaves it to the package.
        caches: Folder that stands for the user's folder of caches; None leaves it.
        settings: Its arguments, ready for JSON.

    Returns:
        What it measured, with `seconds` from the start of the process to its end and `peak_mib` of resident memory.

    Raises:
        SunbreakError: It failed; errors of this package are handed on as they are.
    """
    extra = {} if threads is None else {"SUNBREAK_THREADS": str(threads)}
    extra |= {STARTED: repr(time.time())} | ({} if caches is None else {"XDG_CACHE_HOME": str(caches)})
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sunbreak.benchmark.child", case],
        input=json.dumps(settings), capture_output=True, text=True, env=os.environ | extra, check=False,
    )  # fmt: skip
    if done.returncode:
        told = done.stderr.strip().splitlines()
        ours = told[-1].partition(": ") if told and told[-1].startswith(OURS) else None
        if ours is not None:  # it says itself what to do
            raise getattr(errors, ours[0].removeprefix(OURS), SunbreakError)(ours[2])
        raise SunbreakError(f"bench {case} {settings}: failed ({told[-1] if told else f'code {done.returncode}'})")
    return {"seconds": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}


def since_start() -> float:
    """Seconds since the parent started this process.

    Returns:
        Wall time.
    """
    return time.time() - float(os.environ[STARTED])


def main() -> None:
    """Run the case that the arguments name, and print what it measured."""
    one_heap()  # as the command line does
    warnings.simplefilter("ignore", SunbreakWarning)
    settings = json.load(sys.stdin)
    function = getattr(importlib.import_module(CASES), sys.argv[1])
    found = function(**settings)
    print(json.dumps(found | {"peak_mib": _peak()}))


def _peak() -> float:
    """Most resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell the parent's peak where that was higher
        told = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(told["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
