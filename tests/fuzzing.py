"""Fuzz readers in a process of their own: python tests/fuzzing.py FOLDER CASES SEED TARGET...

For every target a line of JSON says how many inputs were read, or what went wrong with which; a process that dies has
said which target it was at, and the file that killed it lies in FOLDER. An error of ours is the only one that an input
may cause; none may take longer than SECONDS, or more memory than MEMORY.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

SECONDS = 20
MEMORY = 2 << 30
"""Bytes of address space, beyond what the process has when it begins."""


def fuzzed(folder, cases, seed, names, *, timeout):
    """Fuzz targets in child processes, one after the other; a child that dies is a finding of the target it was at.

    Returns:
        By target, `cases` that were read, how many of them were `accepted` without an error, and `failure`, empty
        where all went well.
    """
    found, left = {}, list(names)
    while left:
        command = [sys.executable, __file__, str(folder), str(cases), str(seed), *left]
        with tempfile.TemporaryFile("w+", errors="replace") as told:
            try:
                code = subprocess.run(
                    command, stdout=subprocess.PIPE, stderr=told, text=True, timeout=timeout, check=False
                )
                output, ended = code.stdout, f"exit code {code.returncode}"
            except subprocess.TimeoutExpired as error:
                output = (error.stdout or b"").decode() if isinstance(error.stdout, bytes) else error.stdout or ""
                ended = f"no answer after {timeout} s"
            told.seek(0)
            last = told.read()[-2000:]
        for text in output.splitlines():
            row = json.loads(text)
            found[row.pop("target")] = row
        left = [name for name in left if name not in found]
        if left:
            found[left[0]] = {"cases": 0, "accepted": 0, "failure": f"the process died: {ended}\n{last}"}
            left = left[1:]
    return found


def main(folder, cases, seed, names):
    """Fuzz targets, one after the other."""
    from fuzz_targets import TARGETS

    warnings.simplefilter("ignore")
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no answer
    for name in names:
        place = Path(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        target = TARGETS[name](place)
        said.write(json.dumps({"target": name, **fuzz(target, int(cases), int(seed))}) + "\n")


def fuzz(target, cases, seed):
    """Read so many spoilt inputs of a target; the first that goes wrong is made as small as it can be."""
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings

    from sunbreak.errors import SunbreakError

    read = accepted = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=cases, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), print_blob=False, report_multiple_bugs=False,
    )  # fmt: skip
    @given(target.cases)
    def one(case):
        nonlocal read, accepted
        read += 1
        try:
            with bounded():
                target.run(case)
            accepted += 1
        except SunbreakError as error:
            if out_of_memory(error):
                raise AssertionError("asks for more memory than there is, and calls that an error of ours") from error

    try:
        one()
    except BaseException:
        where, _, case = traceback.format_exc().partition("Failing test case")
        return {"cases": read, "accepted": accepted, "failure": f"{where[-3000:]}{case[:3000]}"}
    return {"cases": read, "accepted": accepted, "failure": ""}


def out_of_memory(error):
    """Whether an error comes of memory that was refused."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


@contextlib.contextmanager
def bounded():
    """Limit time and memory."""
    late = []

    def too_long(*_):
        late.append(True)
        raise TimeoutError

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        assert not late, f"takes longer than {SECONDS} s"  # whatever has become of the error above


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
