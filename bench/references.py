"""What looks of other dates are worth, and what the settings of their use are: tables of docs/reference-dates.md.

    python bench/references.py settings SPEC [SPEC ...]
    python bench/references.py changes

`settings`: mean PSNR of the scene prior over cloud pixels of data with series, one setting changed at a time.
`changes`: simulated places in which fields were altered between the dates, in optical and radar alike: the error where
something has changed and where nothing has.
"""

import sys
import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy import ndimage

from sunbreak import make_scene, restore, with_references
from sunbreak.errors import SunbreakWarning
from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.prior import regression, trust
from sunbreak.simulate import CloudSpec, SceneSpec, lay_clouds, simulate
from sunbreak.steps import fit, reference
from sunbreak.steps.mask import grow

Change = Callable[[], None]


def setting(module: object, name: str, value: object) -> Change:
    return lambda: setattr(module, name, value)


CHANGES: dict[str, Change] = {
    "as shipped": lambda: None,
    "the nearest date alone (FADING_DAYS 0.1)": setting(reference, "FADING_DAYS", 0.1),
    "FADING_DAYS 30": setting(reference, "FADING_DAYS", 30.0),
    "weaker penalty of the look (LOOK_RIDGE 0.01)": setting(regression, "LOOK_RIDGE", 0.01),
    "stronger (LOOK_RIDGE 1)": setting(regression, "LOOK_RIDGE", 1.0),
    "weaker penalty of radar beside it (BESIDE_LOOK 0.2)": setting(regression, "BESIDE_LOOK", 0.2),
    "stronger (BESIDE_LOOK 10)": setting(regression, "BESIDE_LOOK", 10.0),
    "the look trusted throughout": setting(trust, "FEWEST", np.inf),
}
SHARE, PLACES = 0.06, {1: (196, 20), 2: (150, 30), 3: (120, 40), 4: (240, 20), 5: (200, 60), 6: (270, 15)}
"""Share of the fields that change; seed, day of the year and days since the earlier date of every place."""


def settings(specs: list[str]) -> None:
    print("| setting | " + " | ".join(f"`{spec.rsplit('/', 1)[-1]}`" for spec in specs) + " |")
    print("|---" * (1 + len(specs)) + "|", flush=True)
    for label, change in CHANGES.items():
        modules = (regression, trust, reference, fit)
        before = {module: dict(vars(module)) for module in modules}
        change()
        scores = []
        for spec in specs:
            report = evaluate([], spec, options=EvaluationOptions(regions=("cloud",), references=True))
            scores.append(report.summary("scene-prior+reference", "raw", "cloud").scores.psnr)
        print(f"| {label} | " + " | ".join(f"{score:.2f}" for score in scores) + " |", flush=True)
        for module, values in before.items():
            vars(module).update(values)


def fields(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Rectangles of 100 to 300 m in any direction."""
    found, (rows, cols) = np.zeros(shape, bool), np.indices(shape)
    while found.mean() < SHARE:
        row, col, turn = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(0, np.pi)
        height, width = rng.uniform(10, 30, 2)
        along = (rows - row) * np.cos(turn) + (cols - col) * np.sin(turn)
        across = (cols - col) * np.cos(turn) - (rows - row) * np.sin(turn)
        found |= (abs(along) < height / 2) & (abs(across) < width / 2)
    return found


def place(seed: int, day: int, gap: int) -> tuple[xr.Dataset, xr.Dataset, np.ndarray, np.ndarray]:
    """A scene, its earlier date, the truth, and where fields have changed into what lies elsewhere in the place."""
    rng = np.random.default_rng(seed)
    now = simulate(SceneSpec(size=512, seed=seed, season=day, clouds=CloudSpec(cover=0)))
    sky = CloudSpec(seed=seed + 1000, cover=0.15, kind="broken")
    then = simulate(SceneSpec(size=512, seed=seed, season=day - gap, clouds=sky))
    changed = fields((512, 512), rng)
    truth, radar = (np.where(changed, np.roll(one, (193, 131), (1, 2)), one) for one in (now.truth, now.radar))
    clouds = CloudSpec(seed=seed, cover=0.4, kind=("mixed", "broken", "thick")[seed % 3], sun_elevation=50)
    spec = SceneSpec()
    cloudy = lay_clouds(truth, bands=spec.bands, level=spec.level, clouds=clouds)
    # the simulator draws speckle by place: another date has its own, so both are added
    speckle = ndimage.gaussian_filter(rng.standard_normal((2, 2, 512, 512)), (0, 0, 0.84, 0.84))
    speckle *= 4.34 * np.sqrt(1 / 4.4) / speckle.std()
    facts = {"bands": spec.bands, "level": spec.level}
    scene = make_scene(cloudy.optical, radar=radar, quality=grow(cloudy.quality, 4), **facts)
    earlier = make_scene(
        0.02 + 0.9 * then.optical, radar=(then.radar + speckle.sum(axis=0)).astype(np.float32),
        quality=grow(then.quality, 4), **facts,
    )  # fmt: skip
    return scene, earlier, truth, changed


def changes() -> None:
    errors: dict[str, list[tuple[float, float]]] = {}
    for seed, (day, gap) in PLACES.items():
        scene, earlier, truth, changed = place(seed, day, gap)
        without = with_references(scene, [earlier.drop_vars("radar")])
        look = without.look.values
        seen = (scene.quality.values > 1) & np.isfinite(look).all(axis=0)
        images = {"the look painted over, harmonised": look}
        for name, given in {
            "radar": scene,
            "look": without.drop_vars("radar"),
            "radar and look": without,
            "radar of both dates and look": with_references(scene, [earlier]),
        }.items():
            images[name] = restore(given, model="scene-prior").reflectance.values
        for name, image in images.items():
            squares = (image - truth) ** 2
            pair = tuple(float(np.sqrt(squares[:, seen & part].mean())) for part in (~changed, changed))
            errors.setdefault(name, []).append(pair)
    print("| restored from | RMSE, unchanged | RMSE, changed |\n|---|---|---|")
    for name, pairs in errors.items():
        same, new = np.mean(pairs, axis=0)
        print(f"| {name} | {same:.4f} | {new:.4f} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore", SunbreakWarning)
    if sys.argv[1] == "settings":
        settings(sys.argv[2:])
    else:
        changes()
