"""Presets: they clip, scale and come back; what is invalid is at the lower end."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sunbreak.bands import CLIP_PRESETS, RADAR_BANDS
from sunbreak.networks.normalise import clip_optical, clip_radar, to_reflectance

PRESETS = pytest.mark.parametrize("preset", CLIP_PRESETS.values(), ids=CLIP_PRESETS)


def radar(vv, vh, valid=1.0):
    return {"radar": torch.tensor([vv, vh]).reshape(1, 2, 1, 1), "radar_valid": torch.full((1, 1, 1, 1), valid)}


@PRESETS
def test_reflectance_comes_back_clipped(preset):
    values = torch.linspace(-0.5, 2.5, 301)
    again = to_reflectance(clip_optical({"optical": values}, preset), preset)
    assert torch.allclose(again, values.clamp(*preset.reflectance), atol=1e-6)


@PRESETS
@settings(max_examples=30)
@given(vv=st.floats(-60, 20), vh=st.floats(-60, 20))
def test_radar_stays_within_its_range_and_keeps_its_order(preset, vv, vh):
    found = clip_radar(radar(vv, vh), preset).flatten()
    bottom, top = preset.radar_range
    assert bool(((found >= bottom - 1e-5) & (found <= top + 1e-5)).all())
    brighter = clip_radar(radar(vv + 1, vh + 1), preset).flatten()
    for index, (low, high) in enumerate(preset.radar_db):
        inside = low < (vv, vh)[index] < high - 1
        assert brighter[index] > found[index] if inside else brighter[index] >= found[index]


@PRESETS
def test_the_ends_of_the_intervals_become_the_ends_of_the_range(preset):
    for end in (0, 1):
        at_end = radar(*(limits[end] for limits in preset.radar_db))
        assert clip_radar(at_end, preset).flatten().tolist() == pytest.approx([preset.radar_range[end]] * 2)
        optical = clip_optical({"optical": torch.tensor(preset.reflectance[end])}, preset)
        assert optical.item() == pytest.approx(preset.optical_range[end])


@PRESETS
def test_invalid_radar_is_at_the_lower_end(preset):
    assert clip_radar(radar(-3.0, -3.0, valid=0.0), preset).flatten().tolist() == [preset.radar_range[0]] * 2


@PRESETS
def test_a_preset_has_one_interval_a_polarisation(preset):
    assert len(preset.radar_db) == len(RADAR_BANDS)


@pytest.mark.parametrize(
    ("name", "optical", "vv", "vh"),
    [
        ("dsen2-cr", 2.0, 1.2, 18 / 13),
        ("uncrtaints", 0.4, 0.6, 0.6),
        ("geocr", -0.2, 1 / 3, 1 / 3),
        ("glf-cr", 0.4, 0.6, 9 / 13),
    ],
)
def test_published_values(name, optical, vv, vh):
    preset = CLIP_PRESETS[name]
    assert clip_optical({"optical": torch.tensor(0.4)}, preset).item() == pytest.approx(optical)
    assert clip_radar(radar(-10.0, -10.0), preset).flatten().tolist() == pytest.approx([vv, vh])
