"""The scene prior: radar, and clear looks of other dates, to reflectance, fitted on the scene's own clear pixels.

No training, any sensor, any season, any band subset. One streaming pass gathers, for every cell of the scene, the
moments of features and reflectance over clear pixels. From these few numbers follow in closed form a ridge regression
of the whole scene, local regressions drawn towards it where clear pixels are few, their errors on held-out parts of the
scene, and, between cell centres, a smooth blend of the local regressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from sunbreak.tiles import Window

CELL: Final = 256
"""Side of a cell in pixels; all arithmetic runs on whole cells, so block sizes cannot change a result."""
FOLDS: Final = 4
"""Parts the clear pixels are divided into, for errors on held-out pixels."""
FOLD_BLOCK: Final = 32
"""Side in pixels of the squares dealt to the folds: the reach of the largest smoothing, so that errors are held out."""
RIDGE: Final = 0.2
"""Ridge penalty of the scene's slopes, as a share of the features' variance. Clear pixels beside clouds carry haze and
differ from those below, so the penalty stays strong however many there are (measured: RESULTS.md)."""
LOOK_RIDGE: Final = 0.1
"""The same for a clear look of another date. Its slopes are counted from the look as it is, so the penalty draws
towards the look rather than towards the scene's mean (measured: docs/reference-dates.md)."""
BESIDE_LOOK: Final = 1.0
"""The same for radar beside a look: what is left to explain is small, and radar must not invent it where the land under
the clouds is another than that beside them."""
REACH: Final = 1.5
"""Standard deviation, in cells, of the weight that neighbouring cells have in a local regression."""
PSEUDO_PIXELS: Final = 2.0 * CELL * CELL
"""Weight of the scene's regression inside a local one, in clear pixels."""
MIN_CLEAR: Final = 500
"""Clear pixels with radar that a scene must have to be fitted on itself."""


class CellMoments:
    """Second moments of (features, reflectance) over the clear pixels of each cell and fold."""

    def __init__(self, shape: tuple[int, int], features: int, bands: int) -> None:
        """Begin with no pixel.

        Args:
            shape: Height and width of the scene in pixels.
            features: Number of features, the constant first.
            bands: Number of optical bands.
        """
        self.features, self.bands = features, bands
        rows, cols = -(-shape[0] // CELL), -(-shape[1] // CELL)
        size = features + bands
        self.sums = np.zeros((rows, cols, FOLDS, size, size))

    def add(self, window: Window, features: np.ndarray, optical: np.ndarray, usable: np.ndarray) -> None:
        """Add the clear pixels of a block, which must hold whole cells (those at the scene's border excepted).

        Args:
            window: The block's place in the scene; top and left are multiples of `CELL`.
            features: (feature, y, x), float32.
            optical: Reflectance, (band, y, x); may be NaN where not usable.
            usable: Pixels to fit on, (y, x).
        """
        for top in range(0, window.height, CELL):
            for left in range(0, window.width, CELL):
                part = np.s_[top : top + CELL, left : left + CELL]
                cell = usable[part]
                if not cell.any():
                    continue
                joint = np.concatenate([features[:, *part], optical[:, *part]])
                fold = _fold_of(cell.shape)
                for index in range(FOLDS):
                    pixels = joint[:, cell & (fold == index)].astype(np.float64)
                    place = ((window.top + top) // CELL, (window.left + left) // CELL, index)
                    self.sums[place] += pixels @ pixels.T

    def selected(self, features: list[int]) -> CellMoments:
        """The moments of some of the features.

        Args:
            features: Positions of the features, the constant first.

        Returns:
            New moments of the same pixels.
        """
        kept = CellMoments((0, 0), len(features), self.bands)
        places = [*features, *range(self.features, self.features + self.bands)]
        kept.sums = self.sums[..., places, :][..., places]
        return kept

    def band_covariance(self) -> np.ndarray:
        """Covariance of reflectance between bands over all pixels gathered.

        Returns:
            (band, band), reflectance squared.
        """
        total = self.sums.sum(axis=(0, 1, 2))
        mean = total[0, self.features :] / max(self.pixels, 1.0)
        covariance: np.ndarray = total[self.features :, self.features :] / max(self.pixels, 1.0) - np.outer(mean, mean)
        return covariance

    @property
    def pixels(self) -> float:
        """Number of clear pixels gathered."""
        return float(self.sums[..., 0, 0].sum())


def _fold_of(shape: tuple[int, int]) -> np.ndarray:
    rows, cols = np.arange(shape[0]) // FOLD_BLOCK % 2, np.arange(shape[1]) // FOLD_BLOCK % 2
    return 2 * rows[:, np.newaxis] + cols[np.newaxis, :]


@dataclass(frozen=True)
class Regression:
    """One linear map from features to reflectance per cell, with its errors."""

    slopes: np.ndarray
    """(cell row, cell column, feature, band), float32."""
    variance: np.ndarray
    """Squared 1-sigma error, (cell row, cell column, band), float32, reflectance squared."""
    covariance: np.ndarray
    """Covariance of the errors between bands over the whole scene, (band, band), float64."""

    def predict(self, window: Window, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance and its error, blended bilinearly between the centres of the cells.

        Args:
            window: One cell, cut at the scene's border; top and left are multiples of `CELL`.
            features: (feature, y, x) of that window, float32.

        Returns:
            Reflectance (band, y, x) and its 1-sigma error (band, y, x), float32.
        """
        bands = self.slopes.shape[-1]
        mean = np.empty((bands, window.height, window.width), np.float32)
        variance = np.empty_like(mean)
        for top, bottom in _halves(window.height):
            for left, right in _halves(window.width):
                place = np.s_[:, top:bottom, left:right]
                shape = (bands, bottom - top, right - left)
                corners = self._corners(window, top, left, shape[1:])
                weights = np.stack(list(corners.values()))
                # one product over all corners: their weights go with the features, of which there are fewer than bands
                weighted = (weights[:, np.newaxis] * features[place]).reshape(-1, weights[0].size)
                slopes = np.concatenate([self.slopes[corner] for corner in corners])
                mean[place] = (slopes.T @ weighted).reshape(shape)
                variances = np.stack([self.variance[corner] for corner in corners])
                variance[place] = (variances.T @ weights.reshape(len(weights), -1)).reshape(shape)
        sigma: np.ndarray = np.sqrt(variance)
        return mean, sigma

    def _corners(
        self, window: Window, top: int, left: int, shape: tuple[int, ...]
    ) -> dict[tuple[int, int], np.ndarray]:
        """Weights of the cell centres around a quarter of a cell; at the scene's border several coincide."""
        rows, cols = self.slopes.shape[:2]
        row, col = window.top // CELL - (top < CELL // 2), window.left // CELL - (left < CELL // 2)
        down = ((top + np.arange(shape[0]) + 0.5) / CELL + 0.5) % 1.0
        right = ((left + np.arange(shape[1]) + 0.5) / CELL + 0.5) % 1.0
        corners: dict[tuple[int, int], np.ndarray] = {}
        for r, vertical in ((row, 1 - down), (row + 1, down)):
            for c, horizontal in ((col, 1 - right), (col + 1, right)):
                corner = (min(max(r, 0), rows - 1), min(max(c, 0), cols - 1))
                weight = np.outer(vertical, horizontal).astype(np.float32)
                corners[corner] = corners[corner] + weight if corner in corners else weight
        return corners


def _halves(size: int) -> list[tuple[int, int]]:
    half = CELL // 2
    return [(0, min(half, size))] + ([(half, size)] if size > half else [])


def fit(moments: CellMoments, ridge: np.ndarray | None = None) -> Regression:
    """Fit the scene's regression and the local ones drawn towards it.

    Args:
        moments: Gathered over all blocks, `MIN_CLEAR` pixels or more.
        ridge: Penalty as a share of the features' variance, (feature,), see `penalties`; None means `RIDGE` for all.

    Returns:
        The regression of every cell, with errors measured on held-out parts of the scene.

    Source:
        Ridge regression: Hoerl and Kennard (1970), Technometrics 12; errors by cross-validation over spatial blocks.
    """
    k = moments.features
    ridge = penalties(k, 0) if ridge is None else ridge
    total = moments.sums.sum(axis=(0, 1))  # (fold, size, size)
    scene = scene_slopes(total.sum(axis=0), k, ridge)
    held_out = [scene_slopes(total.sum(axis=0) - fold, k, ridge) for fold in total]
    # a fold that leaves too little to fit on would measure a fit nobody uses
    counts = total[:, 0, 0]
    fair = counts.sum() - counts >= MIN_CLEAR / 2
    if fair.any():
        errors = sum(_error_moments(total[i], k, held_out[i]) for i in np.flatnonzero(fair))
        covariance = errors / max(counts[fair].sum(), 1.0)
    else:  # all clear pixels in one square: their own residuals, doubled, have to do
        covariance = 2.0 * _error_moments(total.sum(axis=0), k, scene) / max(counts.sum(), 1.0)
    local = _gather(moments.sums)
    rows, cols = local.shape[:2]
    slopes = np.empty((rows, cols, k, moments.bands))
    variance = np.empty((rows, cols, moments.bands))
    for row, col in np.ndindex(rows, cols):
        folds = local[row, col]
        everything = folds.sum(axis=0)
        slopes[row, col] = _shrunk(everything, total.sum(axis=0), scene, ridge)
        squares, weight = PSEUDO_PIXELS * np.diag(covariance), PSEUDO_PIXELS
        for index in np.flatnonzero(fair):
            fold = folds[index]
            rest = total.sum(axis=0) - total[index]
            without = _shrunk(everything - fold, rest, held_out[index], ridge)
            squares = squares + np.diag(_error_moments(fold, k, without))
            weight += fold[0, 0]
        variance[row, col] = squares / weight
    return Regression(slopes.astype(np.float32), np.maximum(variance, 1e-8).astype(np.float32), covariance)


def _gather(sums: np.ndarray) -> np.ndarray:
    """Moments of each cell's neighbourhood: Gaussian weights that keep the cell's own at 1."""
    if max(sums.shape[:2]) == 1:
        return sums
    radius = int(3 * REACH + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / REACH) ** 2)
    gathered = ndimage.correlate1d(sums, weights, axis=0, mode="constant")
    out: np.ndarray = ndimage.correlate1d(gathered, weights, axis=1, mode="constant")
    return out


def _variances(moments: np.ndarray, k: int) -> np.ndarray:
    pixels = max(moments[0, 0], 1.0)
    spread: np.ndarray = np.maximum(np.diag(moments)[:k] / pixels - (moments[0, :k] / pixels) ** 2, 0.0)
    spread[0] = 0.0  # the constant is not penalised
    return spread


def penalties(plain: int, look: int) -> np.ndarray:
    """Ridge penalties of features.

    Args:
        plain: Number of features that are not bands of a look, the constant included; they come first.
        look: Number of those that are.

    Returns:
        (plain + look,), shares of the features' variance.
    """
    return np.concatenate([np.full(plain, BESIDE_LOOK if look else RIDGE), np.full(look, LOOK_RIDGE)])


def scene_slopes(moments: np.ndarray, k: int, ridge: np.ndarray) -> np.ndarray:
    """Slopes that minimise squared error plus the penalty times variance-scaled squared slopes.

    Args:
        moments: Sums of products of features and reflectance, (feature + band, feature + band).
        k: Number of features, the constant first.
        ridge: Penalties, (feature,).

    Returns:
        (feature, band), float64.
    """
    penalty = moments[0, 0] * np.diag(ridge * _variances(moments, k))
    return _solve(moments[:k, :k] + penalty, moments[:k, k:])


def _shrunk(local: np.ndarray, scene: np.ndarray, target: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Slopes fitted to the local moments, with the scene's regression worth `PSEUDO_PIXELS` clear pixels."""
    pixels, k = max(scene[0, 0], 1.0), len(target)
    pull = PSEUDO_PIXELS * scene[:k, :k] / pixels + local[0, 0] * np.diag(ridge * _variances(scene, k))
    return _solve(local[:k, :k] + pull, local[:k, k:] + pull @ target)


def _solve(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    jitter = 1e-9 * max(float(np.trace(left)), 1e-9) / len(left)
    out: np.ndarray = np.linalg.solve(left + jitter * np.eye(len(left)), right)
    return out


def _error_moments(moments: np.ndarray, k: int, slopes: np.ndarray) -> np.ndarray:
    """Sums of products of errors between bands, (band, band), of pixels known by their moments alone."""
    cross = slopes.T @ moments[:k, k:]
    out: np.ndarray = moments[k:, k:] - cross - cross.T + slopes.T @ moments[:k, :k] @ slopes
    return out
