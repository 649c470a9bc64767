"""The user's own images as ground truth: what is clear in them, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.steps.mask import grow
from sunbreak.train.crops import arrays_of
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.scenes import training_scene
from sunbreak.train.windows import list_windows, own_windows, store_window

SIDE = 128


@pytest.fixture(scope="module")
def sample():
    """A partly cloudy image with a corner without data."""
    spec = SceneSpec(size=SIDE, seed=4, level="L2A", clouds=CloudSpec(seed=9, cover=0.3, kind="thick"))
    window = simulate(spec)
    optical, quality = window.optical.copy(), window.quality.copy()
    optical[:, :20, :20], quality[:20, :20] = np.nan, Quality.NODATA
    optical = (np.rint(optical * 10_000) / 10_000).astype("float32")
    return Sample("image", "place", "L2A", spec.bands, optical, quality, window.radar)


@pytest.fixture(scope="module")
def listed(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    return list_windows([store_window(sample, folder / "a.npz", day="2020-06-01", buffer=4)], folder / "list.json")


def drawn(listed, index=0, **changes):
    options = SceneOptions(windows=str(listed), real_share=1.0, size=SIDE, smallest=64, with_prior=False,
                           radar_dropout=0.0, band_dropout=0.0)  # fmt: skip
    return training_scene(replace(options, **changes), index)


def test_the_truth_is_the_image_where_it_is_clear_and_away_from_clouds(sample, listed):
    window = own_windows(str(listed))[0].load()
    known = np.isfinite(window.truth).all(axis=0)
    assert np.array_equal(known, grow(sample.quality, 4) == Quality.CLEAR)
    assert 0.1 < known.mean() < 0.9
    assert np.array_equal(window.image, sample.cloudy, equal_nan=True)  # nothing is lost in the file
    assert np.array_equal(window.truth[:, known], sample.cloudy[:, known])
    assert np.array_equal(window.radar, sample.radar)


@pytest.mark.parametrize("index", range(4))
def test_what_is_not_clear_in_an_image_is_neither_scored_nor_restored(sample, listed, index):
    scene = drawn(listed, index)
    unclear = grow(sample.quality, 4) != Quality.CLEAR
    arrays = arrays_of(scene, np.s_[..., :, :])
    assert not arrays["weight"][0][unclear].any()
    assert not arrays["restore"][0][unclear].any()
    assert arrays["restore"].any()
    # it still looks like what it is
    cloud = np.isin(sample.quality, (Quality.THIN_CLOUD, Quality.THICK_CLOUD))
    assert (scene.quality[cloud] >= Quality.THIN_CLOUD).all()
    assert (scene.quality[sample.quality == Quality.NODATA] == Quality.NODATA).all()
    assert np.array_equal(scene.sky[cloud] >= Quality.THIN_CLOUD, cloud[cloud])
    below = (scene.sky == Quality.CLEAR) & (sample.quality == Quality.CLEAR)
    places = np.flatnonzero(scene.present)
    # clear pixels of a simulated sky may have a little haze
    assert np.median(np.abs(scene.optical[places][:, below] - sample.cloudy[:, below])) < 0.01
    assert np.array_equal(scene.truth[places][:, scene.known], sample.cloudy[:, scene.known])


def test_every_window_comes_once_before_any_comes_again(sample, tmp_path):
    stored = []
    for number in range(3):
        image = replace(sample, cloudy=sample.cloudy + np.float32(0.01 * number))
        stored.append(store_window(image, tmp_path / f"{number}.npz"))
    listed = list_windows(stored, tmp_path / "list.json")
    truths = [drawn(listed, index).truth.tobytes() for index in range(6)]
    assert len(set(truths[:3])) == 3
    assert set(truths[:3]) == set(truths[3:])


def test_hardly_clear_or_tiny_windows_are_not_kept(sample, tmp_path):
    overcast = sample.with_quality(np.full((SIDE, SIDE), Quality.THICK_CLOUD))
    assert store_window(overcast, tmp_path / "a.npz") is None
    small = replace(
        sample, cloudy=sample.cloudy[:, 64:96], quality=sample.quality[64:96], radar=sample.radar[:, 64:96]
    )  # fmt: skip
    assert store_window(small, tmp_path / "b.npz") is None
    assert not list(tmp_path.iterdir())


def test_a_damaged_list_is_told(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[{}]")
    with pytest.raises(OptionError, match="not a list of windows"):
        own_windows(str(path))
