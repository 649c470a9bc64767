"""Kill real processes at random moments, and look at what they leave."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def sunbreak(*arguments):
    return [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]


def children(pid):
    """Processes that a process has started, read off the kernel's list."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid):
    """Memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def run_quietly(command):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=ENVIRONMENT, start_new_session=True, **quiet)


def seconds_of(command, begun):
    """How long a command works, from its first trace on, when nobody disturbs it."""
    with run_quietly(command) as process:
        _wait(process, begun)
        start = time.monotonic()
        assert process.wait(timeout=300) == 0
    return time.monotonic() - start


def kill_at_random(command, begun, longest, rng):
    """Start a command, wait for its first trace, and SIGKILL it with its children up to `longest` seconds later.

    Returns whether it was still at work.
    """
    with run_quietly(command) as process:
        _wait(process, begun)
        time.sleep(rng.uniform(0, longest))
        at_work = process.poll() is None
        if at_work:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    return at_work


def _wait(process, begun):
    end = time.monotonic() + 120
    while process.poll() is None and not begun():
        assert time.monotonic() < end, "did not begin in time"
        time.sleep(0.001)
