"""The machine that figures were taken on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from sunbreak._version import __version__
from sunbreak.processor import of_processor
from sunbreak.work import THREADS

PACKAGES: Final = ("numpy", "scipy", "rasterio", "openvino", "onnxruntime", "torch")
ARITHMETIC: Final = ("avx512f", "avx512_bf16", "amx_bf16")


def machine() -> dict[str, str]:
    """Describe the machine and the software.

    Returns:
        Facts by name, as text: date, versions, processor, cores, memory, load.
    """
    flags = set(of_processor("flags").split())
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "sunbreak": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": of_processor("model name") or platform.machine(),
        "instructions": " ".join(name for name in ARITHMETIC if name in flags) or "no AVX-512",
        "cores": str(len(os.sched_getaffinity(0))),
        "threads": str(THREADS),
        "gpu": ", ".join(_gpus()) or "none",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "packages": " ".join(f"{name} {version}" for name, version in found.items()),
    }


def _gpus() -> list[str]:
    """Names of NVIDIA's, as their driver tells them."""
    told = [path.read_text() for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    return [line.partition(":")[2].strip() for text in told for line in text.splitlines() if line.startswith("Model:")]
