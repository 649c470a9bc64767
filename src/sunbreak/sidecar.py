"""The sidecar of a classifier from outside: what its ONNX file does not say of itself.

`NAME.json` beside `NAME.onnx`, a JSON object:

| entry | content |
| --- | --- |
| `bands` | names of the optical bands in the order of the input, as in `bands.OPTICAL_BANDS` |
| `scale`, `mean`, `std` | the input is (reflectance * scale - mean) / std; one mean and one std a band |
| `patch` | side of a patch in pixels |
| `classes` | names of the classes in the order of the output |
| `output` | `logits` (if it does not say) or `probabilities` |
| `levels` | processing levels it was made for; all if it does not say |
| `sha256` | checksum of the file, `{"onnx": "..."}`; `sunbreak models NAME.onnx --trust` writes it |

The ONNX file has one input (n, band, y, x) and one output (n, class), and holds its weights itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from sunbreak.bands import LEVELS, OPTICAL_BANDS
from sunbreak.engine import Precision, Runtime, RuntimeName, choose, opening
from sunbreak.errors import OptionError
from sunbreak.runtimes import OnnxRuntime, OpenVino
from sunbreak.weights.card import MAX_PATCH, MOST, class_names, known_names, parsed
from sunbreak.weights.trust import verified

Output = Literal["logits", "probabilities"]
"""What a classifier returns."""
NEEDED: Final = ("bands", "scale", "mean", "std", "patch", "classes")
OPTIONAL: Final = ("output", "levels", "sha256")
LEAST: Final = 1e-12
"""Probabilities below it count as it, so that their logarithms stay finite."""
TOLERANCE: Final = 0.01
"""Probabilities add up to 1 within this."""


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar says."""

    path: Path
    """The file."""
    bands: tuple[str, ...]
    """Optical bands in the order of the input."""
    scale: float
    """What reflectance is multiplied with."""
    mean: tuple[float, ...]
    """What is subtracted then, for each of the bands."""
    std: tuple[float, ...]
    """What is divided by then, for each of the bands."""
    patch: int
    """Side of a patch in pixels."""
    classes: tuple[str, ...]
    """Names of the classes in the order of the output."""
    output: Output = "logits"
    """What the model returns."""
    levels: tuple[str, ...] = LEVELS
    """Processing levels it was made for."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Checksum of the `.onnx` file."""

    def scaled(self, optical: np.ndarray) -> np.ndarray:
        """Make the model's input.

        Args:
            optical: Reflectance, (n, band, y, x), 0 where there is no data.

        Returns:
            (n, band, y, x), float32.
        """
        mean, std = (np.array(values, np.float64).reshape(-1, 1, 1) for values in (self.mean, self.std))
        scaled: np.ndarray = ((optical * self.scale - mean) / std).astype(np.float32)
        return scaled

    def logits(self, found: np.ndarray) -> np.ndarray:
        """Turn the model's output into logits.

        Args:
            found: (n, class).

        Returns:
            (n, class); logarithms of probabilities.

        Raises:
            OptionError: They are no probabilities.
        """
        if self.output == "logits":
            return found
        if (found < -TOLERANCE).any() or (np.abs(found.sum(axis=1) - 1) > TOLERANCE).any():
            raise OptionError(
                f"{self.path}: `output` is probabilities, but the model returns values from {found.min():.3g} to "
                f"{found.max():.3g} that do not add up to 1; set it to logits"
            )
        logarithms: np.ndarray = np.log(np.maximum(found, LEAST))
        return logarithms


def read_sidecar(path: Path) -> Sidecar:
    """Read and check a sidecar.

    Args:
        path: The `.json` file.

    Returns:
        What it says.

    Raises:
        OptionError: It is missing, is not JSON, lacks or misspells an entry, or its entries do not fit each other.
    """
    content = parsed(path)
    missing = [name for name in NEEDED if name not in content]
    strange = [name for name in content if name not in NEEDED + OPTIONAL]
    if missing or strange:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown entry {strange[0]!r}"
        raise OptionError(f"{path}: {what}; a sidecar has {', '.join(NEEDED)}, and may have {' and '.join(OPTIONAL)}")
    bands = known_names(path, content, "bands", tuple(OPTICAL_BANDS))
    if not _is_number(content["scale"]) or content["scale"] <= 0:
        raise OptionError(f"{path}: `scale` is {content['scale']!r}; expected a positive number, such as 10000 for DN")
    patch, checksums = content["patch"], content.get("sha256", {})
    if not isinstance(patch, int) or isinstance(patch, bool) or not 1 <= patch <= MAX_PATCH:
        raise OptionError(f"{path}: `patch` is {patch!r}; expected the side of a patch, 1 to {MAX_PATCH} pixels")
    if not isinstance(checksums, dict):
        raise OptionError(f'{path}: `sha256` is {checksums!r}; expected the checksum of the file as {{"onnx": ...}}')
    output = content.get("output", "logits")
    if output not in get_args(Output):
        raise OptionError(f"{path}: `output` is {output!r}; expected one of {', '.join(get_args(Output))}")
    std = _numbers(path, content, "std", len(bands))
    if min(std) <= 0:
        raise OptionError(f"{path}: `std` holds {min(std)}; expected positive numbers")
    return Sidecar(
        path,
        bands=bands,
        scale=float(content["scale"]),
        mean=_numbers(path, content, "mean", len(bands)),
        std=std,
        patch=patch,
        classes=class_names(path, content["classes"]),
        output=output,
        levels=known_names(path, content, "levels", LEVELS) if "levels" in content else LEVELS,
        sha256=checksums,
    )


def open_foreign(
    path: Path, sidecar: Sidecar, *, runtime: RuntimeName = "auto", precision: Precision = "auto"
) -> tuple[Runtime, dict[str, str]]:
    """Open the ONNX file of a classifier from outside, and check it against its sidecar.

    Args:
        path: The `.onnx` file.
        sidecar: What lies beside it.
        runtime: `auto` takes OpenVINO.
        precision: `auto` takes fp32.

    Returns:
        What runs it, one patch at a time; and facts of it: `runtime`, `precision`, `weights_sha256`.

    Raises:
        OptionError: The file cannot be read or run, keeps its weights elsewhere, or is not what the sidecar says; or
            that states no checksum of it.
    """
    named, chosen = choose(runtime, precision, bf16=False)
    if named == "torch":
        raise OptionError(f"{path}: has no PyTorch form; run it with --runtime openvino or onnx")
    digest = verified(path, sidecar.sha256)

    def make() -> OnnxRuntime | OpenVino:
        return OnnxRuntime(path) if named == "onnx" else OpenVino(path, chosen, sidecar.patch, digest)

    opened = opening(path, make)
    _check_input(path, opened.sizes, sidecar)
    return opened, {"runtime": named, "precision": chosen, "weights_sha256": digest}


def _check_input(path: Path, sizes: Mapping[str, tuple[int | None, ...]], sidecar: Sidecar) -> None:
    if len(sizes) != 1:
        raise OptionError(f"{path}: has the inputs {', '.join(sizes)}; expected one, (n, band, y, x)")
    (shape,) = sizes.values()
    wanted = (1, len(sidecar.bands), sidecar.patch, sidecar.patch)
    if len(shape) != 4:
        raise OptionError(f"{path}: its input has {len(shape)} dimensions; expected 4, (n, band, y, x)")
    if shape[0] not in (None, 1):
        raise OptionError(f"{path}: takes {shape[0]} patches at a time; export it with a batch of 1 or of any size")
    if shape[1] not in (None, wanted[1]):
        raise OptionError(
            f"{path}: takes {shape[1]} bands, {sidecar.path.name} names {wanted[1]} ({' '.join(sidecar.bands)}); "
            "name the bands that it was trained on, in its order"
        )
    if any(size not in (None, sidecar.patch) for size in shape[2:]):
        raise OptionError(
            f"{path}: takes patches of {shape[2]} x {shape[3]} pixels, {sidecar.path.name} says {sidecar.patch}; "
            "mend `patch`"
        )


def _numbers(path: Path, content: Mapping[str, Any], key: str, count: int) -> tuple[float, ...]:
    given = content[key]
    if not isinstance(given, list) or len(given) != count or not all(map(_is_number, given)):
        got = f"{len(given)} entries" if isinstance(given, list) else repr(given)
        raise OptionError(f"{path}: `{key}` has {got}; expected {count} numbers, one for each of the bands")
    return tuple(map(float, given))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST
