"""Archives in a folder of files."""

import pickle

import numpy as np
import pytest
from affine import Affine

from archive_layouts import NAMES, SIZE, START, day, dn, write_folder
from conftest import UTM, l1c_dn, radar_db, write_raster
from sunbreak.data.archive import open_archive
from sunbreak.errors import OptionError, QualityError
from sunbreak.rasters.pixelmap import compose
from sunbreak.tiles import Window


def reasons(archive):
    return {one.name: one.reason for one in archive.skipped}


def test_files_of_a_day_belong_together(tmp_path):
    archive = open_archive(f"archive:{write_folder(tmp_path / 'farm', (0.0, 0.5))}")
    assert archive.region == "farm"
    assert [image.day for image in archive.images] == [day(0), day(1)]
    assert [image.radar_apart for image in archive.images] == [1, -4]
    assert not archive.skipped
    sample = archive.images[1].load()
    assert (sample.name, sample.level, sample.bands) == (f"farm-{day(1)}", "L2A", NAMES)
    assert np.allclose(sample.cloudy, dn(1, 0.5) / 10_000)
    assert (sample.quality[: SIZE // 2] == 3).all()
    assert (sample.quality[SIZE // 2 :] == 1).all()
    assert np.array_equal(sample.radar, radar_db(SIZE, SIZE, 1))
    assert tuple(sample.geobox.affine[:6]) == tuple(UTM[:6])


def test_a_window_is_the_part_of_the_whole(tmp_path):
    spec = f"archive:{write_folder(tmp_path, (0.3,), quality='scl')},quality_map=scl"
    (image,) = pickle.loads(pickle.dumps(open_archive(spec))).images
    whole, part = image.load(), image.load(Window(5, 3, 9, 20))
    inside = np.s_[5:14, 3:23]
    assert np.array_equal(part.cloudy, whole.cloudy[:, *inside])
    assert np.array_equal(part.quality, whole.quality[inside])
    assert np.array_equal(part.radar, whole.radar[:, *inside])
    assert tuple(part.geobox.affine[:6]) == (10, 0, 500_030, 0, -10, 5_799_950)


def test_a_scene_classification_of_20_m_is_laid_on_the_optical_grid(tmp_path):
    root = write_folder(tmp_path, (0.5,), quality="scl")
    (image,) = open_archive(f"archive:{root},quality_map=scl").images
    assert image.has_mask
    quality = image.load().quality
    assert (quality[: SIZE // 2] == 3).all()
    assert (quality[SIZE // 2 :] == 1).all()


def test_codes_are_not_guessed(tmp_path):
    root = write_folder(tmp_path, (0.5,), quality="scl")
    with pytest.raises(QualityError, match=r"holds the codes \[9\].*quality_map=sunbreak, one of sunbreak, scl"):
        open_archive(f"archive:{root}").images[0].load()


def test_days_without_quality_file_ask_the_detector(tmp_path):
    root = write_folder(tmp_path, (0.5, 0.5))
    next((root / "quality").glob(f"*{day(1):%Y%m%d}*")).unlink()
    first, second = open_archive(f"archive:{root}", lambda sample: np.full(sample.quality.shape, 4)).images
    assert set(np.unique(first.load().quality)) == {1, 3}
    assert (second.load().quality == 4).all()


def test_radar_on_another_grid_is_interpolated_in_linear_power(tmp_path):
    root = write_folder(tmp_path, (0.0,), radar=False)
    level = np.repeat(np.array([-10.0, -17.0], "float32"), 400).reshape(2, 20, 20)
    shifted = compose(UTM, Affine(2, 0, -3.3, 0, 2, -2.7))
    write_raster(root / "radar" / f"rtc_{START:%Y%m%d}.tif", level, descriptions=("VV", "VH"), transform=shifted)
    radar = open_archive(f"archive:{root}").images[0].load().radar
    assert np.allclose(radar[0], -10, atol=1e-5)
    assert np.allclose(radar[1], -17, atol=1e-5)


def test_where_the_nearest_radar_does_not_reach_the_next_stands_in(tmp_path):
    root = write_folder(tmp_path, (0.0,))
    beside = compose(UTM, Affine.translation(SIZE - 4, 0))  # covers the last 4 columns
    names = {"descriptions": ("VV", "VH"), "transform": beside}
    write_raster(root / "radar" / f"edge_{START}.tif", radar_db(SIZE, SIZE, 9), **names)
    (image,) = open_archive(f"archive:{root}").images
    assert image.radar_apart == 0
    assert np.array_equal(image.load().radar, radar_db(SIZE, SIZE, 1))
    assert np.isfinite(image.load(Window(0, SIZE - 4, 8, 4)).radar).all()


def test_what_cannot_be_used_is_skipped_with_the_reason(tmp_path):
    root = write_folder(tmp_path, (0.0, 0.0, 0.0))
    optical = root / "optical"
    settings = {"descriptions": NAMES, "tags": {"PROCESSING_LEVEL": "Level-2A", "BOA_ADD_OFFSET": "0"}}
    write_raster(optical / "other_2020-08-01.tif", dn(0), transform=compose(UTM, Affine.translation(40, 0)), **settings)
    write_raster(optical / "undated.tif", dn(0), **settings)
    write_raster(optical / "fewer_2020-08-03.tif", dn(0)[:4], descriptions=NAMES[:4], tags=settings["tags"])
    write_raster(optical / "unknown_2020-08-04.tif", l1c_dn(SIZE, SIZE)[:4], descriptions=NAMES[:4])
    (optical / "damaged_2020-08-05.tif").write_bytes(b"II*\0")
    (optical / "notes.txt").write_text("not looked at")
    write_raster(root / "radar" / "vv_2020-06-01.tif", radar_db(SIZE, SIZE)[:1], descriptions=("VV",))
    far = {"descriptions": ("VV", "VH"), "transform": compose(UTM, Affine.translation(5000, 0))}
    write_raster(root / "radar" / "far_2020-06-01.tif", radar_db(SIZE, SIZE), **far)
    archive = open_archive(f"archive:{root}")
    assert [image.day for image in archive.images] == [day(0), day(1), day(2)]
    told = reasons(archive)
    for name, words in {
        "optical/other_2020-08-01.tif": "does not lie on the grid of the 4 other files",
        "optical/undated.tif": "tells no day",
        "optical/unknown_2020-08-04.tif": "level=, offset=",
        "optical/damaged_2020-08-05.tif": "not a readable GeoTIFF",
        "radar/vv_2020-06-01.tif": "expected VV and VH",
        "radar/far_2020-06-01.tif": "does not overlap",
    }.items():
        assert words in told.pop(name), name
    (rest,) = told.values()
    assert "other bands" in rest


def test_the_spec_says_what_files_do_not_tell(tmp_path):
    root = write_folder(tmp_path, (0.0,))
    write_raster(root / "optical" / f"fields_{day(0)}.tif", dn(0)[:4])
    spec = f"archive:{root},level=L1C,offset=-1000,bands=B02+B03+B04+B08"
    (image,) = open_archive(spec).images
    sample = image.load()
    assert (sample.level, sample.bands) == ("L1C", ("B02", "B03", "B04", "B08"))
    assert np.allclose(sample.cloudy, (dn(0)[:4].astype(float) - 1000) / 10_000, atol=1e-6)


def test_dates_stand_in_metadata_before_names(tmp_path):
    root = write_folder(tmp_path, (0.0,))
    (path,) = (root / "optical").iterdir()
    tags = {"PROCESSING_LEVEL": "Level-2A", "BOA_ADD_OFFSET": "0", "PRODUCT_START_TIME": "2020-06-03T10:20:31Z"}
    write_raster(path, dn(0), descriptions=NAMES, tags=tags)
    assert str(open_archive(f"archive:{root}").images[0].day) == "2020-06-03"


def test_files_without_georeferencing_count_as_aligned(tmp_path):
    root = write_folder(tmp_path, (0.0,))
    tags = {"PROCESSING_LEVEL": "Level-2A", "BOA_ADD_OFFSET": "0"}
    write_raster(root / "optical" / f"fields_{day(0)}.tif", dn(0), descriptions=NAMES, tags=tags, crs=None)
    for path in (*(root / "quality").iterdir(), *(root / "radar").iterdir()):
        path.unlink()
    write_raster(root / "radar" / f"a_{day(0)}.tif", radar_db(SIZE, SIZE), descriptions=("VV", "VH"), crs=None)
    write_raster(root / "radar" / f"b_{day(0)}.tif", radar_db(8, 8), descriptions=("VV", "VH"), crs=None)
    archive = open_archive(f"archive:{root}")
    sample = archive.images[0].load()
    assert sample.geobox is None
    assert np.array_equal(sample.radar, radar_db(SIZE, SIZE))
    assert "without CRS" in reasons(archive)[f"radar/b_{day(0)}.tif"]


def test_large_images_are_read_at_their_centre(tmp_path, monkeypatch):
    monkeypatch.setattr("sunbreak.data.archive.images.LARGEST", 20)
    (image,) = open_archive(f"archive:{write_folder(tmp_path, (0.0,))}").images
    assert image.shape == (SIZE, SIZE)
    assert np.array_equal(image.load().cloudy, image.load(Window(6, 6, 20, 20)).cloudy)


def test_folders_that_are_no_archive(tmp_path):
    with pytest.raises(OptionError, match="has no folder optical"):
        open_archive(f"archive:{tmp_path}")
    (tmp_path / "optical").mkdir()
    with pytest.raises(OptionError, match="holds no dated optical image"):
        open_archive(f"archive:{tmp_path}")
    write_raster(tmp_path / "optical" / "undated.tif", dn(0), descriptions=NAMES, tags={"PROCESSING_LEVEL": "Level-2A"})
    with pytest.raises(OptionError, match=r"undated.tif: tells no day"):
        open_archive(f"archive:{tmp_path},offset=0")
    with pytest.raises(OptionError, match="no such file or folder"):
        open_archive(f"archive:{tmp_path}/nothing")
