"""Seams between the patches of the shipped default, on a scene that is nearly all cloud."""

import numpy as np
import pytest

from sunbreak import weights
from sunbreak.models import DEFAULT
from sunbreak.scene import make_scene
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.steps.restore import restore
from sunbreak.tiles import PatchGrid, Window

SIZE, SEED = 960, 15
"""Gradients of the truth here are the same on patch borders and elsewhere to one per cent; on others they differ by
10 % and more, as fields and rivers lie where they lie."""
BESIDE = 8
"""Pixels from a border that count as beside it."""


@pytest.fixture(scope="module")
def restored():
    """Truth and restored reflectance in true colour, and where the scene was restored."""
    spec = SceneSpec(size=SIZE, seed=SEED, clouds=CloudSpec(seed=SEED, cover=0.8, kind="thick"))
    made = simulate(spec)
    scene = make_scene(made.optical, bands=list(spec.bands), level=spec.level, radar=made.radar, quality=made.quality)
    product = restore(scene)
    assert product.attrs["model"] == DEFAULT
    colours = [spec.bands.index(band) for band in ("B04", "B03", "B02")]
    where = product.source.values > 1
    assert where.mean() > 0.9
    return made.truth[colours], product.reflectance.values[colours], where


def borders(grid, axis):
    """Pixels after which a patch begins or ends, along one axis."""
    found = set()
    for patch in grid.touching(Window(0, 0, *grid.shape)):
        part = (patch.rows, patch.cols)[axis]
        found |= {end - 1 for end in (part.start, part.stop) if 0 < end < grid.shape[axis]}
    return np.array(sorted(found))


def seam_ratio(image, where, axis, within=None):
    """Mean gradient across patch borders over that elsewhere, or over that `within` some pixels of them."""
    at = borders(PatchGrid(where.shape), axis)
    steps = np.moveaxis(np.abs(np.diff(image, axis=axis + 1)).mean(axis=0), axis, 1)
    along = np.moveaxis(where, axis, 1)
    both = along[:, 1:] & along[:, :-1]
    away = np.abs(np.arange(steps.shape[1])[:, np.newaxis] - at).min(axis=1)
    on, off = away == 0, (away > 0) & (away <= (within or steps.shape[1]))
    return float(steps[:, on][both[:, on]].mean() / steps[:, off][both[:, off]].mean())


def test_the_default_is_run_on_the_patches_looked_at_here():
    card = weights.shipped()[DEFAULT]
    assert (card.patch, card.overlap) == (256, 32)
    assert borders(PatchGrid((600, 600)), 1).tolist() == [223, 255, 447, 479]


@pytest.mark.parametrize("axis", [1, 0], ids=["across columns", "across rows"])
def test_patch_borders_do_not_show(restored, axis, capsys):
    truth, image, where = restored
    elsewhere, beside = seam_ratio(image, where, axis), seam_ratio(image, where, axis, BESIDE)
    with capsys.disabled():
        print(f"\nseam ratio across {('rows', 'columns')[axis]}: {elsewhere:.3f}; to those beside: {beside:.3f}")
    assert seam_ratio(truth, where, axis) == pytest.approx(1.0, abs=0.05)  # the measure is fair here
    assert 0.9 <= elsewhere <= 1.1
    assert 0.9 <= beside <= 1.1
