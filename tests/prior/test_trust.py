"""How far to trust a look: learnt by distance, from what clear pixels show."""

import numpy as np
import pytest

from references import two_dates
from sunbreak import with_references
from sunbreak.prior.inputs import block_inputs
from sunbreak.prior.regression import CellMoments, penalties
from sunbreak.prior.survey import survey
from sunbreak.prior.trust import EDGES, FEWEST, Evidence, TrustMoments, evidence, learn
from sunbreak.tiles import Window

BANDS = 3
PLAIN = Evidence(np.zeros((1, 1), np.float32))


def learnt(distance, error, apart):
    moments = TrustMoments(BANDS)
    moments.add(distance, error.astype(np.float32), apart.astype(np.float32))
    return learn(PLAIN, moments, 1e-4 * np.eye(BANDS))


def drawn(pixels=4000, seed=0):
    """Half of the pixels are far and changed: there radar alone is right; elsewhere the joint estimate is."""
    rng = np.random.default_rng(seed)
    far = np.arange(pixels) % 2 == 1
    apart = 0.05 * rng.standard_normal((BANDS, pixels))
    error = np.where(far, apart, 0.0) + 0.01 * rng.standard_normal((BANDS, pixels))
    return np.where(far, 20.0, 1.0), error, apart


def test_radar_takes_over_where_it_is_right():
    trust = learnt(*drawn())
    near, far = trust.share(np.array([1.0, 20.0]))
    assert near < 0.05
    assert far > 0.9
    assert ((trust.weights >= 0) & (trust.weights <= 1)).all()


def test_radar_that_knows_no_better_is_not_listened_to_but_doubt_grows():
    distance, error, apart = drawn()
    rng = np.random.default_rng(1)
    trust = learnt(distance, error, 0.1 * rng.standard_normal(apart.shape))
    assert trust.share(np.array([1.0, 20.0])).max() < 0.1
    near, far = trust.ratio[trust.bins(np.array([1.0, 20.0]))].mean(axis=1)
    assert far > 10 * near


def test_distances_never_seen_are_held_like_the_nearest_lower_ones():
    trust = learnt(*drawn())
    assert trust.share(np.array([1e6])) == pytest.approx(trust.share(np.array([20.0])), abs=0.05)
    assert (trust.ratio[-1] == trust.ratio[trust.bins(np.array([20.0]))[0]]).all()


def test_too_few_pixels_teach_nothing():
    trust = learnt(*drawn(FEWEST))
    assert (trust.weights == 0).all()
    assert (trust.ratio == 1).all()


def test_the_share_has_no_steps():
    share = learnt(*drawn()).share(np.geomspace(EDGES[0], EDGES[-1], 4000))
    assert np.abs(np.diff(share)).max() < 0.01


@pytest.mark.parametrize("with_then", [True, False], ids=["radar of both dates", "radar of one"])
def test_evidence_is_about_one_where_nothing_has_changed_and_larger_where_something_has(with_then):
    made = two_dates((256, 256), bands=("B04", "B08"), seed=6)
    scene = with_references(made.scene, [made.earlier if with_then else made.earlier.drop_vars("radar")])
    found = survey(scene)
    change = 4 if with_then else 0
    told = evidence(found.joint, penalties(10 + change, 2), 10, change)
    inputs = block_inputs(scene, Window(0, 0, 256, 256))
    distance = told.distance(inputs.joint_features())
    clear = inputs.both & (made.scene.quality.values == 1)
    assert distance[clear].mean() == pytest.approx(1.0, abs=0.02)
    assert distance[inputs.both & made.changed].mean() > 1.5 * distance[inputs.both & ~made.changed].mean()


def test_moments_of_the_look_do_not_depend_on_where_the_radar_ends():
    made = two_dates((256, 300), bands=("B04", "B08"), seed=7)
    made.scene.radar.values[:, :, 200:] = np.nan
    scene = with_references(made.scene, [made.earlier])
    found, inputs = survey(scene).look, block_inputs(scene, Window(0, 0, 256, 300))
    expected = CellMoments((256, 300), 3, 2)
    usable = inputs.look_valid & (scene.quality.values == 1)
    expected.add(Window(0, 0, 256, 300), inputs.look_features(), scene.optical.values - inputs.look, usable)
    np.testing.assert_allclose(found.sums, expected.sums, rtol=1e-9)


def test_a_part_of_the_moments_is_that_of_fewer_features():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((4, 64, 64)).astype(np.float32)
    features[0] = 1
    optical, usable = rng.standard_normal((2, 64, 64)), np.ones((64, 64), bool)
    whole, part = CellMoments((64, 64), 4, 2), CellMoments((64, 64), 2, 2)
    whole.add(Window(0, 0, 64, 64), features, optical, usable)
    part.add(Window(0, 0, 64, 64), features[[0, 2]], optical, usable)
    np.testing.assert_allclose(whole.selected([0, 2]).sums, part.sums)
