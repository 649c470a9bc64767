"""Archives in one array file."""

import csv
import pickle

import numpy as np
import pytest

from archive_layouts import NAMES, SIZE, day, dn, write_daily
from conftest import radar_db
from sunbreak.bands import L1C_BANDS
from sunbreak.data.archive import LARGEST, open_archive
from sunbreak.data.manifest import COLUMNS
from sunbreak.errors import GeometryError, OptionError, QualityError, RasterError
from sunbreak.tiles import Window

ORDERED = tuple(name for name in L1C_BANDS if name in NAMES)


def test_dates_come_as_reflectance_on_the_fine_grid_with_their_classes(tmp_path):
    archive = open_archive(f"archive:{write_daily(tmp_path / 'here.npz', (0.0, 0.5))}")
    assert [image.day for image in archive.images] == [day(0), day(1)]
    clear, half = (image.load() for image in archive.images)
    assert clear.bands == archive.images[0].bands == ORDERED
    assert clear.level == "L2A"
    assert clear.region == archive.region == "here"
    fine = dn(0)
    assert np.allclose(clear.cloudy[0], fine[0] / 10_000)
    red_edge = clear.cloudy[ORDERED.index("B05")]
    assert np.allclose(red_edge[::2, ::2], fine[4, ::2, ::2] / 10_000)
    assert (red_edge[::2] == red_edge[1::2]).all()
    assert (clear.quality == 1).all()
    assert (half.quality[: SIZE // 2] == 3).all()
    assert (half.quality[SIZE // 2 :] == 1).all()
    assert clear.clear is None
    assert tuple(clear.geobox.affine[:6]) == (10, 0, 500_000, 0, -10, 5_800_000)


def test_every_code_of_the_scene_classification_becomes_its_class(tmp_path):
    codes = np.full((1, SIZE // 2, SIZE // 2), 4, "uint8")
    codes[0, 0, :12] = np.arange(12)
    (image,) = open_archive(f"archive:{write_daily(tmp_path / 'a.npz', (0.0,), scl_20m=codes)}").images
    assert image.load().quality[0, :24:2].tolist() == [0, 0, 1, 4, 1, 1, 1, 1, 3, 3, 2, 1]


@pytest.mark.parametrize(("limit", "apart"), [(12, [0, 1, 2]), (1, [0, 1, None]), (0, [0, None, None])])
def test_radar_is_that_nearest_in_time_within_the_limit(tmp_path, limit, apart):
    path = write_daily(tmp_path / "a.npz", (0.0, 0.0, 0.0))  # days 0, 5, 10; radar on 0, 6, 12
    archive = open_archive(f"archive:{path},radar_days={limit}")
    assert [image.radar_apart for image in archive.images] == apart
    for number, image in enumerate(archive.images):
        radar = image.load().radar
        assert (radar is None) == (apart[number] is None)
        if radar is not None:
            assert np.array_equal(radar[:, ::2, ::2], radar_db(SIZE // 2, SIZE // 2, number))


def test_radar_dates_without_a_valid_pixel_do_not_count(tmp_path):
    radar = np.stack([np.full((2, 16, 16), np.nan), radar_db(16, 16, 1)]).astype("float32")
    path = write_daily(tmp_path / "a.npz", (0.0,), s1_20m=radar, s1_dates=np.array(["2020-06-01", "2020-06-06"]))
    (image,) = open_archive(f"archive:{path}").images
    assert image.radar_apart == 5


def test_without_fine_bands_the_others_are_still_on_the_10_m_grid(tmp_path):
    (image,) = open_archive(f"archive:{write_daily(tmp_path / 'a.npz', (0.0,), fine=False)}").images
    sample = image.load()
    assert sample.bands == ("B05", "B06", "B07", "B8A", "B11", "B12")
    assert sample.cloudy.shape == (6, SIZE, SIZE)
    assert sample.geobox.resolution.x == 10


def test_a_window_is_the_part_of_the_whole(tmp_path):
    path = write_daily(tmp_path / "a.npz", (0.3,))
    (image,) = pickle.loads(pickle.dumps(open_archive(f"archive:{path}"))).images
    whole, part = image.load(), image.load(Window(3, 5, 10, 7))
    inside = np.s_[3:13, 5:12]
    assert np.array_equal(part.cloudy, whole.cloudy[:, *inside])
    assert np.array_equal(part.quality, whole.quality[inside])
    assert np.array_equal(part.radar, whole.radar[:, *inside])
    assert tuple(part.geobox.affine[:6]) == (10, 0, 500_050, 0, -10, 5_799_970)
    assert max(image.shape) <= LARGEST
    with pytest.raises(GeometryError, match="reaches beyond its 32 x 32 pixels"):
        image.load(Window(0, 0, 33, 4))


def test_missing_and_saturated_numbers_are_no_data_and_the_offset_can_be_given(tmp_path):
    fine = np.full((1, 4, SIZE, SIZE), 1500, "uint16")
    fine[0, :, 0, 0], fine[0, :, 0, 1] = 0, 65_535
    path = write_daily(tmp_path / "a.npz", (0.0,), s2_10m=fine)
    plain, shifted = (
        open_archive(f"archive:{path}{more}").images[0].load().cloudy[0] for more in ("", ",offset=-1000")
    )
    assert np.isnan(plain[0, :2]).all()
    assert plain[1, 1] == pytest.approx(0.15)
    assert shifted[1, 1] == pytest.approx(0.05)


def test_the_layout_of_a_cube_with_axes(tmp_path):
    radar = radar_db(6, 8, 0)[np.newaxis]
    np.savez(
        tmp_path / "cube.npz",
        s2=np.full((1, 2, 6, 8), 900, "uint16"), s2_bands=np.array(["B04", "B01"]), scl=np.full((1, 6, 8), 10, "uint8"),
        s2_dates=np.array(["2023-04-02"]), s1=radar, s1_dates=np.array(["2023-04-03"]), epsg=np.array(32631),
        x=np.arange(643_265.0, 643_345, 10), y=np.arange(5_676_475.0, 5_676_415, -10),
    )  # fmt: skip
    sample = open_archive(f"archive:{tmp_path / 'cube.npz'}").images[0].load()
    assert sample.bands == ("B01", "B04")
    assert (sample.quality == 2).all()
    assert np.array_equal(sample.radar, radar[0])
    assert tuple(sample.geobox.affine[:6]) == (10, 0, 643_260, 0, -10, 5_676_480)


def test_reflectance_with_bands_last_has_no_mask_so_the_detector_is_asked(tmp_path):
    cube = np.random.default_rng(0).uniform(0.01, 0.4, (1, 5, 4, 13)).astype("float32")
    cube[0, 0, 0] = np.nan
    arrays = {"s2_l1c": cube, "s2_bands": np.array(L1C_BANDS), "s2_dates": np.array(["2015-07-11T10:00:08"])}
    np.savez(tmp_path / "patch.npz", **arrays, cloud_mask=np.ones((68, 5, 4), "uint8"))
    spec = f"archive:{tmp_path / 'patch.npz'}"
    plain = open_archive(spec).images[0].load()
    assert (plain.level, plain.bands) == ("L1C", L1C_BANDS)
    assert np.array_equal(plain.cloudy, np.moveaxis(cube[0], -1, 0), equal_nan=True)
    assert plain.quality[0, 0] == 0
    assert (plain.quality.ravel()[1:] == 1).all()
    asked = open_archive(spec, lambda sample: np.full(sample.quality.shape, 4)).images[0].load()
    assert (asked.quality == 4).all()


def test_region_and_licence_come_from_a_manifest_above(tmp_path):
    path = write_daily(tmp_path / "site.npz", (0.0,))
    columns = dict.fromkeys((*COLUMNS, "licence"), "")
    row = columns | {"path": "sites/site.npz", "region_id": "TZA_1", "licence": "MIT", "dn_offset": "1000"}
    (tmp_path / "sites").mkdir()
    path = path.rename(tmp_path / "sites" / "site.npz")
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns))
        writer.writeheader()
        writer.writerow(row)
    archive = open_archive(f"archive:{path}")
    assert archive.region == archive.images[0].region == "TZA_1"
    assert archive.images[0].licence == "MIT"
    assert archive.images[0].load().encoding["offset"] == -1000


def test_a_second_image_of_a_day_is_left_out_and_said(tmp_path):
    path = write_daily(tmp_path / "a.npz", (0.0, 0.5), s2_dates=np.array(["2020-06-02", "2020-06-02"]))
    archive = open_archive(f"archive:{path}")
    assert len(archive.images) == 1
    assert [one.reason for one in archive.skipped] == ["is a second image of that day"]


def test_from_and_until_limit_the_inputs_only(tmp_path):
    path = write_daily(tmp_path / "a.npz", (0.0,) * 5)
    archive = open_archive(f"archive:{path},from={day(1)},until={day(3)}")
    assert [image.day for image in archive.inputs] == [day(1), day(2), day(3)]
    assert len(archive.images) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"s2_dates": np.array(["2020-06-01"])}, "expected numbers for 1 dates and 4 bands"),
        ({"s2_dates": np.array(["June", "July"])}, "the date 'June' cannot be read"),
        ({"s2_10m_bands": np.array(["B02", "B02", "B04", "B08"])}, "name each band of Sentinel-2 once"),
        ({"s2_20m_bands": np.array(["B05"])}, "expected numbers for 2 dates and 1 bands"),
        ({"scl_20m": np.zeros((2, 5, 5), "uint8")}, "lies on no grid of (32, 32)"),
        ({"s1_bands": np.array(["VH", "VV"])}, "its radar holds VH VV; expected VV VH in dB"),
        ({"s2_10m": None, "s2_20m": None}, "holds no dated Sentinel-2 images"),
        ({"s2_10m": None, "s2_20m": None, "months": np.array(["2020-06"])}, "monthly composites"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path, changes, words):
    path = write_daily(tmp_path / "a.npz", (0.0, 0.5), **changes)
    with pytest.raises(OptionError) as caught:
        open_archive(f"archive:{path}")
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("level=L1C", "arrays of this layout are L2A"),
        ("bands=B02", "leave out bands"),
        ("bbox=1:2:3:4", "leave out bbox"),
        ("from=2020", "write it as in from=2020-01-31"),
        ("from=2020-06-09,until=2020-06-01", "swap them"),
        ("radar_days=many", "expected a whole number"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, words):
    path = write_daily(tmp_path / "a.npz", (0.0,))
    with pytest.raises(OptionError) as caught:
        open_archive(f"archive:{path},{options}")
    assert words in str(caught.value)


def test_unknown_classes_are_refused_when_they_are_read(tmp_path):
    path = write_daily(tmp_path / "a.npz", (0.0,), scl_20m=np.full((1, 16, 16), 77, "uint8"))
    with pytest.raises(QualityError, match="holds the codes"):
        open_archive(f"archive:{path}").images[0].load()


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(RasterError, match="cannot be read as NumPy arrays"):
        open_archive(f"archive:{tmp_path / 'a.npz'}")
    np.savez(tmp_path / "b.npz", s2=np.array([{"a": 1}], dtype=object), s2_dates=np.array(["2020-01-01"]))
    with pytest.raises(RasterError, match="cannot be read"):
        open_archive(f"archive:{tmp_path / 'b.npz'}")
    (tmp_path / "c.txt").write_text("c")
    with pytest.raises(OptionError, match="is no archive; give a folder with optical/"):
        open_archive(f"archive:{tmp_path / 'c.txt'}")


SITES = {
    "worldcereal_s1_s2_series/00002806639B424A.npz": (118, 118, 10, "WC_00002806639B424A"),
    "worldcereal_s1_s2_series/000028085BF08E7E.npz": (143, 143, 6, "WC_000028085BF08E7E"),
    "worldcereal_s1_s2_series/2021_TZA_COPERNICUS-GEOGLAM_POLY_1101950.npz": (
        134, 133, 6, "WC_2021_TZA_COPERNICUS-GEOGLAM_POLY_1101950",
    ),
    "openeo_s1_s2_cube/belgium_2023-04.npz": (12, 12, 4, "OEO_belgium_643500_5676100"),
    "eolearn_slovenia/eopatch_465181_5079244.npz": (5, 0, 13, "EOL_slovenia"),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_real_sites(collection, name):
    dates, with_radar, bands, region = SITES[name]
    archive = open_archive(f"archive:{collection / name}")
    assert len(archive.images) == dates
    assert sum(image.radar_apart is not None for image in archive.images) == with_radar
    assert archive.region == region
    sample = archive.images[dates // 2].load()
    assert len(sample.bands) == bands
    assert 0.005 < np.nanmedian(sample.cloudy) < 1
    assert sample.radar is None or -30 < np.nanmedian(sample.radar) < 0
