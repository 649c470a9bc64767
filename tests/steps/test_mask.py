import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from conftest import write_raster
from scenes import UTM, blob, geobox, land
from sunbreak.bands import L1C_BANDS
from sunbreak.cloud_rule import GroundGrid, SunGeometry, classify
from sunbreak.errors import OptionError, QualityError
from sunbreak.legend import Quality
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, grow, grown_window, mask, quality_source
from sunbreak.steps.quality_file import parse_map
from sunbreak.tiles import Window

SHAPE = (600, 640)
RULE = MaskOptions(method="rule", buffer=0)
# Vegetated land as Sentinel-2 sees it from above (L1C), one value a band.
LAND = np.array([0.12, 0.09, 0.08, 0.06, 0.1, 0.2, 0.24, 0.26, 0.28, 0.08, 0.001, 0.18, 0.1])[:, None, None]


def seen(shape=SHAPE, *, cloud=None, shadow=None, bands=L1C_BANDS, sun=(180.0, 45.0), **more):
    """A vegetated scene, with cloud and shadow where told."""
    rng = np.random.default_rng(0)
    air = np.array([0.1, 0.07, 0.04, 0.025])  # what the correction to the surface takes away
    surface = LAND.copy()
    if "B10" not in bands:
        surface[:4, 0, 0] -= air
    optical = np.tile(surface, (1, *shape)) * (1 + 0.03 * rng.standard_normal(shape))
    if cloud is not None:
        optical[:, cloud] = 0.65
        optical[10, cloud] = 0.003
    if shadow is not None:
        optical[:, shadow] *= 0.35
        optical[:3, shadow] += 0.05 if "B10" in bands else 0.0
    keep = [L1C_BANDS.index(name) for name in bands]
    level = "L1C" if "B10" in bands else "L2A"
    return make_scene(
        optical[keep].astype(np.float32), bands=list(bands), level=level, geobox=geobox(shape),
        sun_azimuth=sun[0], sun_elevation=sun[1], **more,
    )  # fmt: skip


def test_codes_of_the_scene_classification_become_quality(tmp_path):
    codes = np.arange(12, dtype=np.uint8).repeat(4)[None, None].repeat(6, axis=1)
    scene = make_scene(
        np.full((3, 6, 48), 0.1, np.float32), bands=["B02", "B03", "B04"], level="L2A", geobox=geobox((6, 48))
    )
    write_raster(tmp_path / "scl.tif", codes, crs=UTM, transform=geobox((6, 48)).affine)
    found = mask(scene, options=MaskOptions(tmp_path / "scl.tif", "scl", buffer=0)).quality.values[0, ::4]
    assert found.tolist() == [0, 0, 1, 3 + 1, 1, 1, 1, 1, 3, 3, 2, 1]


def test_a_coarser_quality_file_is_laid_on_the_grid(tmp_path):
    scene = seen((40, 60))
    codes = np.ones((1, 20, 30), np.uint8)
    codes[0, 5, 7] = 3
    write_raster(tmp_path / "q.tif", codes, crs=UTM, transform=geobox((20, 30), pixel=20.0).affine)
    found = mask(scene, options=MaskOptions(tmp_path / "q.tif", buffer=0)).quality.values
    assert (found == 3).sum() == 4
    assert (found[10:12, 14:16] == 3).all()


def test_codes_nobody_has_explained_are_an_error(tmp_path):
    write_raster(tmp_path / "q.tif", np.full((1, 40, 60), 9, np.uint8), crs=UTM, transform=geobox((40, 60)).affine)
    with pytest.raises(QualityError, match=r"q\.tif: holds the codes \[9\].*--quality-map"):
        mask(seen((40, 60)), options=MaskOptions(tmp_path / "q.tif"))


@pytest.mark.parametrize("text", ["1=fog", "x=clear", "1", ""])
def test_a_map_that_cannot_be_read_is_an_error(text):
    with pytest.raises(OptionError, match="--quality-map"):
        parse_map(text)


@pytest.mark.parametrize("options", [{"buffer": -1}, {"buffer": 501}, {"quality_map": "scl"}])
def test_impossible_options_are_refused(options):
    with pytest.raises(OptionError):
        MaskOptions(**options)


def test_growing_reaches_exactly_the_buffer_and_thick_wins():
    quality = np.full((41, 41), Quality.CLEAR, np.uint8)
    quality[20, 20], quality[20, 26], quality[0, 0] = Quality.SHADOW, Quality.THICK_CLOUD, Quality.NODATA
    grown = grow(quality, 4)
    rows, cols = np.indices(quality.shape)
    thick = np.hypot(rows - 20, cols - 26) <= 4
    np.testing.assert_array_equal(grown == Quality.THICK_CLOUD, thick)
    np.testing.assert_array_equal(grown == Quality.SHADOW, (np.hypot(rows - 20, cols - 20) <= 4) & ~thick)
    assert grown[0, 0] == Quality.NODATA


@pytest.mark.parametrize("buffer", [5, 12])
def test_small_and_large_buffers_follow_the_same_rule(buffer):
    quality = np.where(blob((80, 90), (40, 40), 10), Quality.THICK_CLOUD, Quality.CLEAR).astype(np.uint8)
    rows, cols = np.indices(quality.shape)
    cloud = np.argwhere(quality == Quality.THICK_CLOUD)
    distance = np.sqrt(((np.stack([rows, cols], -1)[:, :, None] - cloud) ** 2).sum(-1)).min(-1)
    np.testing.assert_array_equal(grow(quality, buffer) == Quality.THICK_CLOUD, distance <= buffer)


@pytest.mark.parametrize("bands", [L1C_BANDS, [b for b in L1C_BANDS if b != "B10"], ["B02", "B03", "B04", "B08"]])
def test_the_rule_finds_cloud_and_its_shadow_with_any_band_subset(bands):
    cloud = blob(SHAPE, (350, 320), 60)
    shadow = blob(SHAPE, (250, 320), 60) & ~cloud  # sun in the south, 1 km high
    found = mask(seen(cloud=cloud, shadow=shadow, bands=bands), options=RULE).quality.values
    assert (found[cloud] >= 2).mean() > 0.97
    assert np.isin(found[cloud], (2, 3)).mean() > 0.97
    assert (found[shadow] == Quality.SHADOW).mean() > 0.9
    assert (found[~cloud & ~shadow] == Quality.CLEAR).mean() > 0.99


def test_shadow_is_looked_for_away_from_the_sun_only():
    cloud = blob(SHAPE, (300, 320), 40)
    towards, away = blob(SHAPE, (400, 320), 40), blob(SHAPE, (200, 320), 40)
    scene = seen(cloud=cloud, shadow=towards | away)
    found = mask(scene, options=RULE).quality.values
    assert (found[away] == Quality.SHADOW).mean() > 0.9
    assert (found[towards] == Quality.SHADOW).mean() < 0.1
    anywhere = mask(scene.drop_attrs().assign_attrs(level="L1C"), options=RULE).quality.values
    assert (anywhere[towards | away] == Quality.SHADOW).mean() > 0.9


@pytest.mark.parametrize(
    ("azimuth", "south", "east"), [(180, -1000, 0), (90, 0, -1000), (0, 1000, 0), (270, 0, 1000), (135, -707, -707)]
)
def test_shadows_fall_away_from_the_sun(azimuth, south, east):
    assert SunGeometry(azimuth, 45.0).displacement(1000.0) == pytest.approx((south, east), abs=1)


def test_cirrus_shows_in_its_band_only():
    optical = np.tile(LAND, (1, 40, 40))
    optical[10, 10:30, 10:30] = 0.03
    found = classify(optical.astype(np.float32), L1C_BANDS, "L1C", GroundGrid(20.0), SunGeometry())
    assert (found[12:28, 12:28] == Quality.THIN_CLOUD).all()
    assert (found[:8] == Quality.CLEAR).all()


def test_snow_and_roofs_are_not_cloud():
    optical = np.tile(LAND, (1, 60, 60))
    optical[:, 30:] = np.array([0.8, 0.8, 0.78, 0.76, 0.75, 0.74, 0.72, 0.7, 0.68, 0.3, 0.003, 0.08, 0.07])[
        :, None, None
    ]
    optical[:, 10:12, 10:12] = 0.6
    found = classify(optical.astype(np.float32), L1C_BANDS, "L1C", GroundGrid(20.0), SunGeometry())
    assert (found == Quality.CLEAR).all()


def test_pixels_without_data_are_nodata():
    scene = seen((100, 100))
    scene["optical"][:, :, :31] = np.nan
    found = mask(scene, options=RULE).quality.values
    assert (found[:, :31] == Quality.NODATA).all()
    assert (found[:, 31:] == Quality.CLEAR).all()


@pytest.mark.parametrize("window", [Window(0, 0, 256, 256), Window(201, 143, 177, 260), Window(599, 639, 1, 1)])
def test_a_window_of_the_mask_equals_that_window_of_the_whole_mask(window):
    cloud = blob(SHAPE, (350, 320), 60)
    scene = seen(cloud=cloud, shadow=blob(SHAPE, (250, 280), 60) & ~cloud, sun=(150.0, 40.0))
    source, _ = quality_source(scene, RULE)
    whole = grown_window(source, Window(0, 0, *SHAPE), SHAPE, 4)
    np.testing.assert_array_equal(grown_window(source, window, SHAPE, 4), whole[window.rows, window.cols])


def test_without_visible_bands_a_quality_file_is_asked_for():
    truth, _ = land((40, 40), ("B08", "B11"))
    with pytest.raises(OptionError, match=r"B02, B03, B04.*--quality"):
        mask(make_scene(truth, bands=["B08", "B11"], level="L2A"), options=RULE)


def test_classes_on_disk_equal_classes_in_memory(tmp_path):
    scene = seen((300, 300), cloud=blob((300, 300), (150, 150), 50))
    np.testing.assert_array_equal(
        mask(scene, options=RULE, folder=tmp_path).quality.values, mask(scene, options=RULE).quality.values
    )
    assert not list(tmp_path.iterdir())


def test_a_scene_stored_south_up_or_turned_has_the_same_mask():
    cloud = blob(SHAPE, (350, 320), 60)
    scene = seen(cloud=cloud, shadow=blob(SHAPE, (270, 260), 60) & ~cloud, sun=(140.0, 40.0))
    found = mask(scene, options=RULE).quality.values
    assert (found == Quality.SHADOW).sum() > 1000
    optical, affine = scene.optical.values, scene.odc.geobox.affine
    told = {"bands": L1C_BANDS, "level": "L1C", "sun_azimuth": 140.0, "sun_elevation": 40.0}
    flip = GeoBox(SHAPE, Affine(10, 0, affine.c, 0, 10, affine.f - 10 * SHAPE[0]), UTM)
    upside = mask(make_scene(optical[:, ::-1].copy(), geobox=flip, **told), options=RULE).quality.values[::-1]
    turn = GeoBox(SHAPE[::-1], Affine(0, 10, affine.c, -10, 0, affine.f), UTM)
    turned = mask(make_scene(optical.transpose(0, 2, 1).copy(), geobox=turn, **told), options=RULE).quality.values.T
    for other in (upside, turned):  # rounding of whole pixels along the ray apart
        assert (other == found).mean() > 0.995


@pytest.mark.parametrize("codes", [(0, 1), (0, 255), (0, 1, 255)])
def test_a_plain_cloud_mask_does_not_pass_for_our_own_classes(tmp_path, codes):
    layer = np.resize(np.array(codes, np.uint8), (1, 40, 60))
    write_raster(tmp_path / "m.tif", layer, crs=UTM, transform=geobox((40, 60)).affine)
    with pytest.raises(QualityError, match=r"m\.tif: holds the codes .*--quality-map"):
        mask(seen((40, 60)), options=MaskOptions(tmp_path / "m.tif"))
    explained = mask(seen((40, 60)), options=MaskOptions(tmp_path / "m.tif", "0=clear,1=thick,255=thick", 0))
    np.testing.assert_array_equal(explained.quality.values, np.where(layer[0] > 0, 3, 1))


def test_what_a_quality_file_does_not_cover_is_nodata_whatever_255_means(tmp_path):
    layer = np.full((1, 20, 60), 255, np.uint8)
    write_raster(tmp_path / "m.tif", layer, crs=UTM, transform=geobox((20, 60)).affine)
    found = mask(seen((40, 60)), options=MaskOptions(tmp_path / "m.tif", "0=clear,255=thick", 0)).quality.values
    assert (found[:20] == Quality.THICK_CLOUD).all()
    assert (found[20:] == Quality.NODATA).all()


def test_pale_fields_and_turbid_water_are_not_cloud():
    soil = np.array([0.12, 0.16, 0.21, 0.26, 0.29, 0.31, 0.33, 0.35, 0.36, 0.36, 0.42, 0.38])
    water = np.array([0.1, 0.12, 0.15, 0.1, 0.06, 0.03, 0.03, 0.02, 0.02, 0.02, 0.01, 0.01])
    bands = [name for name in L1C_BANDS if name != "B10"]
    for spectrum in (soil, water):
        optical = np.tile(spectrum[:, None, None], (1, 40, 40)).astype(np.float32)
        assert (classify(optical, bands, "L2A", GroundGrid(20.0), SunGeometry()) == Quality.CLEAR).all()
