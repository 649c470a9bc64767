from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sunbreak.baselines import COMPOSITES, least_cloudy, temporal_median, weighted_mosaic
from sunbreak.data import Sample, Series
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

SIZE = 6
CLOUD, CLEAR, NODATA, SHADOW = Quality.THICK_CLOUD, Quality.CLEAR, Quality.NODATA, Quality.SHADOW


def sample_of(optical, quality, days, *, cloudy=None, seen=None):
    """A sample of two bands whose input is under cloud throughout, unless told otherwise."""
    optical = np.asarray(optical, "float32")
    if optical.ndim == 1:
        optical = np.broadcast_to(optical[:, None, None, None], (len(optical), 2, SIZE, SIZE)).copy()
    shape = optical.shape[1:]
    quality = np.broadcast_to(np.asarray(quality, "uint8"), (len(optical), *shape[1:])).copy()
    cloudy = np.full(shape, 0.9, "float32") if cloudy is None else cloudy
    seen = np.full(shape[1:], CLOUD, "uint8") if seen is None else np.asarray(seen, "uint8")
    return Sample("a", "a", "L2A", ("B02", "B03"), cloudy, seen, series=Series(optical, quality, tuple(days)))


def each(*classes):
    """One class a date."""
    return np.array(classes, "uint8")[:, None, None]


classes = st.sampled_from([NODATA, CLEAR, Quality.THIN_CLOUD, CLOUD, SHADOW])


@st.composite
def samples(draw, dates=5):
    shape = (dates, 2, SIZE, SIZE)
    # reflectance a DN apart, so that a mean of two is exact enough
    optical = draw(hnp.arrays("int16", shape, elements=st.integers(-100, 12_000))) / np.float32(10_000)
    quality = draw(hnp.arrays("uint8", (dates + 1, SIZE, SIZE), elements=classes.map(int)))
    days = draw(st.lists(st.integers(-200, 200), min_size=dates, max_size=dates, unique=True))
    cloudy = draw(hnp.arrays("int16", shape[1:], elements=st.integers(0, 9000))) / np.float32(10_000)
    return sample_of(optical, quality[1:], map(float, days), cloudy=cloudy, seen=quality[0])


def reordered(sample, order):
    series = sample.series
    days = tuple(series.days[index] for index in order)
    return sample_of(series.optical[order], series.quality[order], days, cloudy=sample.cloudy, seen=sample.quality)


@settings(max_examples=20, deadline=None)
@given(samples(), st.permutations(range(5)))
def test_no_composite_depends_on_the_order_of_the_dates(sample, order):
    shuffled = reordered(sample, list(order))
    for compose in COMPOSITES.values():
        assert np.allclose(compose(sample), compose(shuffled), atol=1e-6)
    assert np.array_equal(temporal_median(sample), temporal_median(shuffled))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(-400, 400), min_size=1, max_size=6, unique=True))
def test_a_clear_series_of_constant_reflectance_gives_that_constant(dn, days):
    value = np.float32(dn / 10_000)
    sample = sample_of(np.full(len(days), value), CLEAR, map(float, days))
    for compose in COMPOSITES.values():
        image = compose(sample)
        assert image.dtype == np.float32
        assert np.allclose(image, value, atol=1e-6)
    assert (temporal_median(sample) == value).all()


@settings(max_examples=20, deadline=None)
@given(samples())
def test_median_and_mosaic_stay_within_the_clear_observations(sample):
    optical = np.concatenate([sample.cloudy[None], sample.series.optical])
    clear = (np.concatenate([sample.quality[None], sample.series.quality]) == CLEAR)[:, None]
    lowest = np.where(clear, optical, np.inf).min(axis=0)
    highest = np.where(clear, optical, -np.inf).max(axis=0)
    some = np.isfinite(lowest)
    fallback = least_cloudy(sample)
    for compose in (temporal_median, weighted_mosaic):
        image = compose(sample)
        assert (image[some] >= lowest[some] - 1e-6).all()
        assert (image[some] <= highest[some] + 1e-6).all()
        assert np.array_equal(image[~some], fallback[~some])


@settings(max_examples=20, deadline=None)
@given(samples())
def test_the_median_is_that_of_a_plain_loop(sample):
    optical = np.concatenate([sample.cloudy[None], sample.series.optical])
    quality = np.concatenate([sample.quality[None], sample.series.quality])
    image = temporal_median(sample)
    for row, column in ((0, 0), (2, 5), (5, 1)):
        seen = optical[quality[:, row, column] == CLEAR, :, row, column]
        if len(seen):
            assert np.allclose(image[:, row, column], np.median(seen, axis=0), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(samples())
def test_what_lies_under_cloud_is_never_looked_at(sample):
    # of the least cloudy date everything is taken, so it stays as it is
    kept = least_cloudy(sample)
    hidden = (sample.series.quality != CLEAR)[:, None] & (sample.series.optical != kept)
    optical = np.where(hidden, np.float32(7), sample.series.optical)
    cloudy = np.where(sample.quality != CLEAR, np.float32(7), sample.cloudy)
    other = sample_of(optical, sample.series.quality, sample.series.days, cloudy=cloudy, seen=sample.quality)
    for compose in (temporal_median, weighted_mosaic):
        assert np.array_equal(compose(sample), compose(other))


def test_the_least_cloudy_date_is_taken_whole():
    quality = np.full((3, SIZE, SIZE), CLEAR, "uint8")
    quality[0, :2], quality[1, :1], quality[2, :1, :4], quality[2, 1:, 0] = CLOUD, CLOUD, SHADOW, NODATA
    rng = np.random.default_rng(0)
    optical = rng.uniform(0, 1, (3, 2, SIZE, SIZE)).astype("float32")
    optical[2, :, 1:, 0] = np.nan
    sample = sample_of(optical, quality, (-1.0, 90.0, 2.0))
    # 12, 6, and 4 + 5 of 36 pixels
    assert np.array_equal(least_cloudy(sample), optical[1])


def test_of_equally_cloudy_dates_the_nearest_in_time_is_taken_and_then_the_earlier():
    far = sample_of([0.1, 0.2, 0.3], CLEAR, (40.0, -30.0, 35.0))
    assert (least_cloudy(far) == np.float32(0.2)).all()
    both = sample_of([0.1, 0.2, 0.3], each(CLEAR, CLEAR, CLOUD), (30.0, -30.0, 0.0))
    assert (least_cloudy(both) == np.float32(0.2)).all()


def test_the_median_counts_clear_observations_only():
    sample = sample_of([0.1, 0.2, 0.4, 0.8], each(CLEAR, CLEAR, CLEAR, CLOUD), (1.0, 2.0, 3.0, 4.0))
    assert np.allclose(temporal_median(sample), 0.2)
    even = sample_of([0.1, 0.2, 0.4, 0.8], CLEAR, (1.0, 2.0, 3.0, 4.0))
    assert np.allclose(temporal_median(even), 0.3)


def test_clear_pixels_of_the_input_are_one_observation_among_others():
    seen = np.full((SIZE, SIZE), CLOUD, "uint8")
    seen[:, 0] = CLEAR
    cloudy = np.full((2, SIZE, SIZE), 0.7, "float32")
    sample = sample_of([0.1, 0.3], CLEAR, (-30.0, 30.0), cloudy=cloudy, seen=seen)
    median = temporal_median(sample)
    assert np.allclose(median[:, :, 0], 0.3)
    assert np.allclose(median[:, :, 1:], 0.2)
    mosaic = weighted_mosaic(sample)
    # one pixel from the cloud of its date: a tenth of the full weight
    faded = np.exp(-1)
    assert np.allclose(mosaic[:, :, 0], (0.1 * 0.7 + 0.4 * faded) / (0.1 + 2 * faded))
    assert np.allclose(mosaic[:, :, 1:], 0.2)


def test_pixels_that_are_clear_on_no_date_come_from_the_least_cloudy_one():
    quality = np.full((2, SIZE, SIZE), CLEAR, "uint8")
    quality[:, 0, 0], quality[0, :, 3] = CLOUD, CLOUD
    sample = sample_of([0.1, 0.5], quality, (1.0, 2.0))
    for compose in (temporal_median, weighted_mosaic):
        assert np.allclose(compose(sample)[:, 0, 0], 0.5)
        assert np.allclose(compose(sample)[:, :, 3], 0.5)
    overcast = sample_of([0.6, 0.5], CLOUD, (1.0, 2.0))
    for compose in COMPOSITES.values():
        assert np.allclose(compose(overcast), 0.6)


def test_missing_bands_are_composed_from_the_others_dates():
    optical = np.full((2, 2, SIZE, SIZE), 0.2, "float32")
    optical[1] = 0.4
    optical[0, 1] = np.nan
    sample = sample_of(optical, CLEAR, (1.0, 1000.0))
    for compose in (temporal_median, weighted_mosaic):
        assert np.allclose(compose(sample)[1], 0.4)
    assert np.allclose(weighted_mosaic(sample)[0], 0.2)
    assert np.isnan(least_cloudy(sample)[1]).all()


def test_the_mosaic_trusts_what_is_near_in_time_and_far_from_clouds():
    days = sample_of([0.0, 1.0], CLEAR, (0.0, 30.0))
    assert np.allclose(weighted_mosaic(days), np.exp(-1) / (1 + np.exp(-1)))
    wide = np.zeros((2, 2, 3, 30), "float32")
    wide[1] = 1
    quality = np.full((2, 3, 30), CLEAR, "uint8")
    quality[1, :, 0] = CLOUD
    sample = sample_of(wide, quality, (5.0, -5.0), seen=np.full((3, 30), CLOUD))
    weight = np.minimum(np.arange(30), 10) / 10
    assert np.allclose(weighted_mosaic(sample), weight / (1 + weight))


def test_the_input_and_its_series_stay_as_they_are():
    sample = sample_of([0.1, 0.4], each(CLEAR, CLOUD), (1.0, 2.0))
    before = sample.cloudy.copy(), sample.series.optical.copy(), sample.series.quality.copy()
    for compose in COMPOSITES.values():
        compose(sample)[:] = -1
    after = sample.cloudy, sample.series.optical, sample.series.quality
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_sample_without_other_dates_is_refused(name):
    alone = Sample("lone", "a", "L2A", ("B02",), np.ones((1, 2, 2)), np.ones((2, 2), "uint8"))
    empty = Series(np.empty((0, 1, 2, 2), "float32"), np.empty((0, 2, 2), "uint8"), ())
    for series in (None, empty):
        with pytest.raises(OptionError, match=r"sample lone has no other dates .*clouds=series"):
            COMPOSITES[name](replace(alone, series=series))
