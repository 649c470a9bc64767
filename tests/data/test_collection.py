import csv

import numpy as np
import pytest
import rasterio
from affine import Affine

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.baselines import COMPOSITES
from sunbreak.data import open_data
from sunbreak.data.series import cloud_share
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality
from sunbreak.steps.detect import detect

COLUMNS = ["path", "sample_id", "region_id", "split", "role", "level", "bands", "units", "dn_offset", "quality"]
SIZE = 72


def bright(sample):
    """A stand-in for cloud detection."""
    return np.where(sample.cloudy[0] > 0.5, Quality.THICK_CLOUD, Quality.CLEAR)


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

    def series(self, name, dates, *, size=16, **cells):
        """One image a date, (day, role, share of cloud); the ground darkens by 1 % a date."""
        for number, (day, role, cloud) in enumerate(dates):
            image = np.full((13, size, size), 1000 + 100 * number, "uint16")
            image[:, :, : round(cloud * size)] = 9000
            self.add(name, role, image, suffix=f"_{number}", date=day, **cells)

    def open(self, options="", **extra):
        with (self.folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "date"])
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
    with pytest.raises(RasterError, match=r"a_s1\.tif: no such file, yet the data set lists it"):
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
        (",clouds=simulated,min_cloud=0.1", "min_cloud goes with clouds=real or series only"),
        (",clouds=series,mask=sunbreak", "mask goes with clouds=real only"),
        (",clouds=series,min_cloud=0.1", "min_cloud or max_cloud of a series needs cloud detection"),
        (",split=val", "selects no sample"),
        (",min_cloud=0.9", "selects no sample (share of cloud outside"),
    ],
)
def test_options_that_cannot_be(made, options, words):
    made.triplet("a")
    with pytest.raises(OptionError) as caught:
        made.open(options)
    assert words in str(caught.value)


YEAR = [
    ("2018-01-01", "s2_clear", 0.0),
    ("2018-02-10", "s2_cloudy", 0.5),
    ("2018-02-20", "s2_clear", 0.0),
    ("2018-03-01", "s2_cloudy", 1.0),
    ("2018-06-01", "s2_cloudy", 0.25),
]


def test_a_series_gives_a_sample_for_every_cloudy_date(made):
    made.series("a", reversed(YEAR))
    data = made.open(",clouds=series,radar=any,min_cloud=0.1,max_cloud=0.9", detector=bright)
    assert [entry.name for entry in data.entries] == ["a-2018-02-10", "a-2018-06-01"]
    first, second = data
    assert (first.quality == Quality.THICK_CLOUD).mean() == 0.5
    assert first.series.days == (-40.0, 19.0, 111.0)
    assert second.series.days == (-151.0, -111.0, -92.0)
    # the image of 20 February, the nearest clear one of both, was written third
    assert np.allclose(first.clear, 0.12)
    assert np.array_equal(second.clear, first.clear)
    shares = (first.series.quality == Quality.THICK_CLOUD).mean(axis=(1, 2))
    assert shares.tolist() == [0.0, 1.0, 0.25]
    assert not first.same_date
    assert first.radar is None


def test_no_series_holds_its_target(made):
    made.series("a", YEAR)
    for sample in made.open(",clouds=series,radar=any"):
        assert not any(np.array_equal(date, sample.clear) for date in sample.series.optical)
        assert not any(np.array_equal(date, sample.cloudy) for date in sample.series.optical)
        assert len(sample.series.days) == len(YEAR) - 2


def test_without_limits_no_cloud_is_looked_for_while_listing(made):
    made.series("a", YEAR)
    asked = []
    data = made.open(",clouds=series,radar=any", detector=lambda sample: asked.append(1) or bright(sample))
    assert len(data) == 3
    assert not asked
    data.entries[0].load()
    assert len(asked) == len(YEAR)
    # so that a list of regions and samples can be had without detection, and is the same list
    assert made.open(",clouds=series,radar=any").split_hash == data.split_hash


def test_a_series_takes_the_radar_nearest_in_time(made):
    made.series("a", YEAR)
    for level, day in ((-9, "2018-01-02"), (-12, "2018-02-12"), (-15, "")):
        db = np.full((2, 16, 16), level, "float32")
        made.add("a", "s1", db, units="dB", bands=("VV", "VH"), suffix=str(level), date=day)
    radar = [sample.radar[0, 0, 0] for sample in made.open(",clouds=series")]
    assert radar == [-12, -12, -12]
    assert all(sample.radar is None for sample in made.open(",clouds=series,radar=none"))


def test_a_series_without_radar_says_how_to_take_it(made):
    made.series("a", YEAR)
    with pytest.raises(OptionError, match=r"selects no sample .*radar=any"):
        made.open(",clouds=series", detector=bright)


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        (YEAR[1:3], "fewer than 3 dates, two images of one day, or a date that is not given"),
        ([*YEAR, ("", "s2_clear", 0.0)], "fewer than 3 dates, two images of one day, or a date that is not given"),
        ([*YEAR, ("2018-01..2018-05", "s2_clear", 0.0)], "or a date that is not given"),
        ([*YEAR, ("2018-01-01", "s2_clear", 0.0)], "two images of one day"),
        ([YEAR[0], YEAR[2]], "no file with the role s2_cloudy"),
    ],
)
def test_what_is_no_series_is_skipped_with_a_reason(made, dates, reason):
    made.series("good", YEAR)
    made.series("bad", dates)
    (skipped,) = made.open(",clouds=series,radar=any").skipped
    assert skipped.name == "bad"
    assert reason in skipped.reason


def test_dates_of_a_series_must_be_alike(made):
    made.series("a", YEAR)
    made.series("b", YEAR)
    made.add("b", "s2_clear", np.full((12, 16, 16), 900, "uint16"), bands=L2A_BANDS, level="L2A", date="2018-07-01")
    data = made.open(",clouds=series,radar=any")
    assert [(one.name, one.reason) for one in data.skipped] == [("b", "dates differ in bands or level")]
    made.series("c", YEAR[:2])
    made.add("c", "s2_clear", np.full((13, 24, 24), 900, "uint16"), date="2018-07-01")
    with pytest.raises(GeometryError, match="sample c-2018-02-10: its dates differ in size"):
        list(made.open(",clouds=series,radar=any"))


def test_a_missing_date_of_a_series_is_named(made):
    made.series("a", YEAR)
    (made.folder / made.rows[2]["path"]).unlink()
    with pytest.raises(RasterError, match=r"a_s2_clear_2\.tif: no such file"):
        list(made.open(",clouds=series,radar=any"))


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


def test_real_series(collection):
    spec = f"collection:{collection},clouds=series,split=train,radar=any,min_cloud=0.1,max_cloud=0.9"
    data = open_data(spec, detector=detect)
    assert {entry.region for entry in data.entries} == {"S12TS_2017_146"}
    # cloudy by the manifest's own shares; the rule also finds haze on dates that those call clear
    names = {entry.name for entry in data.entries}
    assert {f"S12TS_2017_146_p0-2018-{day}" for day in ("03-07", "09-18")} <= names
    assert not names & {f"S12TS_2017_146_p0-2018-{day}" for day in ("01-31", "04-11", "11-02", "11-27")}
    sample = next(entry for entry in data.entries if entry.name.endswith("09-18")).load()
    assert sample.series.optical.shape == (28, 13, 256, 256)
    assert -256 <= min(sample.series.days) < 0 < max(sample.series.days) <= 95
    # the nearest of those called clear is that of 28 September, ten days later
    assert 10.0 not in sample.series.days
    assert len(set(sample.series.days)) == 28
    assert 0.1 <= cloud_share(sample.quality) <= 0.9
    for compose in COMPOSITES.values():
        image = compose(sample)
        assert image.shape == sample.clear.shape
        assert np.isfinite(image).all()
        assert np.abs(image - sample.clear).mean() < np.abs(sample.cloudy - sample.clear).mean()
