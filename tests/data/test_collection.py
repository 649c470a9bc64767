import csv

import numpy as np
import pytest
import rasterio
from affine import Affine

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.data import open_data
from sunbreak.errors import GeometryError, OptionError, RasterError

COLUMNS = ["path", "sample_id", "region_id", "split", "role", "level", "bands", "units", "dn_offset", "quality"]
SIZE = 72


class Collection:
    """A collection in the layout of the real one, written file by file."""

    def __init__(self, folder):
        self.folder, self.rows = folder, []

    def add(self, name, role, array, *, region=None, split="test", level="L1C", bands=L1C_BANDS, **cells):
        array = np.asarray(array)
        path = f"{name}/{name}_{role}{cells.pop('suffix', '')}.tif"
        (self.folder / name).mkdir(exist_ok=True)
        where = {"crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
        with rasterio.open(
            self.folder / path, "w", driver="GTiff", count=len(array), height=array.shape[1], width=array.shape[2],
            dtype=array.dtype, **where,
        ) as file:  # fmt: skip
            file.write(array)
        self.line(path, name, region or name, split, role, level, " ".join(bands), **cells)

    def line(self, path, name, region, split, role, level, bands, units="reflectance x10000 (DN)", **cells):
        values = {"dn_offset": 0, "quality": "", "units": units, **cells}
        first = dict(zip(COLUMNS[:7], (path, name, region, split, role, level, bands), strict=True))
        self.rows.append({**first, **values})

    def triplet(self, name, cloud=0.5, *, radar=True, offset=0, **cells):
        rng = np.random.default_rng(len(self.rows))
        clear = rng.integers(500, 3000, (13, SIZE, SIZE)).astype("uint16") + np.uint16(offset)
        mask = np.zeros((1, SIZE, SIZE), "uint8")
        mask[:, : round(cloud * SIZE)] = 1
        self.add(name, "s2_clear", clear, dn_offset=offset, **cells)
        self.add(name, "s2_cloudy", np.where(mask, np.uint16(9000), clear), dn_offset=offset, **cells)
        self.add(name, "mask", mask, units="1=cloud,0=not", level="derived", bands=("cloud",), **cells)
        if radar:
            db = rng.normal(-12, 2, (2, SIZE, SIZE)).astype("float32")
            self.add(name, "s1", db, units="dB", level="GRD sigma0", bands=("VV", "VH"), **cells)

    def open(self, options="", **extra):
        with (self.folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        return open_data(f"collection:{self.folder}{options}", **extra)


@pytest.fixture
def made(tmp_path):
    return Collection(tmp_path)


def test_triplet_is_read_in_physical_units(made):
    made.triplet("a", cloud=0.25, offset=1000)
    (sample,) = made.open()
    assert (sample.name, sample.region, sample.level, sample.bands) == ("a", "a", "L1C", L1C_BANDS)
    assert sample.cloudy.dtype == sample.clear.dtype == sample.radar.dtype == np.float32
    assert sample.clear.min() >= 0.05
    assert sample.clear.max() <= 0.3
    assert np.allclose(sample.cloudy[:, sample.quality == 3], 0.8)
    assert (sample.quality == 3).mean() == pytest.approx(0.25)
    assert sample.encoding["offset"] == -1000
    assert sample.geobox.crs.epsg == 32633
    assert not sample.same_date


def test_stored_zero_is_no_data_and_radar_zero_is_not(made):
    made.triplet("a")
    dark = np.full((13, SIZE, SIZE), 800, "uint16")
    dark[:, 5, 5] = 0
    made.rows = [row for row in made.rows if row["role"] != "s2_cloudy"]
    made.add("a", "s2_cloudy", dark)
    db = np.zeros((2, SIZE, SIZE), "float32")
    db[0, 0, 0] = np.nan
    made.rows = [row for row in made.rows if row["role"] != "s1"]
    made.add("a", "s1", db, units="dB", bands=("VV", "VH"))
    (sample,) = made.open()
    assert sample.quality[5, 5] == 0
    assert np.isnan(sample.cloudy[:, 5, 5]).all()
    assert np.isnan(sample.radar).sum() == 1


def test_cloud_limits_read_the_mask_file(made):
    for name, cloud in (("clear", 0.0), ("half", 0.5), ("full", 1.0)):
        made.triplet(name, cloud)
    data = made.open(",min_cloud=0.02,max_cloud=0.97")
    assert [entry.name for entry in data.entries] == ["half"]
    assert {one.name: one.reason for one in data.skipped} == dict.fromkeys(
        ("clear", "full"), "share of cloud outside min_cloud to max_cloud"
    )
    assert len(made.open()) == 3


def test_splits_and_radar(made):
    made.triplet("a")
    made.triplet("b", radar=False)
    made.triplet("c", split="train")
    names = lambda options: [entry.name for entry in made.open(options).entries]  # noqa: E731
    assert names("") == ["a"]
    assert names(",radar=any") == ["a", "b"]
    assert names(",split=all") == ["a", "c"]
    assert [sample.radar is None for sample in made.open(",radar=none")] == [True, True]


def test_own_mask_is_a_hook(made):
    made.triplet("a")
    (sample,) = made.open(",mask=sunbreak", detector=lambda sample: np.where(sample.cloudy[0] > 0.5, 2, 1))
    assert set(np.unique(sample.quality)) == {1, 2}
    with pytest.raises(OptionError, match="mask=sunbreak needs cloud detection"):
        made.open(",mask=sunbreak")


def test_simulated_clouds_over_clear_images(made):
    made.triplet("a", split="train")
    bands = {"bands": L2A_BANDS, "level": "L2A", "split": "train"}
    made.add("a", "s2_clear", np.full((12, SIZE, SIZE), 2000, "uint16"), suffix="2", dn_offset=1000, **bands)
    data = made.open(",clouds=simulated,draws=2,cover=0.6,seed=4")
    assert [entry.name for entry in data.entries] == ["a-L1C-sky0", "a-L1C-sky1", "a-L2A-sky0", "a-L2A-sky1"]
    assert data.split == "train"
    first, second, other, _ = data
    assert first.same_date
    assert not np.array_equal(first.quality, second.quality)
    assert other.clear[0, 0, 0] == pytest.approx(0.1)
    clear = first.quality == 1
    # the simulator calls a pixel clear up to a faint veil or penumbra
    assert np.abs(first.cloudy[:, clear] - first.clear[:, clear]).mean() < 0.02
    assert np.abs(first.cloudy[:, ~clear] - first.clear[:, ~clear]).mean() > 0.03
    again = next(iter(made.open(",clouds=simulated,draws=2,cover=0.6,seed=4")))
    assert np.array_equal(first.cloudy, again.cloudy)


def test_sizes_may_differ_between_samples_but_not_within(made):
    made.triplet("a")
    made.add("b", "s2_clear", np.full((13, 80, 64), 900, "uint16"))
    made.add("b", "s1", np.full((2, 80, 64), -9, "float32"), units="dB", bands=("VV", "VH"))
    shapes = {sample.name: sample.cloudy.shape for sample in made.open(",clouds=simulated,split=test")}
    assert shapes == {"a-sky0": (13, SIZE, SIZE), "b-sky0": (13, 80, 64)}
    made.rows = [row for row in made.rows if (row["sample_id"], row["role"]) != ("b", "s1")]
    made.add("b", "s1", np.full((2, 64, 64), -9, "float32"), units="dB", bands=("VV", "VH"))
    with pytest.raises(GeometryError, match=r"\(64, 64\) pixels, expected \(80, 64\)"):
        list(made.open(",clouds=simulated,split=test"))


def test_what_is_no_sample_is_skipped_with_a_reason(made):
    made.triplet("good")
    made.triplet("snow", quality="snow_in_clear_target_do_not_use_as_cloud_removal_target")
    made.line("s/s.npz", "series", "s", "test", "s1+s2_series", "L2A", "B02")
    made.add("alone", "s2_cloudy", np.ones((13, 8, 8), "uint16"))
    assert {one.name: one.reason for one in made.open().skipped} == {
        "snow": "unfit as a target",
        "series": ".npz series are not read",
        "alone": "no file with the role s2_clear or mask or s1",
    }


def test_hash_follows_samples_and_options_but_not_the_folder(made, tmp_path):
    made.triplet("a")
    made.triplet("b")
    one = made.open().split_hash
    (tmp_path / "moved").mkdir()
    other = Collection(tmp_path / "moved")
    other.triplet("b")
    other.triplet("a")
    assert other.open().split_hash == one
    assert made.open(",max_cloud=0.9").split_hash != one
    made.triplet("c")
    assert made.open().split_hash != one


def test_missing_and_damaged_files_are_named(made):
    made.triplet("a", cloud=0.5)
    (made.folder / "a" / "a_s1.tif").unlink()
    with pytest.raises(RasterError, match=r"a_s1\.tif: no such file, yet the manifest lists it"):
        list(made.open())
    (made.folder / "a" / "a_s1.tif").write_bytes(b"not a picture")
    with pytest.raises(RasterError, match=r"a_s1\.tif"):
        list(made.open())


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/passwd", "", "a/../../b.tif"])
def test_paths_that_leave_the_folder_are_refused(made, path):
    made.triplet("a")
    made.rows[0]["path"] = path
    with pytest.raises(OptionError, match=r"line 2: path .* must lie inside"):
        made.open()


def test_region_in_two_splits_is_refused(made):
    made.triplet("a", region="north")
    made.triplet("b", region="north", split="train")
    with pytest.raises(OptionError, match="region north is in the splits test and train"):
        made.open()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (",cover=0.3", "cover goes with clouds=simulated only"),
        (",clouds=simulated,min_cloud=0.1", "min_cloud goes with clouds=real only"),
        (",split=val", "selects no sample"),
        (",min_cloud=0.9", "selects no sample (share of cloud outside"),
    ],
)
def test_options_that_cannot_be(made, options, words):
    made.triplet("a")
    with pytest.raises(OptionError) as caught:
        made.open(options)
    assert words in str(caught.value)


def test_folder_without_manifest(tmp_path):
    with pytest.raises(OptionError, match=r"manifest\.csv: no such file; give the folder of a collection"):
        open_data(f"collection:{tmp_path}")
    (tmp_path / "manifest.csv").write_text("path,role\n")
    with pytest.raises(OptionError, match="lacks the columns sample_id"):
        open_data(f"collection:{tmp_path}")


def test_real_collection(collection):
    data = open_data(f"collection:{collection}")
    assert len(data) == 16
    chosen = open_data(f"collection:{collection},min_cloud=0.02,max_cloud=0.97")
    assert len(chosen) == 11
    for sample in chosen:
        assert sample.cloudy.shape == (13, 256, 256)
        assert 0.02 <= (sample.quality == 3).mean() <= 0.97
        assert -45 < sample.radar.min() < sample.radar.max() < 30
        assert np.isfinite(sample.clear).all()


def test_real_clear_images_under_simulated_clouds(collection):
    data = open_data(f"collection:{collection},clouds=simulated")
    assert {entry.region.split("_")[0] for entry in data.entries} == {"S12CR", "TM", "BEN", "S1F11"}
    with_offset = next(entry for entry in data.entries if entry.name.startswith("TM_433D") and "L1C" in entry.name)
    assert np.nanmin(with_offset.load().clear) < 0.01
