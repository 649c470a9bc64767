"""Simulated scene classes as labelled patches."""

import time

import numpy as np
import pytest

from sunbreak.data.labelled.kinds import open_labelled
from sunbreak.errors import OptionError
from sunbreak.legend import Quality


def test_classes_come_in_equal_numbers_and_every_patch_is_its_own_region():
    patches = open_labelled("simulated-classes:n=40")
    assert [patches.labels.count(label) for label in range(10)] == [4] * 10
    assert patches.labels[13] == 3
    assert len(patches.regions) == 40
    assert patches.split == "train"
    assert patches.has_radar
    assert patches.knows_cloud
    assert patches.entries[0].name == "target-train-0-000000"
    assert len(set(patches.classes)) == 10


def test_splits_domains_and_seeds_never_share_a_place():
    sets = [
        open_labelled(f"simulated-classes:n=300,seed={seed},split={split},domain={domain}")
        for seed in (0, 1)
        for split in ("train", "test")
        for domain in ("source", "target")
    ]
    places = [region for patches in sets for region in patches.regions]
    names = [entry.name for patches in sets for entry in patches.entries]
    assert len(set(places)) == len(places) == len(set(names)) == 8 * 300


def test_opening_draws_nothing():
    start = time.perf_counter()
    open_labelled("simulated-classes:n=5000,clouds=simulated")
    assert time.perf_counter() - start < 1.0


def test_a_smaller_set_is_the_start_of_a_larger_one():
    small, large = (open_labelled(f"simulated-classes:n={n},size=32,split=test") for n in (3, 9))
    assert [entry.name for entry in small.entries] == [entry.name for entry in large.entries[:3]]
    np.testing.assert_array_equal(small.entries[2].load().radar, large.entries[2].load().radar)


def test_a_clear_sample_is_complete():
    patches = open_labelled("simulated-classes:n=6,size=48,domain=source")
    sample = patches.entries[5].load()
    assert (sample.cloudy.shape, sample.radar.shape) == ((13, 48, 48), (2, 48, 48))
    assert (sample.bands, sample.level) == (patches.bands, patches.level)
    assert (sample.name, sample.region) == ("source-train-0-000005", patches.entries[5].region)
    np.testing.assert_array_equal(sample.cloudy, sample.clear)
    assert (sample.quality == Quality.CLEAR).all()
    assert sample.same_date


def test_clouds_change_the_optical_image_alone():
    clear = open_labelled("simulated-classes:n=4,size=32")
    cloudy = open_labelled("simulated-classes:n=4,size=32,clouds=blended,cloud_seed=2")
    for before, after in zip(clear, cloudy, strict=True):
        np.testing.assert_array_equal(after.clear, before.clear)
        np.testing.assert_array_equal(after.radar, before.radar)
    assert any((sample.quality != Quality.CLEAR).any() for sample in cloudy)
    assert clear.split_hash != cloudy.split_hash


@pytest.mark.parametrize("option", ["domain=moon", "split=val", "size=16", "n=0", "clouds=real", "level=L2A"])
def test_options_that_are_not_offered_are_refused(option):
    with pytest.raises(OptionError, match=option.split("=")[0]):
        open_labelled(f"simulated-classes:{option}")
