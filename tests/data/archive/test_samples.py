"""Samples of archives: what is an input, what its target, and which dates stand beside it."""

import dataclasses
import pickle

import numpy as np
import pytest

from archive_layouts import NAMES, SIZE, day, dn, scl, write_daily, write_folder
from sunbreak.data import open_data
from sunbreak.data.archive import open_archive, survey
from sunbreak.data.check import check
from sunbreak.errors import OptionError
from sunbreak.evaluation import evaluate
from sunbreak.legend import Quality
from sunbreak.simulate import lay_clouds
from sunbreak.tiles import Window

CLOUDS = (0.0, 0.5, 0.0, 1.0, 0.25, 0.0)
"""Share of cloud of the dates, five days apart."""


@pytest.fixture
def daily(tmp_path):
    return f"archive:{write_daily(tmp_path / 'site.npz', CLOUDS)}"


def days_of(data):
    return [entry.name.removeprefix("site-").removesuffix("-sky0") for entry in data.entries]


def test_clear_dates_get_simulated_clouds_over_the_truth(daily):
    data = open_data(daily)
    assert days_of(data) == [str(day(0)), str(day(2)), str(day(5))]
    assert (data.regions, data.split) == (("site",), "all dates")
    for sample, number in zip(data, (0, 2, 5), strict=True):
        assert sample.same_date
        assert np.allclose(sample.clear[0], dn(number)[0] / 10_000)
        clear = sample.quality == Quality.CLEAR
        assert 0 < clear.mean() < 1
        assert abs(sample.cloudy[:, clear] - sample.clear[:, clear]).mean() < 0.01
        assert (sample.cloudy != sample.clear)[:, ~clear].any()
        assert sample.radar is not None


def test_skies_differ_by_draw_and_seed_and_repeat(daily):
    spec = f"{daily},until={day(0)},draws=2"
    (one, two), (again, _) = (list(open_data(spec)) for _ in range(2))
    (other, _) = open_data(f"{spec},seed=1")
    assert np.array_equal(one.cloudy, again.cloudy)
    assert one.name != two.name
    assert not np.array_equal(one.quality, two.quality)
    assert not np.array_equal(one.quality, other.quality)


def test_the_series_holds_other_dates_only(daily):
    earlier = {sample.name: sample.series for sample in open_data(daily)}
    assert earlier[f"site-{day(0)}-sky0"] is None
    assert earlier[f"site-{day(2)}-sky0"].days == (-10, -5)
    assert earlier[f"site-{day(5)}-sky0"].days == (-25, -20, -15, -10, -5)
    both = {sample.name: sample.series for sample in open_data(f"{daily},series=all")}
    assert both[f"site-{day(0)}-sky0"].days == (5, 10, 15, 20, 25)
    series = both[f"site-{day(2)}-sky0"]
    assert series.days == (-10, -5, 5, 10, 15)
    for position, number in enumerate((0, 1, 3, 4, 5)):
        assert np.allclose(series.optical[position, 0], dn(number, CLOUDS[number])[0] / 10_000)
        assert (series.quality[position] == 3).mean() == CLOUDS[number]


def test_a_series_is_short_and_near(tmp_path):
    data = open_data(f"archive:{write_daily(tmp_path / 'a.npz', (0.0,) * 30)},series=all")
    last, middle = (data.entries[number].load() for number in (29, 15))
    assert last.series.days == tuple(range(-60, 0, 5))
    assert middle.series.days == (*range(-30, 0, 5), *range(5, 35, 5))


def test_dates_too_far_away_stay_out(tmp_path):
    dates = np.array(["2020-01-01", "2020-06-01", "2020-09-28"])
    data = open_data(f"archive:{write_daily(tmp_path / 'a.npz', (0.0,) * 3, s2_dates=dates)},series=all")
    assert [sample.series and sample.series.days for sample in data] == [None, (119,), (-119,)]


def test_cloudy_dates_get_the_nearest_clear_one_as_their_target(daily):
    data = open_data(f"{daily},clouds=real,series=all")
    assert days_of(data) == [str(day(1)), str(day(4))]
    half, quarter = data
    assert not half.same_date
    assert np.allclose(half.clear[0], dn(0)[0] / 10_000)
    assert half.series.days == (5, 10, 15, 20)  # not the target, five days before
    assert np.allclose(quarter.clear[0], dn(5)[0] / 10_000)
    assert quarter.series.days == (-20, -15, -10, -5)
    assert np.allclose(quarter.cloudy[0], dn(4, 0.25)[0] / 10_000)
    assert [one.name for one in open_data(f"{daily},clouds=real,min_cloud=0.4").entries] == [f"site-{day(1)}"]


def test_a_target_is_no_more_than_15_days_away(tmp_path):
    for gap, found in ((15, True), (16, False)):
        dates = np.array(["2020-06-01", f"2020-06-{1 + gap}", "2020-09-01"])
        spec = f"archive:{write_daily(tmp_path / f'{gap}.npz', (0.5, 0.0, 0.0), s2_dates=dates)},clouds=real"
        if found:
            assert len(open_data(spec)) == 1
        else:
            with pytest.raises(OptionError, match="none is cloudy"):
                open_data(spec)


def test_periods_select_inputs_and_leave_series_and_targets(daily):
    data = open_data(f"{daily},from={day(2)},until={day(3)}")
    assert days_of(data) == [str(day(2))]
    assert data.split == f"from {day(2)} until {day(3)}"
    assert next(iter(data)).series.days == (-10, -5)
    real = open_data(f"{daily},clouds=real,from={day(1)},until={day(1)}")
    assert np.allclose(next(iter(real)).clear[0], dn(0)[0] / 10_000)
    assert data.split_hash != open_data(daily).split_hash


def test_pixels_that_the_truth_does_not_show_have_no_target(tmp_path):
    codes = np.stack([scl()[::2, ::2]] * 2)
    codes[1, 0, 0] = 9
    path = write_daily(tmp_path / "a.npz", (0.0, 0.0), scl_20m=codes)
    sample = list(open_data(f"archive:{path}"))[1]
    assert np.isnan(sample.clear[:, :2, :2]).all()
    assert np.isfinite(sample.clear[:, 2:]).all()
    assert (sample.quality[:2, :2] == 3).all()
    assert len(open_data(f"archive:{path},max_cloud=0.001")) == 1


def test_a_cloud_that_the_mask_calls_clear_is_found_by_the_other_dates(tmp_path):
    clouds = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    path = write_daily(tmp_path / "a.npz", clouds, scl_20m=np.stack([scl()[::2, ::2]] * 6))
    looks = survey(open_archive(f"archive:{path}").images)
    assert [look.trusted for look in looks] == [cloud == 0 for cloud in clouds]
    assert all(look.unclear == 0 for look in looks)
    assert f"a-{day(3)}-sky0" not in {entry.name for entry in open_data(f"archive:{path}").entries}
    # with too few others the mask alone decides
    few = write_daily(tmp_path / "few.npz", (0.0, 1.0), scl_20m=np.stack([scl()[::2, ::2]] * 2))
    assert len(open_data(f"archive:{few}")) == 2


def test_growing_crops_are_not_taken_for_clouds(tmp_path):
    path = write_daily(tmp_path / "a.npz", (0.0,) * 8)
    with np.load(path) as file:
        arrays = dict(file)
    greener = np.linspace(0.6, 1.4, 8)[:, None, None, None]
    arrays["s2_10m"] = (arrays["s2_10m"] * greener).astype("uint16")
    np.savez(path, **arrays)
    assert all(look.trusted for look in survey(open_archive(f"archive:{path}").images))


def test_large_images_are_scored_at_their_middle(tmp_path):
    root = write_folder(tmp_path / "farm", (0.0, 0.0))
    sample = list(open_data(f"archive:{root},size=16"))[1]
    assert sample.cloudy.shape == (len(NAMES), 16, 16)
    assert sample.series.optical.shape == (1, len(NAMES), 16, 16)
    whole = open_archive(f"archive:{root}").images[1].load(Window(8, 8, 16, 16))
    assert np.array_equal(sample.clear, whole.cloudy)


def test_without_masks_the_detector_decides(tmp_path):
    root = write_folder(tmp_path / "farm", (0.0, 1.0), quality="none")
    bright = lambda sample: np.where(sample.cloudy[0] > 0.4, 3, 1)  # noqa: E731 - the short of it
    found = open_data(f"archive:{root}", detector=bright)
    assert [entry.name for entry in found.entries] == [f"farm-{day(0)}-sky0"]
    assert len(open_data(f"archive:{root}")) == 2


def test_samples_travel_to_workers(daily):
    data = open_data(f"{daily},until={day(2)}")
    entries = pickle.loads(pickle.dumps(data.entries))
    for entry, other in zip(data.entries, entries, strict=True):
        mine, theirs = entry.load(), other.load()
        for field in dataclasses.fields(mine):
            one, two = getattr(mine, field.name), getattr(theirs, field.name)
            if isinstance(one, np.ndarray):
                assert np.array_equal(one, two, equal_nan=one.dtype.kind == "f")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("clouds=real,cover=0.2", "cover goes with clouds=simulated only"),
        ("min_cloud=0.2", "min_cloud goes with clouds=real only"),
        ("from=2021-01-01", "of 0 dates from 2021-01-01 until the last none is clear"),
        ("clouds=blended", "choose from simulated, real"),
        ("split=test", "archive has no option 'split'"),
    ],
)
def test_options_that_select_nothing_or_do_not_fit(daily, options, words):
    with pytest.raises(OptionError) as caught:
        open_data(f"{daily},{options}")
    assert words in str(caught.value)


def test_the_pixel_size_reaches_the_simulator(tmp_path, monkeypatch):
    sizes = []

    def lay(*args, resolution, **fields):
        sizes.append(resolution)
        return lay_clouds(*args, resolution=resolution, **fields)

    monkeypatch.setattr("sunbreak.simulate.lay_clouds", lay)
    bounds = np.array([500_000.0, 5_800_000 - 20 * SIZE, 500_000 + 20 * SIZE, 5_800_000])
    path = write_daily(tmp_path / "a.npz", (0.0,), bounds=bounds)
    next(iter(open_data(f"archive:{path}")))
    assert sizes == [20]


def test_archives_are_evaluated_with_their_series(tmp_path):
    path = write_daily(tmp_path / "site.npz", (0.0,) * 4)
    report = evaluate([], f"archive:{path},from={day(1)},cover=0.2,kind=broken")
    assert "least-cloudy" in report.models
    assert report.summary("least-cloudy", "raw", "all").scores.images == 3
    assert f"from {day(1)}" in report.text()


def test_archives_are_checked(daily):
    report = check(daily)
    assert not report.problems
    assert (report.samples, report.looked_at, report.regions) == (3, 3, 1)


def test_the_years_of_a_real_site(collection):
    path = collection / "worldcereal_s1_s2_series" / "00002806639B424A.npz"
    whole = open_data(f"archive:{path}")
    assert len(whole) == 47  # of 48 that the mask calls clear; one is all cloud
    assert whole.regions == ("WC_00002806639B424A",)
    parts = [open_data(f"archive:{path},{period}") for period in ("until=2018-05-31", "from=2018-06-01")]
    assert sum(map(len, parts)) == 47
    sample = parts[1].entries[0].load()
    assert max(sample.series.days) < 0
    assert len(open_data(f"archive:{path},clouds=real")) == 15
