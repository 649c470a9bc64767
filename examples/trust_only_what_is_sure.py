"""Mean NDVI of a product from its sure pixels only: python examples/trust_only_what_is_sure.py OUT [SIGMA]."""

import sys
from pathlib import Path

import numpy as np
import rasterio


def main(out: str, sigma: str = "0.03") -> None:
    """Mask by uncertainty, and weigh what is left by it."""
    with rasterio.open(Path(out, "reflectance.tif")) as file:
        names = list(file.descriptions)
        red, nir = (file.read(names.index(name) + 1).astype(float) - 1000 for name in ("B04", "B08"))
    with rasterio.open(Path(out, "uncertainty.tif")) as file:
        error = file.read(names.index("B08") + 1) * 1e-4
    ndvi = (nir - red) / np.maximum(nir + red, 1)
    sure = error <= float(sigma)
    weight = 1 / (0.005**2 + error[sure] ** 2)
    print(f"{100 * sure.mean():.0f} % of the pixels are sure to {sigma}")
    print(f"mean NDVI {np.average(ndvi[sure], weights=weight):.3f}; of all pixels alike {ndvi.mean():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
