"""Simulated patches of scene classes: mixed like real ones, unlike each other, a function of their spec."""

import numpy as np
import pytest

from sunbreak.bands import L1C_BANDS
from sunbreak.errors import OptionError
from sunbreak.simulate.biomes import biome_of
from sunbreak.simulate.cover import landscape
from sunbreak.simulate.noise import Grid
from sunbreak.simulate.scene_classes import SCENE_CLASSES, SceneClassSpec, draw_patch

LABELS = range(len(SCENE_CLASSES))
LABEL = {kind.name: label for label, kind in enumerate(SCENE_CLASSES)}


@pytest.fixture(scope="module")
def patches():
    return {
        (label, domain): [draw_patch(SceneClassSpec(label, 50 + seed, domain)) for seed in range(2)]
        for label in LABELS
        for domain in ("source", "target")
    }


def mean(patches, name, band, domain="target"):
    column = L1C_BANDS.index(band)
    return np.mean([patch.optical[column].mean() for patch in patches[LABEL[name], domain]])


@pytest.mark.parametrize("label", LABELS, ids=lambda label: SCENE_CLASSES[label].name)
def test_the_class_prevails_in_its_patches_and_seldom_fills_them(patches, label):
    kind = SCENE_CLASSES[label]
    for domain in ("source", "target"):
        for patch in patches[label, domain]:
            counted = patch.land_cover == kind.cover
            if kind.spots:
                counted |= patch.land_cover == kind.spots.cover
            assert kind.shares[0] - 0.2 < counted.mean() < kind.shares[1] + 0.2


def test_patches_are_complete_and_plausible(patches):
    for drawn in patches.values():
        for patch in drawn:
            assert (patch.optical.shape, patch.optical.dtype) == ((13, 64, 64), np.float32)
            assert (patch.radar.shape, patch.radar.dtype) == ((2, 64, 64), np.float32)
            assert np.isfinite(patch.optical).all()
            assert np.isfinite(patch.radar).all()
            assert np.abs(patch.optical - 0.5).max() < 0.51
            assert -35.0 < patch.radar.mean() < 5.0


def test_classes_look_like_what_they_are_named(patches):
    assert mean(patches, "bare ground", "B04") > 1.5 * mean(patches, "broadleaved forest", "B04")
    assert mean(patches, "broadleaved forest", "B08", "source") > 1.15 * mean(
        patches, "coniferous forest", "B08", "source"
    )
    assert mean(patches, "open water", "B11") < 0.5 * mean(patches, "wetland", "B11")
    town = [patch.radar[0].mean() for patch in patches[LABEL["settlement"], "target"]]
    water = [patch.radar[0].mean() for patch in patches[LABEL["open water"], "target"]]
    assert min(town) > max(water) + 5.0


def test_the_source_is_seen_by_another_sensor(patches):
    # a softer image: neighbouring pixels of towns, which have most detail, differ less
    def detail(domain):
        return np.mean([np.abs(np.diff(p.optical[3])).mean() for p in patches[LABEL["settlement"], domain]])

    assert detail("source") < 0.8 * detail("target")


def test_a_patch_is_a_function_of_its_spec():
    spec = SceneClassSpec(3, 7, "source", 32)
    first = draw_patch(spec)
    draw_patch(SceneClassSpec(4, 8))
    again = draw_patch(spec)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.radar, draw_patch(SceneClassSpec(3, 8, "source", 32)).radar)
    assert not np.array_equal(first.radar, draw_patch(SceneClassSpec(3, 7, "target", 32)).radar)


@pytest.mark.parametrize("size", [33, 128])
def test_any_size_and_level_can_be_drawn(size):
    patch = draw_patch(SceneClassSpec(6, 1, "source", size, "L2A"))
    assert patch.optical.shape == (12, size, size)
    assert patch.land_cover.shape == (size, size)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": 10}, "label is 10; it must lie between 0 and 9"),
        ({"label": 0, "domain": "moon"}, "domain 'moon' is unknown; choose one of source, target"),
        ({"label": 0, "size": 31}, "size is 31; it must lie between 32 and 256"),
        ({"label": 0, "level": "L3"}, "level 'L3' is unknown; choose one of L1C, L2A"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong, message):
    with pytest.raises(OptionError, match=message):
        SceneClassSpec(**wrong)


def test_a_landscape_of_its_own_biome_is_the_landscape_of_the_seed():
    grid = Grid(3, 5, 40, 48)
    np.testing.assert_array_equal(landscape(grid, 4).land_cover, landscape(grid, 4, biome_of(4)).land_cover)
