"""Clouds over labelled patches: drawn by name, in any order, the clear patch kept."""

from dataclasses import replace

import numpy as np
import pytest

from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, cloud_cover, clouded
from sunbreak.data.labelled.patches import LabelledEntry
from sunbreak.data.sample import Sample
from sunbreak.data.spec import SpecForm, parse_spec
from sunbreak.legend import Quality

FORM = SpecForm(CLOUD_OPTIONS)
CLOUDS = (Quality.THIN_CLOUD, Quality.THICK_CLOUD)


def spec_of(text):
    return parse_spec(f"patches:{text}", {"patches": FORM})


def entry_of(name, knows_clear=False):
    optical = np.random.default_rng(len(name)).uniform(0.02, 0.2, (3, 40, 40)).astype(np.float32)
    optical[:, 0, 0] = np.nan
    quality = np.where(np.isnan(optical[0]), Quality.NODATA, Quality.CLEAR).astype(np.uint8)
    sample = Sample(name, "here", "L2A", ("B04", "B03", "B02"), optical, quality)
    return LabelledEntry(name, "here", 2, lambda: replace(sample, clear=optical) if knows_clear else sample)


def names_with(wanted, count):
    return [name for name in (f"p{index}" for index in range(400)) if wanted(cloud_cover(name))][:count]


def name_with(wanted):
    return names_with(wanted, 1)[0]


def test_cover_is_zero_for_8_one_for_12_and_uniform_for_the_rest():
    covers = np.array([cloud_cover(f"p{index}", 3) for index in range(20_000)])
    assert (covers == 0.0).mean() == pytest.approx(0.08, abs=0.01)
    assert (covers == 1.0).mean() == pytest.approx(0.12, abs=0.01)
    rest = covers[(covers > 0.0) & (covers < 1.0)]
    counts, _ = np.histogram(rest, 5, (0.0, 1.0))
    np.testing.assert_allclose(counts / rest.size, 0.2, atol=0.015)


def test_without_clouds_the_entries_are_as_they_came():
    entries = (entry_of("a"), entry_of("b"))
    assert clouded(entries, spec_of("cloud_seed=4")) == entries


@pytest.mark.parametrize("generator", ["simulated", "blended"])
@pytest.mark.parametrize("knows_clear", [True, False])
def test_a_patch_lies_under_its_cover_and_keeps_its_clear_image(generator, knows_clear):
    name = name_with(lambda cover: 0.4 < cover < 0.6)
    base = entry_of(name, knows_clear)
    (entry,) = clouded([base], spec_of(f"clouds={generator}"))
    assert (entry.name, entry.region, entry.label) == (base.name, base.region, base.label)
    sample, clear = entry.load(), base.load().cloudy
    np.testing.assert_array_equal(sample.clear, clear)
    assert sample.same_date
    assert np.isin(sample.quality, CLOUDS).mean() == pytest.approx(cloud_cover(name), abs=0.06)
    assert sample.quality[0, 0] == Quality.NODATA
    assert np.isnan(sample.cloudy[:, 0, 0]).all()
    thick = sample.quality == Quality.THICK_CLOUD
    assert not thick.any() or (sample.cloudy - clear)[:, thick].mean() > 0.05


@pytest.mark.parametrize("generator", ["simulated", "blended"])
def test_patches_drawn_clear_keep_their_bits_and_those_drawn_full_are_full(generator):
    names = [name_with(lambda cover: cover == 0.0), *names_with(lambda cover: cover == 1.0, 6)]
    free, *full = (entry.load() for entry in clouded(map(entry_of, names), spec_of(f"clouds={generator}")))
    np.testing.assert_array_equal(free.cloudy, free.clear)
    assert (free.quality[1:] == Quality.CLEAR).all()
    assert all(np.isin(sample.quality[1:], CLOUDS).all() for sample in full)
    assert any((sample.quality == Quality.THIN_CLOUD).any() for sample in full)


@pytest.mark.parametrize("generator", ["simulated", "blended"])
def test_skies_depend_on_name_and_seed_alone(generator):
    names = [f"p{index}" for index in range(4)]
    forward = clouded(map(entry_of, names), spec_of(f"clouds={generator}"))
    backward = clouded(map(entry_of, reversed(names)), spec_of(f"clouds={generator}"))
    first = {entry.name: entry.load() for entry in forward}
    for entry in backward:
        np.testing.assert_array_equal(entry.load().cloudy, first[entry.name].cloudy)
    other = clouded(map(entry_of, names), spec_of(f"clouds={generator},cloud_seed=1"))
    assert any(not np.array_equal(entry.load().quality, first[entry.name].quality) for entry in other)
