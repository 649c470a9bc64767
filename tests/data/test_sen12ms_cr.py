import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from public_layouts import (
    LAYOUTS,
    sen12ms_cr_arrays,
    sen12ms_path,
    write_sen12ms_cr,
    write_sen12ms_cr_table,
    write_sen12ms_land_cover,
    write_tiff,
)
from sunbreak.bands import L1C_BANDS
from sunbreak.data import open_data
from sunbreak.data.sen12ms import IGBP_TO_WORLDCOVER, read_land_cover
from sunbreak.data.splits import read_splits
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import LAND_COVER_LEGEND, Quality

PATCH = (1970, 139, 839)
"""Season, region and patch of the test."""
NAME = "ROIs1970_fall_139_p839"


def names(data):
    return [entry.name for entry in data.entries]


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


def test_every_layout_gives_the_same_samples_in_physical_units(tmp_path, layout):
    write_sen12ms_cr(tmp_path, [PATCH], layout=layout)
    data = open_data(f"sen12ms-cr:{tmp_path}")
    (sample,) = data
    arrays = sen12ms_cr_arrays(PATCH)
    assert (data.split, data.skipped, data.regions) == ("test", (), ("ROIs1970_139",))
    assert (sample.name, sample.region, sample.level, sample.bands) == (NAME, "ROIs1970_139", "L1C", L1C_BANDS)
    assert sample.cloudy.dtype == sample.clear.dtype == sample.radar.dtype == np.float32
    assert np.allclose(sample.cloudy, arrays["s2_cloudy"] / 1e4)
    assert np.allclose(sample.clear, arrays["s2"] / 1e4)
    assert np.array_equal(sample.radar, arrays["s1"])
    assert (sample.quality == Quality.CLEAR).all()
    assert sample.geobox.crs.epsg == 32650
    assert sample.encoding == {"dtype": "uint16", "offset": 0, "quantification": 10000, "nodata": None}
    assert not sample.same_date
    assert sample.land_cover is None
    assert sample.series is None


def test_samples_come_by_season_region_and_patch_whatever_the_layout(tmp_path):
    patches = [(1158, 31, 100), (1158, 31, 20), (1158, 140, 3), (1868, 73, 5), PATCH]
    hashes = set()
    for layout in LAYOUTS:
        data = open_data(f"sen12ms-cr:{write_sen12ms_cr(tmp_path / layout, patches, layout=layout)}")
        assert names(data) == [
            "ROIs1158_spring_31_p20",
            "ROIs1158_spring_31_p100",
            "ROIs1158_spring_140_p3",
            "ROIs1868_summer_73_p5",
            NAME,
        ]
        hashes.add(data.split_hash)
    assert len(hashes) == 1


def test_a_season_may_be_merged_while_another_is_not(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH], layout="archives")
    write_sen12ms_cr(tmp_path, [(2017, 63, 1)], layout="seasons")
    assert names(open_data(f"sen12ms-cr:{tmp_path}")) == [NAME, "ROIs2017_winter_63_p1"]


def test_the_same_patch_twice_is_refused(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH], layout="archives")
    write_sen12ms_cr(tmp_path, [PATCH], layout="seasons")
    with pytest.raises(OptionError, match=r"is the same patch as .*remove one of them"):
        open_data(f"sen12ms-cr:{tmp_path}")


def test_membership_is_exact(tmp_path, layout):
    # fall 1 is trained on, and its entry is part of the path of fall 139
    write_sen12ms_cr(tmp_path, [(1970, 1, 1), (1970, 11, 2), (1970, 65, 3), PATCH], layout=layout)
    regions = {
        split: set(open_data(f"sen12ms-cr:{tmp_path},split={split}").regions)
        for split in ("train", "val", "test", "legacy-leaky-train", "all")
    }
    assert regions == {
        "train": {"ROIs1970_1", "ROIs1970_11"},
        "val": {"ROIs1970_65"},
        "test": {"ROIs1970_139"},
        "legacy-leaky-train": {"ROIs1970_1", "ROIs1970_11", "ROIs1970_65", "ROIs1970_139"},
        "all": {"ROIs1970_1", "ROIs1970_11", "ROIs1970_65", "ROIs1970_139"},
    }


def test_the_same_number_in_another_season_is_another_region(tmp_path):
    # 17 is val in spring and summer, 31 is test in spring and train in summer and fall
    write_sen12ms_cr(tmp_path, [(1158, 31, 1), (1868, 31, 1), (1970, 31, 1)])
    assert names(open_data(f"sen12ms-cr:{tmp_path}")) == ["ROIs1158_spring_31_p1"]
    assert open_data(f"sen12ms-cr:{tmp_path},split=train").regions == ("ROIs1868_31", "ROIs1970_31")


def test_never_leaked_takes_four_regions_of_the_test(tmp_path):
    test = read_splits("sen12ms-cr").regions["test"]
    patches = [(*(int(part) for part in region.removeprefix("ROIs").split("_")), 1) for region in test]
    write_sen12ms_cr(tmp_path, patches, size=4)
    data = open_data(f"sen12ms-cr:{tmp_path},split=never-leaked")
    assert data.regions == ("ROIs1158_31", "ROIs1158_44", "ROIs2017_108", "ROIs2017_63")
    assert data.split == "never-leaked"
    assert len(open_data(f"sen12ms-cr:{tmp_path}")) == 10


def test_regions_of_no_list_are_skipped_with_a_reason(tmp_path, layout):
    write_sen12ms_cr(tmp_path, [PATCH, (1970, 140, 1), (1970, 140, 2)], layout=layout)
    for split in ("test", "all"):
        data = open_data(f"sen12ms-cr:{tmp_path},split={split}")
        assert names(data) == [NAME]
        assert [tuple(vars(one).values()) for one in data.skipped] == [
            ("ROIs1970_140", "region is in no list of SEN12MS-CR")
        ]


@pytest.mark.parametrize("part", ["s1", "s2", "s2_cloudy"])
def test_a_sample_without_a_partner_is_skipped_and_the_file_named(tmp_path, layout, part):
    write_sen12ms_cr(tmp_path, [PATCH, (1970, 139, 1)], layout=layout)
    path = sen12ms_path(tmp_path, *PATCH, part, layout)
    path.unlink()
    data = open_data(f"sen12ms-cr:{tmp_path}")
    assert names(data) == ["ROIs1970_fall_139_p1"]
    (skipped,) = data.skipped
    assert skipped.name == NAME
    missing = f"{path.parent.name}/{path.name}" if layout == "flat" else path.name
    assert skipped.reason == f"no file {missing}"


def test_radar_may_be_missing_or_hidden_when_asked(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH])
    write_sen12ms_cr(tmp_path, [(1970, 139, 9)], parts=("s2", "s2_cloudy"))
    first, second = open_data(f"sen12ms-cr:{tmp_path},radar=any")
    assert first.radar is None
    assert second.radar is not None
    assert [sample.radar for sample in open_data(f"sen12ms-cr:{tmp_path},radar=none")] == [None, None]
    assert len(open_data(f"sen12ms-cr:{tmp_path}")) == 1


def test_files_of_other_names_are_left_out_with_a_reason(tmp_path, layout):
    write_sen12ms_cr(tmp_path, [PATCH], layout=layout)
    folder = sen12ms_path(tmp_path, *PATCH, "s2", layout).parent
    strangers = ["ROIs1970_fall_s2_13_p1.tif", "ROIs1970_summer_139_p1.tif", "ROIs1970_fall_139_p1_copy.tif"]
    for name in strangers:
        (folder / name).write_bytes(b"")
    for name in ("._hidden.tif", "notes.txt"):
        (folder / name).write_bytes(b"")
    data = open_data(f"sen12ms-cr:{tmp_path}")
    assert names(data) == [NAME]
    assert {one.name for one in data.skipped} == set(strangers)
    assert {one.reason for one in data.skipped} == {f"not named like the files of {folder.name}"}


@pytest.mark.parametrize("separator", [",", "\t"])
def test_splits_of_a_table_are_not_believed(tmp_path, separator):
    write_sen12ms_cr(tmp_path, [PATCH, (1970, 139, 5), (1970, 1, 1)], layout="flat")
    write_sen12ms_cr_table(tmp_path, [PATCH, (1970, 1, 1)], split=1, separator=separator)
    assert names(open_data(f"sen12ms-cr:{tmp_path},split=train")) == ["ROIs1970_fall_1_p1"]
    assert names(open_data(f"sen12ms-cr:{tmp_path}")) == ["ROIs1970_fall_139_p5", NAME]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_rows_of_a_table_without_files_are_skipped(tmp_path, separator):
    write_sen12ms_cr(tmp_path, [PATCH], layout="flat")
    write_sen12ms_cr_table(tmp_path, [PATCH, (1970, 139, 7), (1970, 1, 1)], separator=separator)
    (skipped,) = open_data(f"sen12ms-cr:{tmp_path}").skipped
    assert skipped.name == "ROIs1970_fall_139_p7"
    assert skipped.reason.startswith(
        "no file s2_cloudy/ROIs1970_fall_139_p7.tif, s2_cloudfree/ROIs1970_fall_139_p7.tif"
    )


def test_flat_folders_may_be_spelt_with_a_capital(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH], layout="flat")
    (tmp_path / "s2_cloudfree").rename(tmp_path / "s2_cloudFree")
    assert names(open_data(f"sen12ms-cr:{tmp_path}")) == [NAME]


def test_invalid_radar_and_empty_optical_become_no_data(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH])
    arrays = sen12ms_cr_arrays(PATCH)
    arrays["s1"][0, 2, 3], arrays["s1"][1, 4, 4], arrays["s1"][0, 5, 5] = np.nan, -np.inf, 0.0
    arrays["s2_cloudy"][:, 1, 1] = 0
    arrays["s2_cloudy"][10, 6, 6] = 0
    for part in ("s1", "s2_cloudy"):
        write_tiff(sen12ms_path(tmp_path, *PATCH, part), arrays[part])
    (sample,) = open_data(f"sen12ms-cr:{tmp_path}")
    assert np.argwhere(np.isnan(sample.radar)).tolist() == [[0, 2, 3], [1, 4, 4]]
    assert sample.radar[0, 5, 5] == 0
    assert np.isnan(sample.cloudy[:, 1, 1]).all()
    assert np.isnan(sample.cloudy[10, 6, 6])
    assert np.argwhere(sample.quality == Quality.NODATA).tolist() == [[1, 1]]


def test_detector_sets_the_quality(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH])

    def bright(sample):
        return np.where(sample.cloudy[1] > 0.5, Quality.THICK_CLOUD, sample.quality)

    (sample,) = open_data(f"sen12ms-cr:{tmp_path}", detector=bright)
    assert (sample.quality[:8] == Quality.THICK_CLOUD).all()
    assert (sample.quality[8:] == Quality.CLEAR).all()
    assert sample.quality.dtype == np.uint8


@pytest.mark.parametrize(
    ("part", "array", "words"),
    [
        ("s2_cloudy", np.ones((12, 16, 16), "uint16"), "12 bands of uint16; expected an optical image (13 bands of"),
        ("s2", np.ones((1, 16, 16), "uint8"), "1 band of uint8, which seems to be a land cover map; expected an opti"),
        ("s2", np.ones((13, 16, 16), "float32"), "13 bands of float32; expected an optical image (13 bands of uint16)"),
        ("s2", np.ones((13, 16, 16), "uint8"), "13 bands of uint8; expected an optical image (13 bands of uint16)"),
        ("s2", np.ones((2, 16, 16), "float32"), "2 bands of float32, which seems to be a radar image; expected an opt"),
        ("s1", np.ones((1, 16, 16), "float32"), "1 band of float32, which seems to be a cloud mask; expected a radar"),
        ("s1", np.ones((2, 16, 16), "int16"), "2 bands of int16; expected a radar image (2 bands of float32)"),
    ],
)
def test_files_of_another_kind_are_refused_by_name(tmp_path, part, array, words):
    write_sen12ms_cr(tmp_path, [PATCH])
    path = write_tiff(sen12ms_path(tmp_path, *PATCH, part), array)
    with pytest.raises(RasterError) as caught:
        list(open_data(f"sen12ms-cr:{tmp_path}"))
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_copies_with_signed_or_longer_numbers_are_read_as_well(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH])
    (published,) = open_data(f"sen12ms-cr:{tmp_path}")
    for part, dtype in (("s2", "int16"), ("s2_cloudy", "int16"), ("s1", "float64")):
        write_tiff(sen12ms_path(tmp_path, *PATCH, part), sen12ms_cr_arrays(PATCH)[part].astype(dtype))
    (copied,) = open_data(f"sen12ms-cr:{tmp_path}")
    assert copied.encoding["dtype"] == "int16"
    for name in ("cloudy", "clear", "radar"):
        assert np.array_equal(getattr(copied, name), getattr(published, name))


def test_sizes_must_agree_within_a_sample(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH])
    path = write_tiff(sen12ms_path(tmp_path, *PATCH, "s1"), np.ones((2, 16, 15), "float32"))
    with pytest.raises(GeometryError, match=rf"{path.name}: is \(16, 15\) pixels, expected \(16, 16\)"):
        list(open_data(f"sen12ms-cr:{tmp_path}"))


@pytest.mark.parametrize("part", ["s1", "s2", "s2_cloudy"])
def test_cut_off_files_are_refused_by_name_and_only_when_read(tmp_path, part):
    write_sen12ms_cr(tmp_path, [PATCH])
    path = sen12ms_path(tmp_path, *PATCH, part)
    path.write_bytes(path.read_bytes()[:-200])
    data = open_data(f"sen12ms-cr:{tmp_path}")
    with pytest.raises(RasterError, match=path.name):
        list(data)


MANY = {"ROIs1158_31": 40, "ROIs1868_73": 12, "ROIs1970_139": 3, "ROIs2017_63": 25}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    # n works on names alone: no file is opened
    root = tmp_path_factory.mktemp("many")
    for region, count in MANY.items():
        season, number = (int(part) for part in region.removeprefix("ROIs").split("_"))
        for patch in range(count):
            for part in ("s1", "s2", "s2_cloudy"):
                path = sen12ms_path(root, season, number, patch * 29, part)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return root


def taken(many, n, seed=0):
    data = open_data(f"sen12ms-cr:{many},n={n},seed={seed}")
    groups = {}
    for entry in data.entries:
        groups.setdefault(entry.region, []).append(int(entry.name.rsplit("_p", 1)[1]) // 29)
    return groups


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 100), seed=st.integers(0, 50))
def test_regions_share_evenly_and_nothing_comes_twice(many, n, seed):
    groups = taken(many, n, seed)
    counts = {region: len(groups.get(region, ())) for region in MANY}
    assert sum(counts.values()) == min(n, sum(MANY.values()))
    open_regions = [counts[region] for region, there in MANY.items() if counts[region] < there]
    assert not open_regions or max(counts.values()) - min(open_regions) <= 1
    for patches in groups.values():
        assert len(set(patches)) == len(patches)
        assert patches == sorted(patches)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(8, 60), seed=st.integers(0, 50))
def test_patches_lie_at_even_distances(many, n, seed):
    for region, patches in taken(many, n, seed).items():
        step = MANY[region] / len(patches)
        assert all(abs(gap - step) < 1 for gap in np.diff(patches))
        assert patches[0] < step


def test_seed_moves_the_choice_and_nothing_else_does(many):
    assert taken(many, 12, 1) == taken(many, 12, 1)
    assert taken(many, 12, 1) != taken(many, 12, 2)
    assert taken(many, 4).keys() == MANY.keys()
    # the published subsets of small studies must not move
    assert taken(many, 3, 0) == {"ROIs1158_31": [24], "ROIs1970_139": [1], "ROIs2017_63": [23]}


def test_zero_takes_all_and_then_a_seed_means_nothing(many):
    assert len(open_data(f"sen12ms-cr:{many}")) == 80
    with pytest.raises(OptionError, match="seed goes with n only"):
        open_data(f"sen12ms-cr:{many},seed=3")


@pytest.mark.parametrize("layout", ["seasons", "archives"])
def test_land_cover_joins_by_season_region_and_patch(tmp_path, layout):
    write_sen12ms_cr(tmp_path / "cr", [PATCH, (1970, 139, 1)])
    write_sen12ms_land_cover(tmp_path / "lc", [PATCH, (1868, 139, 1)], igbp=12, layout=layout)
    first, second = open_data(f"sen12ms-cr:{tmp_path / 'cr'},land_cover={tmp_path / 'lc'}")
    assert first.land_cover is None
    assert second.name == NAME
    assert second.land_cover.dtype == np.uint8
    assert (second.land_cover == 40).all()


def test_land_cover_of_other_patches_only_is_an_error(tmp_path):
    write_sen12ms_cr(tmp_path / "cr", [PATCH])
    write_sen12ms_land_cover(tmp_path / "lc", [(1970, 139, 1), (1970, 13, 839)])
    with pytest.raises(OptionError, match="holds land cover for none of the 1 samples"):
        open_data(f"sen12ms-cr:{tmp_path / 'cr'},land_cover={tmp_path / 'lc'}")
    with pytest.raises(OptionError, match="nowhere: cannot be listed"):
        open_data(f"sen12ms-cr:{tmp_path / 'cr'},land_cover=nowhere")


def test_every_igbp_class_has_a_code_of_the_legend_and_other_values_are_unknown(tmp_path):
    assert sorted(IGBP_TO_WORLDCOVER) == list(range(1, 18))
    assert set(IGBP_TO_WORLDCOVER.values()) <= set(LAND_COVER_LEGEND)
    array = np.ones((4, 16, 16), "uint8")
    array[0].flat[:] = np.arange(256)
    codes = read_land_cover(write_tiff(tmp_path / "lc.tif", array), (16, 16), None).ravel()
    assert codes[1:18].tolist() == [10, 10, 10, 10, 10, 20, 20, 10, 30, 30, 90, 40, 50, 40, 70, 60, 80]
    assert codes[0] == 255
    assert (codes[18:] == 255).all()


@pytest.mark.parametrize(
    ("array", "easting", "error", "words"),
    [
        (np.ones((1, 16, 16), "uint8"), 7e5, RasterError, "holds 1 bands of uint8, expected 4 bands"),
        (np.ones((4, 16, 16), "float32"), 7e5, RasterError, "4 bands of float32, expected 4 bands of uint8"),
        (np.ones((4, 8, 8), "uint8"), 7e5, GeometryError, r"is \(8, 8\) pixels, expected \(16, 16\)"),
        (np.ones((4, 16, 16), "uint8"), 7e5 + 1280, GeometryError, "lies elsewhere than the patch"),
    ],
)
def test_land_cover_that_does_not_fit_is_refused_by_name(tmp_path, array, easting, error, words):
    write_sen12ms_cr(tmp_path, [PATCH])
    path = write_tiff(sen12ms_path(tmp_path, *PATCH, "lc", "seasons"), array, easting=easting)
    with pytest.raises(error, match=rf"{path.name}: .*{words}"):
        list(open_data(f"sen12ms-cr:{tmp_path},land_cover={tmp_path}"))


def test_hash_follows_samples_and_options_but_no_folder(tmp_path):
    for name in ("one", "two"):
        write_sen12ms_cr(tmp_path / name, [PATCH])
        write_sen12ms_land_cover(tmp_path / name, [PATCH])
    spec = "sen12ms-cr:{0},land_cover={0}".format
    one, two = (open_data(spec(tmp_path / name)) for name in ("one", "two"))
    assert one.split_hash == two.split_hash
    assert one.spec.text == spec(tmp_path / "one")
    assert open_data(f"sen12ms-cr:{tmp_path / 'one'}").split_hash != one.split_hash


def test_folder_of_something_else_is_answered_with_the_layouts(tmp_path):
    (tmp_path / "ROIs1970_summer_s1" / "s1_139").mkdir(parents=True)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(OptionError, match=r"selects no sample \(no patch of these regions\); the folder must hold"):
        open_data(f"sen12ms-cr:{tmp_path}")
    with pytest.raises(OptionError, match="missing: cannot be listed"):
        open_data(f"sen12ms-cr:{tmp_path / 'missing'}")


def test_nothing_in_the_split_names_what_was_skipped(tmp_path):
    write_sen12ms_cr(tmp_path, [PATCH], parts=("s2",))
    with pytest.raises(OptionError, match=rf"selects no sample \({NAME}: no file ROIs1970_fall_s2_cloudy_139_p839.tif"):
        open_data(f"sen12ms-cr:{tmp_path}")


def test_real_triplet_under_its_published_name(tmp_path, collection):
    real = collection / "sen12mscr_triplets" / "S12CR_1970_139"
    for part, role in {"s1": "s1", "s2": "s2_clear", "s2_cloudy": "s2_cloudy"}.items():
        path = sen12ms_path(tmp_path, *PATCH, part)
        path.parent.mkdir(parents=True)
        path.symlink_to(real / f"{NAME}_{role}.tif")
    (sample,) = open_data(f"sen12ms-cr:{tmp_path},split=legacy-leaky-train")
    assert sample.cloudy.shape == (13, 256, 256)
    assert np.isfinite(sample.clear).all()
    assert 0.01 < np.median(sample.clear[3]) < 0.3
    assert -45 < np.nanmin(sample.radar) < np.nanmax(sample.radar) < 30


def test_real_land_cover(collection):
    for name, codes in {"ROIs1970_fall_4_p30": {60}, "ROIs2017_winter_27_p36": {20, 30, 40}}.items():
        path = collection / "sen12ms_s2_lc" / f"{name}_lc.tif"
        with rasterio.open(path) as file:
            shape = file.shape
        assert set(np.unique(read_land_cover(path, shape, None))) == codes
