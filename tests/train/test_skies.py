"""Crops under skies of their own: the light is that of the simulator, wherever it is worked out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sunbreak.bands import BANDS_BY_LEVEL, L1C_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate import CloudSpec, SceneSpec, lay_clouds, simulate
from sunbreak.simulate.atmosphere import air_of
from sunbreak.simulate.overlay import HALO
from sunbreak.train import skies
from sunbreak.train.grounds import Ground
from sunbreak.train.laying import laid
from sunbreak.train.mask_errors import ALARMED
from sunbreak.train.samples import SampleOptions, SampleStream
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.skies import crop_under_sky, opened

SIDE = 96
KINDS = ("mixed", "thin", "thick", "broken", "overcast", "fog")
OPTIONS = SampleOptions(
    SceneOptions(seed=5, size=96, with_prior=False, band_dropout=0.5, radar_dropout=0.5), batch=3, crop=64, reuse=4,
    own_skies=True,
)  # fmt: skip


def ground(clouds, level="L1C", bands=None):
    """A clear image with a gap in all bands and one in a single band, and the clouds over it."""
    window = simulate(SceneSpec(size=SIDE, seed=3, level=level, clouds=CloudSpec(cover=0.0)))
    bands = BANDS_BY_LEVEL[level] if bands is None else bands
    image = window.truth[[BANDS_BY_LEVEL[level].index(name) for name in bands]].copy()
    image[:, 20:24, 30:50], image[1, 70:75, 10:12] = np.nan, np.nan
    air = None if clouds is None else air_of(clouds.seed, clouds.sun_elevation)
    sky = np.full((SIDE, SIDE), Quality.CLEAR, np.uint8)
    return Ground(level, bands, image, image, sky, window.radar, window.land_cover, clouds, air)


def as_batch(crop):
    return {name: torch.from_numpy(np.array(array)[np.newaxis]) for name, array in crop.items()}


def unturned(array, turn):
    array = array[..., ::-1] if turn[1] else array
    return np.rot90(array, -int(turn[0]), axes=(-2, -1))


@pytest.fixture
def one_sky(monkeypatch):
    """The sky is as wide as the crop, so that both have one place only, and the simulator can be asked for it."""
    monkeypatch.setattr(skies, "SPAN", SIDE)


@pytest.mark.usefixtures("one_sky")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("level", "bands"), [("L1C", None), ("L2A", ("B12", "B02", "B8A", "B09"))])
def test_light_is_that_of_the_simulator(kind, level, bands):
    one = ground(CloudSpec(seed=8, kind=kind, cover=0.35, sun_elevation=35.0), level, bands)
    crop = crop_under_sky(opened(one), SIDE, np.random.default_rng(2))
    assert "optical" not in crop
    batch = laid(as_batch(crop))
    wanted = lay_clouds(one.optical, bands=one.bands, level=level, clouds=one.clouds)
    assert (wanted.quality == Quality.CLEAR).mean() < 0.9
    turn = crop["sky_turn"]
    assert np.array_equal(unturned(crop["sky"], turn), wanted.quality)
    found = unturned(batch["optical"][0].numpy(), turn)
    places = [L1C_BANDS.index(name) for name in one.bands]
    np.testing.assert_allclose(found[places], np.nan_to_num(wanted.optical, nan=0.0), rtol=2e-5, atol=2e-6)
    absent = [place for place in range(len(L1C_BANDS)) if place not in places]
    assert not found[absent].any()
    # what clouds do not touch keeps its bits
    untouched = np.isfinite(wanted.optical) & (wanted.optical == one.optical)
    assert untouched.any() or kind == "overcast"
    np.testing.assert_array_equal(found[places][untouched], one.optical[untouched])


@pytest.mark.usefixtures("one_sky")
def test_a_crop_is_turned_as_one():
    one = opened(ground(CloudSpec(seed=8, kind="broken", cover=0.3)))
    turns = set()
    for seed in range(12):
        crop = crop_under_sky(one, SIDE, np.random.default_rng(seed))
        batch = laid(as_batch(crop))
        turns.add(tuple(crop["sky_turn"].tolist()))
        same = (batch["optical"] == batch["truth"])[0].all(dim=0)
        touched = crop["sky_light"][:, HALO : HALO + SIDE, HALO : HALO + SIDE].any(axis=0)
        assert unturned(same.numpy(), crop["sky_turn"])[~touched].all()
        assert not same[batch["sky"][0] == Quality.THICK_CLOUD].any()
    assert len(turns) > 4


def test_a_crop_lies_under_its_own_part_of_the_sky(monkeypatch):
    wide = 2 * SIDE
    monkeypatch.setattr(skies, "SPAN", wide)
    clouds = CloudSpec(seed=4, kind="broken", cover=0.4)
    one, shape = ground(clouds), (wide, wide)
    whole = lay_clouds(np.full((13, wide, wide), 0.1, np.float32), bands=L1C_BANDS, level="L1C", clouds=clouds)
    seen = set()
    for seed in range(4):
        crop = crop_under_sky(opened(one), SIDE, np.random.default_rng(seed))
        sky = unturned(crop["sky"], crop["sky_turn"])
        has_data = sky != Quality.NODATA
        found = [(top, left) for top in range(0, SIDE + 1, 6) for left in range(0, SIDE + 1, 6)
                 if (whole.quality[top : top + SIDE, left : left + SIDE] == sky)[has_data].all()]  # fmt: skip
        assert len(found) == 1
        seen.update(found)
        wanted = lay_clouds(
            one.optical, bands=L1C_BANDS, level="L1C", clouds=clouds, origin=found[0], scene_shape=shape
        )
        optical = unturned(laid(as_batch(crop))["optical"][0].numpy(), crop["sky_turn"])
        np.testing.assert_allclose(optical, np.nan_to_num(wanted.optical, nan=0.0), rtol=2e-5, atol=2e-6)
    assert len(seen) > 1


def test_a_mask_errs_alike_wherever_cloud_is_looked_for():
    """Looking for cloud must not find more false ones: of masks that err so, a quarter do it in a crop of this size."""
    clear = opened(ground(CloudSpec(seed=4, cover=0.0)))
    crops = [crop_under_sky(clear, SIDE, np.random.default_rng(seed)) for seed in range(300)]
    alarmed = np.mean([crop["restore"].any() for crop in crops])
    assert 0.1 * ALARMED < alarmed < 0.5 * ALARMED


def test_pairs_with_nothing_to_restore_are_passed_over(monkeypatch):
    cloudy = ground(None)
    cloudy.sky[:40] = Quality.THICK_CLOUD
    drawn = []

    def draw(options, rng, index, attempt):
        drawn.append(attempt)
        return ground(None) if attempt < 2 else cloudy

    monkeypatch.setattr(skies, "draw_ground", draw)
    kept = skies.open_ground(OPTIONS.scenes, 0)
    assert drawn == [0, 1, 2]
    assert (kept.own == Quality.THICK_CLOUD).any()
    monkeypatch.setattr(skies, "draw_ground", lambda *_: ground(None))
    with pytest.raises(OptionError, match="nothing was to be restored"):
        skies.open_ground(OPTIONS.scenes, 0)


def test_pairs_keep_the_sky_they_have():
    one = ground(None)
    cloudy = np.where(np.arange(SIDE) < 40, np.float32(0.9), one.optical)
    sky = np.where(np.arange(SIDE) < 40, Quality.THICK_CLOUD, one.sky[0]).astype(np.uint8)
    kept = opened(one._replace(optical=cloudy, sky=np.broadcast_to(sky, one.sky.shape).copy()))
    crop = crop_under_sky(kept, SIDE, np.random.default_rng(1))
    batch = laid(as_batch(crop))
    turn = crop["sky_turn"]
    np.testing.assert_array_equal(unturned(batch["optical"][0].numpy(), turn), np.nan_to_num(cloudy, nan=0.0))
    np.testing.assert_array_equal(unturned(crop["sky"], turn)[:, :40], Quality.THICK_CLOUD)


def test_batches_are_those_of_other_samples_and_a_function_of_the_step():
    stream, again = SampleStream(OPTIONS), SampleStream(OPTIONS)
    plain = SampleStream(replace(OPTIONS, own_skies=False)).batch(5)
    first = [stream.batch(step) for step in range(6)]
    batch = again.batch(5)
    assert all(np.array_equal(first[5][name], batch[name], equal_nan=True) for name in batch)
    found = laid({name: torch.from_numpy(array) for name, array in batch.items()})
    assert {name: (tuple(one.shape), one.dtype) for name, one in found.items()} == {
        name: (one.shape, torch.from_numpy(one).dtype) for name, one in plain.items()
    }
    assert all(torch.isfinite(one).all() for one in found.values())
    assert not (found["optical"] * (1 - found["present"])).any()
    # one ground, and another sky at every step
    slots = [(step, slot) for step in range(5) for slot in range(3)
             if stream.scene_index(step, slot) == stream.scene_index(step + 1, slot)]  # fmt: skip
    assert slots
    assert all(not np.array_equal(first[s]["sky_light"][k], first[s + 1]["sky_light"][k]) for s, k in slots)


def test_batches_without_a_sky_are_handed_back():
    batch = {"optical": torch.ones(1, 13, 4, 4)}
    assert laid(batch) == batch


def test_crops_hold_something_to_restore():
    stream = SampleStream(OPTIONS)
    shares = [(stream.batch(step)["restore"].mean(axis=(1, 2, 3)) >= 0.05).mean() for step in range(8)]
    assert np.mean(shares) > 0.7


def test_crops_wider_than_the_sky_are_refused():
    with pytest.raises(OptionError, match="own_skies: skies are 1020 pixels wide"):
        replace(OPTIONS, scenes=replace(OPTIONS.scenes, size=2048), crop=1056)


def test_the_scene_prior_needs_whole_scenes():
    with pytest.raises(OptionError, match="own_skies"):
        replace(OPTIONS, scenes=replace(OPTIONS.scenes, with_prior=True))
