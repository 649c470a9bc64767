"""Training samples: a pure function of options and step, whatever was asked for before."""

from dataclasses import replace

import numpy as np
import pytest

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.train.samples import SampleOptions, SampleStream, at_20m
from sunbreak.train.scene_options import SceneOptions

OPTIONS = SampleOptions(SceneOptions(seed=5, size=96, band_dropout=0.5, radar_dropout=0.5), batch=3, crop=64, reuse=4)
BANDED = ("optical", "truth", "prior", "prior_sigma")
ONE_PLANE = ("radar_valid", "weight", "restore")


@pytest.fixture(scope="module")
def stream():
    return SampleStream(OPTIONS)


@pytest.fixture(scope="module")
def batches(stream):
    return [stream.batch(step) for step in range(6)]


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_batch_is_the_same_again_and_after_resuming(stream, batches):
    same(stream.batch(2), batches[2])
    same(SampleStream(OPTIONS).batch(5), batches[5])
    assert not np.array_equal(batches[0]["optical"], batches[1]["optical"])


def test_shapes_and_types(batches):
    batch = batches[0]
    assert {batch[name].shape for name in BANDED} == {(3, 13, 64, 64)}
    assert {batch[name].shape for name in ONE_PLANE} == {(3, 1, 64, 64)}
    assert batch["present"].shape == (3, 13, 1, 1)
    assert batch["level"].shape == (3, 2, 1, 1)
    assert batch["radar"].shape == (3, 2, 64, 64)
    assert batch["quality"].shape == (3, 5, 64, 64)
    for name, array in batch.items():
        assert array.flags.c_contiguous
        if name in ("land_cover", "sky"):
            assert (array.shape, array.dtype) == ((3, 64, 64), np.int64)
        else:
            assert array.dtype == np.float32


def test_values(batches):
    for batch in batches:
        for name, array in batch.items():
            assert np.isfinite(array).all(), name
        for name in BANDED:
            assert (batch[name] * (1 - batch["present"]) == 0).all()
        for name in ("present", "level", "quality", *ONE_PLANE):
            assert set(np.unique(batch[name])) <= {0, 1}
        assert (batch["level"].sum(axis=1) == 1).all()
        assert (batch["quality"].sum(axis=1) == 1).all()
        assert set(np.unique(batch["sky"])) <= set(Quality)
        assert set(np.unique(batch["land_cover"])) <= {*range(11), 255}
        assert (np.where(batch["radar_valid"] == 0, batch["radar"], RADAR_DB_RANGE[0]) == RADAR_DB_RANGE[0]).all()
        restore = batch["quality"][:, Quality.THIN_CLOUD :].sum(axis=1, keepdims=True) * batch["weight"]
        np.testing.assert_array_equal(batch["restore"], restore)
        clear = batch["quality"][:, [Quality.CLEAR]]
        np.testing.assert_array_equal(batch["prior"] * clear, batch["optical"] * clear)
        assert (batch["prior_sigma"] * clear == 0).all()


def test_the_prior_can_be_left_out():
    scenes = replace(OPTIONS.scenes, with_prior=False)
    batch = SampleStream(replace(OPTIONS, scenes=scenes, batch=1)).batch(0)
    assert {"prior", "prior_sigma"}.isdisjoint(batch)


@pytest.mark.parametrize("lanes", [1, 3])
def test_lanes_share_no_scene_and_scenes_are_replaced_in_turn(lanes):
    stream = SampleStream(replace(OPTIONS, lanes=lanes))
    seen, uses = {}, {}
    for step in range(120):
        for slot in range(3):
            index = stream.scene_index(step, slot)
            assert seen.setdefault(index, (step % lanes, slot)) == (step % lanes, slot)
            uses[index] = uses.get(index, 0) + 1
    assert set(range(3 * lanes)) <= set(seen)
    assert max(uses.values()) == OPTIONS.reuse
    starts = [
        min(s for s in range(0, 40 * lanes, lanes) if stream.scene_index(s, slot) >= 3 * lanes) for slot in range(3)
    ]
    assert len(set(starts)) == 3


def test_batches_of_a_lane_do_not_depend_on_the_other_lanes():
    options = replace(OPTIONS, lanes=2, batch=2, scenes=replace(OPTIONS.scenes, with_prior=False, size=64))
    both, one = SampleStream(options), SampleStream(options)
    for step in range(6):
        batch = both.batch(step)
        if step % 2:
            same(one.batch(step), batch)


def test_crops_hold_something_to_restore(batches):
    assert np.mean([(batch["restore"].mean(axis=(1, 2, 3)) >= 0.05).mean() for batch in batches]) > 0.8


def test_labels_at_20m():
    thin, thick, shadow, clear, none = 2, 3, 4, 1, 0
    blocks = [
        ((clear, clear, clear, thick), 0),
        ((clear, clear, thick, thick), 2),
        ((shadow, shadow, thin, thin), 3),
        ((clear, clear, thin, thin), 1),
        ((thin, thick, shadow, clear), 2),
        ((none, none, none, clear), 255),
        ((none, none, clear, clear), 0),
        ((shadow, shadow, shadow, shadow), 3),
    ]
    sky = np.concatenate([np.reshape(block, (2, 2)) for block, _ in blocks], axis=1)[np.newaxis].astype(np.int64)
    optical = np.arange(13 * sky.size, dtype=np.float32).reshape(1, 13, *sky.shape[1:])
    present, level = np.ones((1, 13, 1, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    found = at_20m({"optical": optical, "sky": sky, "present": present, "level": level})
    assert set(found) == {"optical", "present", "level", "labels"}
    assert found["labels"].dtype == np.int64
    assert found["labels"][0, 0].tolist() == [label for _, label in blocks]
    assert found["optical"].dtype == np.float32
    np.testing.assert_allclose(found["optical"], optical.reshape(1, 13, 1, 2, len(blocks), 2).mean(axis=(3, 5)))


@pytest.mark.parametrize("wrong", [{"crop": 63}, {"crop": 128}, {"batch": 0}, {"reuse": 0}, {"lanes": 0}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(OptionError):
        replace(OPTIONS, **wrong)


def test_real_images_below_the_crop_are_left_out(collection):
    scenes = SceneOptions(collection=str(collection), real_share=1.0, with_prior=False)
    stream = SampleStream(SampleOptions(scenes, batch=2, crop=256))
    assert stream.batch(0)["optical"].shape == (2, 13, 256, 256)
