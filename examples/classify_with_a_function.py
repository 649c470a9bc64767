"""Classify a cloudy scene with any Python function: python examples/classify_with_a_function.py S2.tif S1.tif.

The function stands for your own classifier of clear optical images; here it tells green cells from the others.
"""

import sys

import numpy as np

import sunbreak
from sunbreak.classifiers import callable_classifier


def green_or_not(optical: np.ndarray) -> np.ndarray:
    """Logits from reflectance, (n, band, y, x) to (n, class)."""
    red, nir = optical[:, 0].mean(axis=(1, 2)), optical[:, 1].mean(axis=(1, 2))
    ndvi = (nir - red) / np.maximum(nir + red, 1e-6)
    return np.stack([20 * (ndvi - 0.15), np.zeros_like(ndvi)], axis=1)


def main(optical: str, radar: str) -> None:
    """Say how many cells change their class once clouds are gone."""
    classifier = callable_classifier(green_or_not, bands=["B04", "B08"], classes=["green", "other"], patch=16)
    scene = sunbreak.mask(sunbreak.read(optical, radar=radar))
    product = sunbreak.restore(scene)
    restored = scene.assign(optical=product["reflectance"])
    before, after = (sunbreak.classify(one, model=classifier)["scene_class"].values for one in (scene, restored))
    print(f"{100 * np.mean(before != after):.0f} % of the cells have another class without the clouds")


if __name__ == "__main__":
    main(*sys.argv[1:])
