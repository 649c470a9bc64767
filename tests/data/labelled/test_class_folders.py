import numpy as np
import pytest

from labelled_layouts import write_picture
from sunbreak.data.labelled import open_labelled
from sunbreak.data.labelled.class_folders import BANDS, shrink
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality


def picture(height=80, width=80, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype("uint8")


def refused(words, spec, kind=OptionError):
    with pytest.raises(kind) as caught:
        list(open_labelled(spec))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


LAYOUTS = {
    "UC Merced": ("UCMerced_LandUse/Images/river/river00.tif", "UCMerced_LandUse/Images/forest/forest01.tif"),
    "PatternNet": ("PatternNet/images/river/river001.jpg", "PatternNet/images/forest/forest002.jpg"),
    "RESISC45": ("river/river_001.jpg", "forest/forest_002.jpg"),
    "AID": ("AID/River/river_1.jpg", "AID/Forest/forest_2.jpg"),
    "PNG": ("river/1.png", "forest/2.png"),
}


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_the_public_layouts_are_read(tmp_path, files):
    for file in files:
        write_picture(tmp_path / file, picture())
    patches = open_labelled(f"class-folders:{tmp_path}")
    assert [name.lower() for name in patches.classes] == ["forest", "river"]
    assert patches.labels == (0, 1)
    assert (patches.bands, patches.level, patches.size) == (BANDS, "L2A", 64)
    assert (patches.has_radar, patches.knows_cloud) == (False, True)
    for sample in patches:
        assert sample.cloudy.shape == (3, 64, 64)
        assert sample.cloudy.dtype == np.float32
        assert sample.radar is None
        assert (sample.quality == Quality.CLEAR).all()


def test_255_becomes_white_and_0_stays_dark_but_measured(tmp_path):
    values = np.zeros((64, 64, 3), "uint8")
    values[:32] = (255, 51, 0)
    write_picture(tmp_path / "a" / "a.png", values)
    (sample,) = open_labelled(f"class-folders:{tmp_path}")
    assert np.allclose(sample.cloudy[:, 0, 0], [0.3, 0.06, 0])
    assert (sample.cloudy[:, 63] == 0).all()
    (brighter,) = open_labelled(f"class-folders:{tmp_path},white=0.6")
    assert np.allclose(brighter.cloudy, 2 * sample.cloudy)


def test_the_level_is_what_the_user_says(tmp_path):
    write_picture(tmp_path / "a" / "a.png", picture())
    for option, level in (("", "L2A"), (",level=L2A", "L2A"), (",level=L1C", "L1C")):
        patches = open_labelled(f"class-folders:{tmp_path}{option}")
        (sample,) = patches
        assert patches.level == sample.level == level
    refused(["level=L3: choose from L1C, L2A"], f"class-folders:{tmp_path},level=L3")


def test_a_whole_factor_averages_blocks(tmp_path):
    values = picture(128, 128)
    write_picture(tmp_path / "a" / "a.png", values)
    (sample,) = open_labelled(f"class-folders:{tmp_path},size=32,white=2.0")
    blocks = np.moveaxis(values, -1, 0).reshape(3, 32, 4, 32, 4).mean(axis=(2, 4))
    assert np.allclose(sample.cloudy, blocks * 2 / 255, atol=1e-5)


@pytest.mark.parametrize(("height", "width", "size"), [(25, 25, 16), (33, 32, 12), (14, 18, 5), (9, 9, 1)])
def test_any_factor_averages_the_area_of_the_middle_square(height, width, size):
    image = np.random.default_rng(1).random((2, height, width))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[:, top : top + side, left : left + side]
    # every pixel cut into size x size parts, of which side x side make one of the result
    parts = square.repeat(size, axis=1).repeat(size, axis=2)
    expected = parts.reshape(2, size, side, size, side).mean(axis=(2, 4))
    assert np.allclose(shrink(image, size), expected, atol=1e-6)


def test_pictures_of_the_right_size_are_not_touched():
    image = np.random.default_rng(2).integers(0, 256, (3, 16, 16))
    assert np.array_equal(shrink(image, 16), image)


def test_splits_are_disjoint_stable_and_of_the_right_shares(tmp_path):
    for number in range(300):
        path = tmp_path / "set" / f"class{number % 3}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = {split: open_labelled(f"class-folders:{tmp_path},split={split}") for split in ("train", "val", "test")}
    names = {split: {entry.name for entry in patches.entries} for split, patches in found.items()}
    assert sum(map(len, names.values())) == len(set.union(*names.values())) == 300
    assert 150 < len(names["train"]) < 210
    assert 35 < len(names["val"]) < 85
    assert 35 < len(names["test"]) < 85
    assert {patches.classes for patches in found.values()} == {("class0", "class1", "class2")}
    # the same under another path, and whatever else is in the folder
    other = tmp_path / "elsewhere"
    (tmp_path / "set").rename(other)
    (other / "class0" / "more.jpg").touch()
    again = {entry.name for entry in open_labelled(f"class-folders:{other},split=test").entries}
    assert again - {"class0/more.jpg"} == names["test"]


def test_what_is_no_picture_of_three_colours_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a" / "a.png"
    for array, words in (
        (np.zeros((80, 80, 1), "uint8"), "a.png: holds 1 bands of uint8, expected red, green and blue of 8 bits"),
        (np.zeros((80, 80, 4), "uint8"), "a.png: holds 4 bands of uint8"),
        (np.zeros((80, 80, 3), "uint16"), "a.png: holds 3 bands of uint16"),
    ):
        write_picture(path, array)
        refused([words], f"class-folders:{tmp_path}", RasterError)
    write_picture(path, picture(48, 90))
    refused(["a.png: is 90 x 48 pixels, too small for size=64"], f"class-folders:{tmp_path}", GeometryError)
    path.write_bytes(b"no picture")
    refused(["a.png: is no JPEG, PNG or TIFF"], f"class-folders:{tmp_path}", RasterError)
    path.write_bytes(b"")
    refused(["a.png: is empty"], f"class-folders:{tmp_path}", RasterError)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_pictures_that_are_cut_off_are_refused(tmp_path, name):
    path = write_picture(tmp_path / "a" / name, picture(300, 300))
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        refused([f"{name}: cannot be read", "fetch it again"], f"class-folders:{tmp_path}", RasterError)


def test_folders_without_classes_are_refused(tmp_path):
    refused(["no such folder"], f"class-folders:{tmp_path}/nowhere")
    refused(["holds no class folders"], f"class-folders:{tmp_path}")
    write_picture(tmp_path / "loose.png", picture())
    refused(["holds no class folders", "<Class>/<picture>.jpg"], f"class-folders:{tmp_path}")
    refused(["choose from all, train, val, test"], f"class-folders:{tmp_path},split=half")
    refused(["expected a number"], f"class-folders:{tmp_path},white=bright")


def test_clouds_are_laid_over_three_bands(tmp_path):
    for number in range(8):
        write_picture(tmp_path / "a" / f"{number}.png", picture(32, 32, seed=number))
    for generator in ("simulated", "blended"):
        samples = list(open_labelled(f"class-folders:{tmp_path},size=32,clouds={generator}"))
        assert any((sample.quality != Quality.CLEAR).any() for sample in samples)
        assert all(sample.same_date for sample in samples)
