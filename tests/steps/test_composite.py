"""Composites in memory: what each method takes, and what they have in common."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import sunbreak
from scenes import geobox
from sunbreak.composing import MEASURED_SIGMA
from sunbreak.errors import GeometryError, OptionError, RadiometryError, SunbreakWarning
from sunbreak.legend import Quality, Source
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.scene import make_scene
from sunbreak.steps import compose_block
from sunbreak.steps.composite import CompositeOptions, composite

BANDS = ["B02", "B03", "B04", "B08"]
SHAPE = (23, 31)
METHODS = compose_block.METHODS
DN = {"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0}


def scene(day=1, *, seed=None, quality=None, shape=SHAPE, origin=(500_000.0, 5_000_000.0), **changes):
    """A scene of one day whose DN are random, half of it clear."""
    rng = np.random.default_rng(day if seed is None else seed)
    dn = rng.integers(1, 12_000, (len(BANDS), *shape))
    classes = rng.choice([1, 1, 1, 2, 3, 4, 0], shape).astype("uint8") if quality is None else quality
    optical = ((dn.astype("float32") - 1000) / 10000).astype("float32")
    optical[:, classes == 0] = np.nan
    made = {
        "bands": BANDS, "level": "L2A", "geobox": geobox(shape, origin), "encoding": DN,
        "datetime": f"2024-05-{day:02}T10:00:00Z", "optical_path": f"day{day}.tif", **changes,
    }  # fmt: skip
    return make_scene(optical, quality=np.broadcast_to(np.asarray(classes, "uint8"), shape).copy(), **made)


def product(day=1, **changes):
    """What restoring that scene could give."""
    day_scene = scene(day, **changes)
    quality = day_scene.quality.values
    rng = np.random.default_rng(1000 + day)
    clouded = quality > Quality.CLEAR
    source = np.where(clouded, Source.NETWORK_WITH_RADAR, np.where(quality == 1, 1, 0)).astype("uint8")
    sigma = np.where(clouded, rng.uniform(0.005, 0.08, day_scene.optical.shape), 0).astype("float32")
    sigma[:, quality == 0] = np.nan
    return day_scene.rename(optical="reflectance").assign(
        source=(("y", "x"), source), uncertainty=(("band", "y", "x"), sigma)
    )


def days(make=product, count=5):
    return [make(day) for day in range(1, count + 1)]


def arrays(dates, name):
    return np.stack([date[name].values for date in dates])


def by_cloud(dates):
    """Positions of dates, the least cloudy first."""
    quality = arrays(dates, "quality")
    share = [(one > 1).sum() / (one > 0).sum() for one in quality]
    return sorted(range(len(dates)), key=lambda index: (share[index], -index))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [scene, product])
def test_one_date_comes_out_as_it_went_in(method, make):
    one = make()
    made = composite([one], method=method)
    clear = one.quality.values == Quality.CLEAR
    before = one["optical" if make is scene else "reflectance"].values
    kept = clear if make is scene else one.quality.values > 0
    np.testing.assert_array_equal(made.reflectance.values[:, kept], before[:, kept])
    assert np.isnan(made.reflectance.values[:, ~kept]).all()
    np.testing.assert_array_equal(made.quality, one.quality)
    np.testing.assert_array_equal(made.source, one.source if make is product else clear)
    np.testing.assert_array_equal(made.observations[2], kept)
    assert made.odc.geobox == one.odc.geobox
    assert made.reflectance.encoding["offset"] == -1000
    if method != "inverse-variance":
        expected = np.where(clear, 0, np.nan) if make is scene else one.uncertainty
        np.testing.assert_array_equal(made.uncertainty, np.broadcast_to(expected, before.shape))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.sampled_from(METHODS), st.sampled_from([scene, product]))
def test_the_order_of_the_dates_changes_nothing(order, method, make):
    dates = days(make)
    made, again = composite(dates, method=method), composite([dates[index] for index in order], method=method)
    xr.testing.assert_identical(made, again)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_and_strips_change_nothing(method, monkeypatch):
    made = composite(days(), method=method)
    for block in (1, 7, 64):
        xr.testing.assert_identical(made, composite(days(), options=CompositeOptions(method, block=block)))
    monkeypatch.setattr(compose_block, "AT_ONCE", 5000)
    xr.testing.assert_identical(made, composite(days(), method=method))


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_a_block_of_any_date_is_read(method):
    seen = []

    def watched(date):
        values = date.reflectance.values

        def part(lead, rows, cols):
            seen.append((rows.stop - rows.start, cols.stop - cols.start))
            return values[list(lead), rows, cols]

        array = xr.Variable(("band", "y", "x"), lazy(WindowedArray(values.shape, "float32", part)))
        return date.assign(reflectance=array)

    dates = [watched(date) for date in days()]
    for date in dates:
        date.reflectance.encoding.update(DN)
    made = composite(dates, options=CompositeOptions(method, block=8))
    xr.testing.assert_identical(made, composite(days(), method=method))
    assert len(seen) >= 5
    assert max(max(shape) for shape in seen) <= 8


def test_least_cloudy_takes_whole_spectra_of_the_least_cloudy_date_that_is_clear():
    dates = days()
    made = composite(dates, method="least-cloudy")
    quality, values, sigma = (arrays(dates, name) for name in ("quality", "reflectance", "uncertainty"))
    for y, x in np.ndindex(SHAPE):
        order = by_cloud(dates)
        measured = [index for index in order if quality[index, y, x] == Quality.CLEAR]
        chosen = (measured or [index for index in order if quality[index, y, x] > 0] or [None])[0]
        if chosen is None:
            assert made.source[y, x] == Source.NONE
            continue
        np.testing.assert_array_equal(made.reflectance[:, y, x], values[chosen, :, y, x])
        np.testing.assert_array_equal(made.uncertainty[:, y, x], sigma[chosen, :, y, x])
        assert made.observations[:, y, x].values.tolist() == [len(measured), 1, chosen + 1]
        assert made.quality[y, x] == quality[chosen, y, x]


@pytest.mark.parametrize("clear_only", [False, True])
def test_the_median_is_that_of_measurements_where_there_is_one(clear_only):
    dates = days()
    made = composite(dates, options=CompositeOptions("median", clear_only))
    quality, values = arrays(dates, "quality"), arrays(dates, "reflectance")
    measured = quality == Quality.CLEAR
    restored = (quality > Quality.CLEAR) & (not clear_only)
    taken = np.where(measured.any(axis=0), measured, restored)
    expected = np.nanmedian(np.where(taken[:, np.newaxis], values, np.nan)[:, :, taken.any(axis=0)], axis=0)
    np.testing.assert_allclose(made.reflectance.values[:, taken.any(axis=0)], expected, atol=1e-6)
    assert np.isnan(made.reflectance.values[:, ~taken.any(axis=0)]).all()
    np.testing.assert_array_equal(made.observations[:2], [measured.sum(axis=0), taken.sum(axis=0)])
    several = taken.sum(axis=0) > 1
    assert np.isnan(made.uncertainty.values[:, several]).all()
    assert np.isfinite(made.uncertainty.values[:, taken.sum(axis=0) == 1]).all()


def test_the_weighted_mean_and_its_uncertainty_follow_their_formulas():
    dates = days()
    made = composite(dates, method="inverse-variance")
    quality, values, sigma = (arrays(dates, name) for name in ("quality", "reflectance", "uncertainty"))
    used = (quality > 0)[:, np.newaxis]
    weight = np.where(used, 1 / (sigma.astype(float) ** 2 + MEASURED_SIGMA**2), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * np.where(used, values, 0)).sum(axis=0) / weight.sum(axis=0)
        np.testing.assert_allclose(made.reflectance, mean, atol=2e-6)
        error = np.where(weight.sum(axis=0) > 0, weight.sum(axis=0) ** -0.5, np.nan)
    np.testing.assert_allclose(made.uncertainty, error, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_clear_at_no_date_is_restored_or_empty(method):
    clouded = np.full(SHAPE, Quality.THICK_CLOUD, "uint8")
    clouded[:10] = Quality.CLEAR
    for dates, options, filled in (
        ([scene(day, quality=clouded) for day in (1, 2)], CompositeOptions(method), False),
        ([product(day, quality=clouded) for day in (1, 2)], CompositeOptions(method), True),
        ([product(day, quality=clouded) for day in (1, 2)], CompositeOptions(method, clear_only=True), False),
    ):
        made = composite(dates, options=options)
        assert np.isfinite(made.reflectance.values[:, 10:]).all() == filled
        assert np.isfinite(made.reflectance.values).any() == filled or np.isnan(made.reflectance.values[:, 10:]).all()
        assert set(np.unique(made.source[10:])) == {Source.NETWORK_WITH_RADAR if filled else Source.NONE}
        assert set(np.unique(made.quality[10:])) == {Quality.THICK_CLOUD}
        assert set(np.unique(made.source[:10])) == {Source.MEASURED}


def test_scenes_without_quality_are_masked_first():
    scenes = [scene(day).drop_vars("quality") for day in (1, 2)]
    made = composite(scenes, method="least-cloudy")
    expected = composite([sunbreak.mask(one) for one in scenes], method="least-cloudy")
    xr.testing.assert_identical(made, expected)


def test_dates_of_parts_of_one_grid_make_one_image():
    west, east = scene(1, quality=1), scene(2, quality=1, origin=(500_000.0 + 10 * 20, 5_000_000.0 - 10 * 5))
    made = composite([east, west], method="least-cloudy")
    assert made.reflectance.shape[1:] == (SHAPE[0] + 5, SHAPE[1] + 20)
    np.testing.assert_array_equal(made.reflectance[:, : SHAPE[0], :20], west.optical[:, :, :20])
    np.testing.assert_array_equal(made.reflectance[:, 5:, 20:], east.optical)  # equally clear: the later one
    assert (made.quality[SHAPE[0] :, :20] == 0).all()
    assert (made.observations[0, 5 : SHAPE[0], 20 : SHAPE[1]] == 2).all()


@pytest.mark.parametrize(
    ("other", "kind", "words"),
    [
        ({"origin": (500_005.0, 5_000_000.0)}, GeometryError, ["day2.tif", "day1.tif", "gdalwarp"]),
        ({"geobox": geobox(SHAPE, pixel=20.0)}, GeometryError, ["day2.tif", "gdalwarp"]),
        (
            {"geobox": geobox(SHAPE).to_crs("EPSG:32634", shape=SHAPE)},
            GeometryError,
            ["UTM zone 34N", "UTM zone 33N", "--tile"],
        ),
        ({"geobox": None}, GeometryError, ["no CRS"]),
        ({"origin": (1_500_000.0, 5_000_000.0)}, GeometryError, ["--bbox"]),
        ({"level": "L1C"}, RadiometryError, ["L1C", "L2A"]),
        ({"bands": ["B05", "B06", "B07", "B8A"]}, OptionError, ["no band in common"]),
    ],
)
def test_dates_that_do_not_belong_together_are_refused(other, kind, words):
    with pytest.raises(kind) as caught:
        composite([scene(1), scene(2, **other)])
    assert all(word in str(caught.value) for word in words), caught.value


def test_dates_without_place_belong_together_if_they_are_of_one_size():
    made = composite([scene(day, geobox=None) for day in (1, 2)])
    assert made.odc.geobox.crs is None
    with pytest.raises(GeometryError, match="neither is georeferenced"):
        composite([scene(1, geobox=None), scene(2, geobox=None, shape=(9, 9))])


def test_bands_that_not_all_have_are_left_out_with_a_warning():
    more = scene(2, bands=["B08", "B03", "B05", "B02"])
    with pytest.warns(SunbreakWarning, match="B04, B05"):
        made = composite([scene(1), more], method="least-cloudy")
    assert made.band.values.tolist() == ["B02", "B03", "B08"]
    theirs = made.observations[2].values == 2
    assert theirs.any()
    np.testing.assert_array_equal(made.reflectance.values[:, theirs], more.optical.values[[3, 1, 0]][:, theirs])


def test_the_encoding_holds_every_value_of_every_date():
    before, after = scene(2, encoding=DN | {"offset": 0}), scene(1)
    assert composite([before, after]).reflectance.encoding["offset"] == -1000
    assert composite([before, replace_day(before, 3)]).reflectance.encoding["offset"] == 0


def replace_day(date, day):
    return date.assign_attrs(datetime=f"2024-05-{day:02}T10:00:00Z", optical_path=f"day{day}.tif")


@pytest.mark.parametrize("told", ["yesterday", 20240501.5, "0001-01-01T00:00:00+23:00"])
def test_a_time_that_is_none_is_told(told):
    with pytest.raises(OptionError, match=r"day2\.tif: its datetime .* is no time"):
        composite([scene(1), scene(2, datetime=told)])


def test_bad_options_are_refused():
    with pytest.raises(OptionError, match="no date"):
        composite([])
    with pytest.raises(OptionError, match="--method mean"):
        composite([scene()], method="mean")
    with pytest.raises(OptionError, match="block 0"):
        replace(CompositeOptions(), block=0)
    with pytest.raises(OptionError, match="neither a product nor a scene"):
        composite([scene().drop_vars("optical")])
