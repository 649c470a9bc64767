"""What a product says of its restoration: shares of cloud, what restored how much, and with which weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sunbreak.legend import SOURCE_LEGEND, Quality, Source
from sunbreak.model_item import model_item
from sunbreak.prior.estimators import Estimator
from sunbreak.prior.network import NetworkEstimator
from sunbreak.prior.survey import Survey


def facts(
    estimator: Estimator | None, found: Survey, sources: np.ndarray
) -> dict[str, str | float | int | dict[str, float]]:
    """What the product's metadata says about a restoration.

    Args:
        estimator: What restored, None when there was nothing to restore.
        found: The survey of the scene.
        sources: Number of pixels of each `legend.Source`.

    Returns:
        Attributes for the product.
    """
    total = max(int(found.counts[Quality.CLEAR :].sum()), 1)
    restored = {int(code): int(sources[code]) for code in Source if code > Source.MEASURED and sources[code]}
    everywhere = isinstance(estimator, NetworkEstimator) and estimator.everywhere
    attrs: dict[str, str | float | int | dict[str, float]] = {
        "model": "none" if estimator is None or not (found.to_restore or everywhere) else estimator.name,
        "cloud_percent": round(100 * int(found.counts[[Quality.THIN_CLOUD, Quality.THICK_CLOUD]].sum()) / total, 2),
        "shadow_percent": round(100 * int(found.counts[Quality.SHADOW]) / total, 2),
        "fitted_on_pixels": found.fitted_on,
        "restored_by": {SOURCE_LEGEND[code].name: round(100 * count / total, 2) for code, count in restored.items()},
    }
    if isinstance(estimator, NetworkEstimator) and attrs["model"] != "none":
        model = estimator.model
        attrs |= {"precision": model.precision, "runtime": model.runtime_name, "weights_sha256": model.sha256}
        attrs["model_item"] = model_item(model.card)
    return attrs


def sources_in_words(told: Mapping[str, Any]) -> str:
    """What restored how much, for people.

    Args:
        told: From `facts`.

    Returns:
        For example `scene prior 41.2 %, spatial fill 0.3 %`; empty when nothing was restored.
    """
    return ", ".join(f"{name} {share} %" for name, share in told["restored_by"].items())
