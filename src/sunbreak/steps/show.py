"""Show: the picture of a product or scene in memory, for notebooks."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import xarray as xr

from sunbreak import preview
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND


@dataclass(frozen=True)
class Picture:
    """Pictures side by side; a notebook draws them when it is the last line of a cell."""

    png: bytes
    """The pictures, a PNG file."""
    caption: str
    """What they show, from left to right."""

    def _repr_png_(self) -> bytes:
        return self.png

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        source = f"data:image/png;base64,{data}"
        return f'<figure><img src="{source}" alt="{self.caption}"><figcaption>{self.caption}</figcaption></figure>'


def show(product: xr.Dataset, scene: xr.Dataset | None = None) -> Picture:
    """Draw what is in memory.

    Args:
        product: From `restore`, or a scene.
        scene: The scene that the product was restored from; None leaves the cloudy picture out.

    Returns:
        Pictures of at most 640 pixels a side: cloudy, restored, quality, uncertainty and land cover, as far as they are
        there. Reflectance is stretched alike in both.

    Raises:
        OptionError: It is neither a product nor a scene.

    Example:
        >>> from sunbreak.scene import make_scene
        >>> scene = make_scene(np.full((3, 4, 5), 0.1, "float32"), bands=["B02", "B03", "B04"], level="L2A")
        >>> show(scene).caption
        'optical'
    """
    if "reflectance" not in product and "optical" not in product:
        raise OptionError("neither a product nor a scene; give what sunbreak.restore or sunbreak.read returns")
    if scene is not None and any(scene.sizes[side] != product.sizes[side] for side in ("y", "x")):
        raise OptionError("the scene has another size than the product; give the one that it was restored from")
    step = preview.thinning((product.sizes["y"], product.sizes["x"]))

    def thin(name: str, band: int | None = None) -> np.ndarray:
        array = product[name] if band is None else product[name][band]
        return np.asarray(array.isel(y=slice(None, None, step), x=slice(None, None, step)).data)

    name = "reflectance" if "reflectance" in product else "optical"
    bands = preview.colour_bands([str(one) for one in product["band"].values])
    colours = np.stack([thin(name, band) for band in bands])
    stretch = preview.stretch_of(colours)
    shown = [] if scene is None else [("cloudy", preview.to_picture(preview.scene_colours(scene), stretch))]
    shown.append(("restored" if name == "reflectance" else name, preview.to_picture(colours, stretch)))
    if "quality" in product:
        shown.append(("quality", preview.colour_classes(thin("quality"), QUALITY_LEGEND)))
    if "uncertainty" in product:
        shown.append(("uncertainty", preview.colour_uncertainty(thin("uncertainty", bands[0]))))
    if "land_cover" in product:
        shown.append(("land cover", preview.colour_classes(thin("land_cover"), LAND_COVER_LEGEND)))
    png = preview.png_bytes(preview.side_by_side([picture for _, picture in shown]))
    return Picture(png, ", ".join(title for title, _ in shown))
