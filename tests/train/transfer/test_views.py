"""What a network sees of the patches: the right ones, turned together, and clouds of any cover."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sunbreak.train.transfer import views
from sunbreak.train.transfer.patch_arrays import PatchArrays
from sunbreak.train.transfer.views import (
    SPARED,
    CloudBank,
    as_restored,
    batch_of,
    cloud_bank,
    one_missing,
    other_sensor,
    other_speckle,
    turned,
    under_open_sky,
)

RGB = ("B04", "B03", "B02")
SIZE = 32


@pytest.fixture(scope="module")
def bank():
    """The skies of a training, a sixteenth of their extent."""
    cloud_bank.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "SKY", 128)
        yield cloud_bank(RGB, "L1C", SIZE)
    cloud_bank.cache_clear()


def arrays(count=6, size=8, **changes):
    rng = np.random.default_rng(0)
    made = PatchArrays(
        optical=rng.random((count, 3, size, size)).astype(np.float32),
        clear=(rng.random((count, 1, size, size)) < 0.5).astype(np.uint8),
        cloud=rng.random(count),
        labels=np.arange(count),
        true_cloud=rng.random(count),
        radar=rng.normal(-15, 3, (count, 2, size, size)).astype(np.float32),
        radar_valid=np.ones((count, 1, size, size), np.uint8),
    )
    return replace(made, **changes)


def batch(count=6, size=8):
    return batch_of(arrays(count, size), np.arange(count))


def draw(seed=0):
    return np.random.default_rng(seed)


def test_a_batch_holds_the_patches_asked_for_in_their_order():
    patches = arrays()
    found = batch_of(patches, np.array([4, 0, 4]))
    assert set(found) == {"optical", "clear", "radar", "radar_valid"}
    for name, value in found.items():
        assert value.dtype == torch.float32
        np.testing.assert_array_equal(value.numpy(), getattr(patches, name)[[4, 0, 4]].astype(np.float32))
    assert set(batch_of(arrays(radar=None, radar_valid=None), np.array([0]))) == {"optical", "clear"}


def test_the_truth_and_the_restored_image_take_the_place_of_the_cloudy_one():
    bare = arrays()
    assert under_open_sky(bare) is bare
    assert as_restored(bare) is bare
    patches = replace(bare, truth=bare.optical + 1, restored=bare.optical + 2)
    sky, restored = under_open_sky(patches), as_restored(patches)
    np.testing.assert_array_equal(sky.optical, bare.optical + 1)
    assert (sky.clear == 1).all()
    np.testing.assert_array_equal(restored.optical, bare.optical + 2)
    np.testing.assert_array_equal(restored.clear, bare.clear)
    np.testing.assert_array_equal(patches.optical, bare.optical)


def test_pairs_stay_aligned_and_all_eight_ways_occur():
    places = torch.arange(16.0).reshape(1, 1, 4, 4)
    number = 100.0 * torch.arange(3.0).reshape(3, 1, 1, 1)
    given = {"optical": (places + number).expand(3, 3, 4, 4), "radar": (places + number).expand(3, 2, 4, 4).clone()}
    ways = set()
    for seed in range(100):
        found = turned(given, draw(seed))
        way = found["optical"][0, 0]
        for value in found.values():
            assert torch.equal(value, (way + number).expand_as(value))
        ways.add(tuple(way.flatten().tolist()))
    assert len(ways) == 8
    assert all(sorted(way) == list(range(16)) for way in ways)
    assert torch.equal(given["radar"], (places + number).expand(3, 2, 4, 4))


def test_another_sensor_has_a_gain_and_an_offset_of_its_own_in_every_band():
    before = batch(count=300)
    kept = {name: value.clone() for name, value in before.items()}
    after = other_sensor(0.1)(before, draw())
    for name in ("radar", "radar_valid", "clear"):
        assert torch.equal(after[name], kept[name])
    assert torch.equal(before["optical"], kept["optical"])
    gains = after["optical"].std((2, 3)) / kept["optical"].std((2, 3))
    offsets = after["optical"].mean((2, 3)) - gains * kept["optical"].mean((2, 3))
    torch.testing.assert_close(
        after["optical"], kept["optical"] * gains[..., None, None] + offsets[..., None, None], rtol=1e-3, atol=1e-4
    )
    assert gains.log().std().item() == pytest.approx(0.1, rel=0.1)
    assert offsets.std().item() == pytest.approx(0.005, rel=0.1)
    assert abs(torch.corrcoef(gains.log().T)[0, 1].item()) < 0.2
    same = other_sensor(0.0)(before, draw())
    torch.testing.assert_close(same["optical"], kept["optical"])


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.2, 0.3), (1.0, 0.0), (0.0, 1.0)])
def test_shares_of_the_patches_lose_one_of_their_sensors_and_none_loses_both(shares):
    before = batch(count=2000, size=2)
    before["clear"][:] = 1
    after = one_missing(*shares)(before, draw())
    blind, deaf = ((after[name] == 0).all(dim=(1, 2, 3)) for name in ("clear", "radar_valid"))
    for hidden, share in zip((blind, deaf), shares, strict=True):
        assert hidden.float().mean().item() == pytest.approx(share, abs=0.03)
    assert not (blind & deaf).any()
    assert torch.equal(after["radar"], before["radar"])
    for name, hidden in {"clear": blind, "optical": blind, "radar_valid": deaf}.items():
        assert torch.equal(after[name][~hidden], before[name][~hidden])
    if blind.any():  # nothing tells them apart
        assert (after["optical"][blind] == after["optical"][blind][0, :, :1, :1]).all()


def test_other_speckle_varies_radar_alone_by_pixel_and_by_patch():
    before = batch(count=500, size=16)
    after = other_speckle(2.0)(before, draw())
    for name in ("optical", "clear", "radar_valid"):
        assert torch.equal(after[name], before[name])
    noise = after["radar"] - before["radar"]
    assert noise.mean().abs() < 0.1
    assert noise.std((2, 3)).mean().item() == pytest.approx(2.0, rel=0.02)
    assert noise.mean((2, 3)).std().item() == pytest.approx(1.0, rel=0.1)
    assert torch.corrcoef(noise.mean((2, 3)).T)[0, 1].abs() < 0.15
    assert torch.equal(other_speckle(0.0)(before, draw())["radar"], before["radar"])


def test_views_are_a_function_of_the_draw(bank):
    before = batch(count=20, size=SIZE)
    for view in (turned, other_sensor(0.1), other_speckle(1.0), one_missing(0.3, 0.3), bank):
        first, again, other = (view(before, draw(seed)) for seed in (3, 3, 5))
        assert all(torch.equal(first[name], again[name]) for name in before)
        assert any(not torch.equal(first[name], other[name]) for name in before)


class TestCloudBank:
    def test_covers_rise_from_none_to_all(self, bank):
        assert (np.diff(bank.cover) >= 0).all()
        assert (bank.cover[0], bank.cover[-1]) == (0, 1)
        between = bank.cover[(bank.cover > 0) & (bank.cover < 1)]
        assert np.diff([0, *between, 1]).max() < 0.1
        assert len(bank.cover) == len(bank.through) == len(bank.added) == len(bank.clear) == 24 * (128 // SIZE) ** 2
        assert bank.through.shape[1:] == bank.added.shape[1:] == (3, SIZE, SIZE)
        assert bank.clear.shape[1:] == (1, SIZE, SIZE)
        assert set(bank.clear.unique().tolist()) == {0.0, 1.0}

    def test_windows_without_cloud_and_shadow_leave_the_patch_as_it_is(self, bank):
        open_sky = (bank.clear == 1).all(dim=(1, 2, 3)).numpy()
        assert open_sky.any()
        assert not (open_sky & (bank.cover > 0)).any()
        seen = 0.2 * bank.through[open_sky] + bank.added[open_sky]
        assert ((seen - 0.2).abs() < 1e-4).float().mean() > 0.95  # the rim of a shadow is too faint to count
        torch.testing.assert_close(seen, torch.full_like(seen, 0.2), rtol=0, atol=0.03)

    def test_under_an_overcast_window_a_patch_is_bright_and_not_clear(self, bank):
        closed = bank.cover == 1
        assert (bank.clear[closed] == 0).all()
        dark, bright = (ground * bank.through[closed] + bank.added[closed] for ground in (0.03, 0.3))
        brightness = dark.mean((1, 2, 3))
        assert brightness.min() > 0.03
        assert brightness.median() > 0.2
        # two grounds look more alike than they are
        assert ((bright - dark).mean((1, 2, 3)) < 0.26).all()
        assert (bright - dark).mean() < 0.13

    def test_a_patch_is_wholly_under_a_window_or_spared(self, bank):
        whole = bank.cover == 1
        closed = CloudBank(bank.through[whole], bank.added[whole], bank.clear[whole], bank.cover[whole])
        before = batch(count=600, size=SIZE)
        before["clear"][:] = 1
        after = closed(before, draw())
        spared = (after["clear"] == 1).all(dim=(1, 2, 3))
        assert spared.float().mean().item() == pytest.approx(SPARED, abs=0.06)
        assert (after["clear"][~spared] == 0).all()
        assert torch.equal(after["optical"][spared], before["optical"][spared])
        assert (after["optical"][~spared] != before["optical"][~spared]).float().mean() > 0.99
        assert torch.equal(after["radar"], before["radar"])

    def test_what_was_not_clear_before_is_not_clear_under_a_clear_window(self):
        covers = np.zeros(4)
        open_sky = CloudBank(torch.ones(4, 3, 8, 8), torch.zeros(4, 3, 8, 8), torch.ones(4, 1, 8, 8), covers)
        before = batch()
        after = open_sky(before, draw())
        assert torch.equal(after["clear"], before["clear"])
        assert torch.equal(after["optical"], before["optical"])

    def test_any_cover_is_as_likely_however_many_windows_have_it(self, bank):
        lopsided = np.sort(np.concatenate([np.zeros(500), np.linspace(0, 1, 101), np.ones(900)]))
        for covers in (lopsided, bank.cover):
            planes = torch.from_numpy(covers).float().reshape(-1, 1, 1, 1)
            told = CloudBank(torch.zeros_like(planes), planes, 1 - planes, covers)
            bare = {"optical": torch.full((4000, 1, 1, 1), -1.0), "clear": torch.ones(4000, 1, 1, 1)}
            seen = told(bare, draw())["optical"].flatten().numpy()
            drawn = np.sort(seen[seen >= 0])  # those that are not spared
            assert len(drawn) / 4000 == pytest.approx(1 - SPARED, abs=0.03)
            assert np.abs(drawn - (np.arange(len(drawn)) + 0.5) / len(drawn)).max() < 0.08

    def test_of_windows_alike_in_cover_each_is_drawn(self):
        covers = np.repeat([0.0, 1.0], 20)
        numbers = torch.arange(40.0).reshape(-1, 1, 1, 1)
        told = CloudBank(torch.zeros(40, 1, 1, 1), numbers, torch.ones(40, 1, 1, 1), covers)
        blank = {"optical": torch.ones(40_000, 1, 1, 1), "clear": torch.ones(40_000, 1, 1, 1)}
        drawn = told(blank, draw())["optical"].flatten().unique()
        assert set(range(20)) <= set(drawn.int().tolist())

    def test_the_same_seed_gives_the_same_skies_and_another_seed_others(self, bank, monkeypatch):
        monkeypatch.setattr(views, "SKY", 64)
        make = cloud_bank.__wrapped__
        first, again, other = (make(("B04",), "L2A", 64, skies=2, seed=seed) for seed in (1, 1, 9))
        for name in ("through", "added", "clear"):
            assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(first.added, other.added)

    def test_patches_larger_than_a_sky_get_one_of_their_size(self, monkeypatch):
        monkeypatch.setattr(views, "SKY", 64)
        large = cloud_bank.__wrapped__(("B04",), "L1C", 96, skies=1)
        assert large.through.shape == (1, 1, 96, 96)
