"""The report of a product: pictures, coverage, spectra, uncertainty, timing, provenance, model card."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak import preview
from sunbreak.bands import OPTICAL_BANDS, UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.inputs.items import links
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, SOURCE_LEGEND, LegendEntry, Quality, Source
from sunbreak.model_item import CARD
from sunbreak.radiometry.backscatter import decode_backscatter
from sunbreak.radiometry.dn import decode
from sunbreak.radiometry.optical import OpticalImage
from sunbreak.report.charts import Line, chart, shares
from sunbreak.report.page import facts, page, photo
from sunbreak.report.statistics import Sample, sample
from sunbreak.steps.read_product import Product, indexes_of, read_product

BEFORE, AFTER, TRUTH = "#3b76b0", "#c07a10", "#2f7d4f"
"""Colours of lines."""
BINS: Final = 60
COUNTED: Final = ("B02", "B04", "B08", "B11")
"""Bands whose histograms are drawn."""
LEVELS: Final = np.linspace(0.05, 0.95, 19)
"""Intervals, as the share of errors expected in them, at which calibration is looked at."""
FEWEST: Final = 50
"""Fewest pixels whose median is worth a line."""


def scene_page(folder: Path) -> str:
    """Write the report of a product.

    Args:
        folder: The product's folder.

    Returns:
        The HTML file.

    Raises:
        RasterError: It is no finished product, or a file cannot be read.
    """
    product = read_product(folder)
    found = sample(product)
    told = product.properties
    lead = f"{_when(told)}, {told.get('processing:level')}, {_made(told)}"
    how = "" if found.whole else "<p class='note'>Counted at 49 evenly spread windows of 128 x 128 pixels.</p>"
    return page(
        str(product.item.get("id", folder.name)),
        lead,
        [
            ("Quick looks", f'<div class="photos">{"".join(_photos(product))}</div>'),
            ("Coverage", how + _coverage(found)),
            ("Before and after", f'<div class="charts">{"".join(_histograms(product, found))}</div>'),
            ("Spectra", _spectra(product, found)),
            ("Uncertainty", _uncertainty(product, found)),
            ("Timing", _timing(told)),
            ("Provenance", _provenance(product)),
            ("Model card", _card(folder)),
        ],
    )


def _when(told: Mapping[str, Any]) -> str:
    if told.get("datetime"):
        return str(told["datetime"])
    known = "sunbreak:composite" in told and told.get("start_datetime")
    return f"{told['start_datetime']} to {told.get('end_datetime')}" if known else "date unknown"


def _made(told: Mapping[str, Any]) -> str:
    if "sunbreak:composite" in told:
        return f"composed from {len(told.get('sunbreak:dates', ()))} dates ({told['sunbreak:composite']})"
    return f"restored by {told.get('sunbreak:model', 'an unknown model')}"


def _photos(product: Product) -> list[str]:
    bands = [product.bands[position] for position in preview.colour_bands(list(product.bands))]
    restored = _small(product.reflectance, bands)
    stretch = preview.stretch_of(restored)
    shown = [] if product.optical is None else [(_small(product.optical, bands), "Cloudy")]
    shown.append((restored, "Restored"))
    photos = [(preview.to_picture(one, stretch), name) for one, name in shown]
    if product.radar is not None:
        file, storage = product.radar
        decibels = decode_backscatter(preview.thinned(file, list(storage.indexes)), storage)
        photos.append((preview.colour_radar(decibels), "Radar: red VV, green VH, blue VV \N{MINUS SIGN} VH"))
    quality, source = preview.thinned(product.quality, [1, 2])
    photos.append((preview.colour_classes(quality, QUALITY_LEGEND), "Quality"))
    photos.append((preview.colour_classes(source, SOURCE_LEGEND), "Source"))
    stored = preview.thinned(product.uncertainty, [product.bands.index(bands[0]) + 1])[0].astype(np.float32)
    sigma = np.where(stored == UNCERTAINTY_NODATA, np.nan, stored * UNCERTAINTY_SCALE)
    caption = f"Uncertainty of {bands[0]}: black 0, brightest {preview.UNCERTAINTY_TOP:g} or more"
    photos.append((preview.colour_uncertainty(sigma), caption))
    if product.land_cover is not None:
        codes = preview.thinned(product.land_cover, [1])[0]
        photos.append((preview.colour_classes(codes, LAND_COVER_LEGEND), "Land cover (ESA WorldCover classes)"))
    return [photo(preview.png_bytes(picture), name) for picture, name in photos]


def _small(image: OpticalImage, bands: list[str]) -> np.ndarray:
    return decode(preview.thinned(image.file, indexes_of(image, bands)), image.encoding)


def _coverage(found: Sample) -> str:
    parts = [("Quality", found.quality, QUALITY_LEGEND), ("Source", found.source, SOURCE_LEGEND)]
    return "".join(f"<h3>{name}</h3>{_counted(codes, legend)}" for name, codes, legend in parts)


def _counted(codes: np.ndarray, legend: Mapping[int, LegendEntry]) -> str:
    counts = {entry.name: float(np.sum(codes == code)) for code, entry in legend.items()}
    colours = {entry.name: "#{:02x}{:02x}{:02x}".format(*entry.color) for entry in legend.values()}
    return shares({name: count for name, count in counts.items() if count}, colours)


def _histograms(product: Product, found: Sample) -> list[str]:
    charts = []
    shown = [name for name in product.bands if name in COUNTED] or [product.bands[-1]]
    for name in shown:
        band = product.bands.index(name)
        after = found.after[band][np.isfinite(found.after[band])]
        if not after.size:
            continue
        edges = np.linspace(min(0.0, float(np.percentile(after, 0.5))), float(np.percentile(after, 99.5)) * 1.5, BINS)
        lines = [_histogram("after", found.after[band], edges, AFTER)]
        if found.before is not None:
            lines.insert(0, _histogram("before", found.before[band], edges, BEFORE, dashed=True))
        if found.truth is not None:
            lines.append(_histogram("truth", found.truth[band], edges, TRUTH, dashed=True))
        charts.append(chart(lines, "reflectance", f"{name}: % of pixels"))
    return charts


def _histogram(name: str, values: np.ndarray, edges: np.ndarray, colour: str, *, dashed: bool = False) -> Line:
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    return Line(name, (edges[1:] + edges[:-1]) / 2, 100 * counts / max(1, len(values)), colour, dashed)


def _spectra(product: Product, found: Sample) -> str:
    """Median spectra of what is restored, by quality, with the median uncertainty."""
    order = np.argsort([OPTICAL_BANDS[name].wavelength for name in product.bands])
    waves = np.array([OPTICAL_BANDS[name].wavelength for name in product.bands], float)[order]
    charts = []
    for quality in (Quality.CLEAR, Quality.THIN_CLOUD, Quality.THICK_CLOUD, Quality.SHADOW):
        at = found.quality == quality
        if at.sum() < FEWEST:
            continue
        sigma = np.nanmedian(found.sigma[:, at], axis=1)[order]
        lines = [Line("after", waves, np.nanmedian(found.after[:, at], axis=1)[order], AFTER, spread=sigma)]
        for name, values, colour in (("before", found.before, BEFORE), ("truth", found.truth, TRUTH)):
            if values is not None:
                lines.append(Line(name, waves, np.nanmedian(values[:, at], axis=1)[order], colour, dashed=True))
        charts.append(chart(lines, "wavelength, nm", f"{QUALITY_LEGEND[quality].name}: reflectance"))
    text = "<p class='note'>Medians over all sampled pixels of a class; the band is the median 1-sigma uncertainty.</p>"
    return f'{text}<div class="charts">{"".join(charts)}</div>'


def _uncertainty(product: Product, found: Sample) -> str:
    restored = found.source > Source.MEASURED
    if restored.sum() < FEWEST:
        return "<p>Hardly a pixel was restored; measured ones have an uncertainty of 0.</p>"
    sigma = found.sigma[:, restored]
    edges = np.linspace(0, max(1e-4, float(np.nanpercentile(sigma, 99))), BINS)
    named = [(name, colour) for name, colour in zip(("B04", "B08", "B11"), (BEFORE, AFTER, TRUTH), strict=True)]
    lines = [
        _histogram(name, sigma[product.bands.index(name)], edges, colour)
        for name, colour in named
        if name in product.bands
    ] or [_histogram(product.bands[-1], sigma[-1], edges, AFTER)]
    charts = [chart(lines, "1-sigma uncertainty, reflectance", "% of restored pixels")]
    if found.truth is None:
        text = (
            "How well it is calibrated cannot be seen without a truth; the model card below tells what was "
            "found where there was one."
        )
        return f'<p class="note">{text}</p><div class="charts">{charts[0]}</div>'
    errors = np.abs(found.after - found.truth)[:, restored]
    found_in = np.array([_share_within(errors, sigma, level) for level in LEVELS])
    charts.append(
        chart(
            [Line("ideal", 100 * LEVELS, 100 * LEVELS, "#8a949e", dashed=True),
             Line("this scene", 100 * LEVELS, 100 * found_in, AFTER)],
            "errors expected in the interval, %", "found in it, %", top=100,
        )
    )  # fmt: skip
    one, two = (100 * np.nanmean(errors <= times * sigma) for times in (1, 2))
    rmse = math.sqrt(float(np.nanmean(errors.astype(np.float64) ** 2)))
    text = (
        f"The scene was simulated, so its truth is known: {one:.0f} % of the errors of restored values lie within "
        f"1 sigma, {two:.0f} % within 2 (68 and 95 expected); their RMSE is {rmse:.4f}."
    )
    return f'<p>{text}</p><div class="charts">{"".join(charts)}</div>'


def _share_within(errors: np.ndarray, sigma: np.ndarray, level: float) -> float:
    """Share of errors within the central interval of a normal distribution."""
    from scipy.special import ndtri

    return float(np.nanmean(errors <= ndtri(0.5 + level / 2) * sigma))


def _timing(told: Mapping[str, Any]) -> str:
    seconds = told.get("sunbreak:seconds")
    if not isinstance(seconds, Mapping):
        return "<p class='note'>Not recorded for this product.</p>"
    rows = {name: f"{value:.1f} s" for name, value in seconds.items() if isinstance(value, int | float)}
    return facts(rows) + "<p class='note'>Without the time that laying out the files took.</p>"


def _provenance(product: Product) -> str:
    rows = {key.removeprefix("sunbreak:").replace("_", " "): value for key, value in product.properties.items()
            if not key.startswith("proj:") and key != "sunbreak:seconds"}  # fmt: skip
    rows |= {f"from {one.get('title')}": one["href"] for one in links(product.item, "derived_from")}
    rows["grid"] = f"{product.grid.shape[0]} x {product.grid.shape[1]} pixels, " + (
        "not georeferenced" if product.grid.crs is None else str(product.grid.crs.name)
    )
    assets = product.item.get("assets")
    listed = assets.items() if isinstance(assets, Mapping) else ()
    sums = {name: asset.get("file:checksum") for name, asset in listed if isinstance(asset, Mapping)}
    return facts(rows) + "<h3>Checksums (multihash, SHA2-256)</h3>" + facts(sums)


def _card(folder: Path) -> str:
    try:
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))["properties"][CARD]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return facts({name.replace("_", " "): value for name, value in card.items()}) if isinstance(card, dict) else ""
