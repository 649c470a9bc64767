"""What the system says of the processor."""

from __future__ import annotations

from pathlib import Path


def of_processor(key: str) -> str:
    """Look a fact of the first processor up.

    Args:
        key: A name in Linux's list, such as `model name` or `flags`.

    Returns:
        Its value; empty on systems without such a list.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")
