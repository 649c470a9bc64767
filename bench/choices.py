"""What the scene prior's settings are worth: one changed at a time, on real pairs and on same-date simulated clouds.

    python bench/choices.py ../shared/data

Prints a Markdown table of the mean PSNR over cloud pixels (protocol sunbreak, raw target). The real pairs are all
`test`: they show how far a choice carries; choices rest on the simulated skies over clear training images as far as
those go (the training images with radar are few: an open sea, one landscape, two small fields).
"""

import sys
from collections.abc import Callable

import sunbreak.prior.regression as regression
import sunbreak.prior.see_through as see_through
from sunbreak.evaluation import EvaluationOptions, evaluate

DATA = {
    "real pairs": "collection:{root},split=test,min_cloud=0.02,max_cloud=0.97",
    "skies over train": "collection:{root},split=train,clouds=simulated,draws=3,seed=1",
    "skies over test": "collection:{root},split=test,clouds=simulated,draws=2,seed=1",
}
Change = Callable[[], None]


def setting(module: object, name: str, value: object) -> Change:
    return lambda: setattr(module, name, value)


CHANGES: dict[str, Change] = {
    "as shipped": lambda: None,
    "without seeing through cloud and shadow": setting(
        see_through, "BLIND_BANDS", frozenset(see_through.OPTICAL_BANDS)
    ),
    "trusting the pixel fully (CAUTION 1)": setting(see_through, "CAUTION", 1.0),
    "trusting it less (CAUTION 0.1)": setting(see_through, "CAUTION", 0.1),
    "weak ridge (RIDGE 0.01)": setting(regression, "RIDGE", 0.01),
    "strong ridge (RIDGE 0.5)": setting(regression, "RIDGE", 0.5),
}
BUFFERS = {"buffer 0 px": 0, "buffer 2 px": 2, "buffer 8 px": 8}


def psnr(spec: str, buffer: int = 4) -> float:
    report = evaluate([], spec, options=EvaluationOptions(regions=("cloud",), buffer=buffer))
    return report.summary("scene-prior", "raw", "cloud").scores.psnr


def main(root: str) -> None:
    specs = [spec.format(root=root) for spec in DATA.values()]
    print("| setting | " + " | ".join(DATA) + " |\n|---" + "|---" * len(DATA) + "|")
    for label, change in CHANGES.items():
        before = {module: dict(vars(module)) for module in (regression, see_through)}
        change()
        print(f"| {label} | " + " | ".join(f"{psnr(spec):.2f}" for spec in specs) + " |", flush=True)
        for module, values in before.items():
            vars(module).update(values)
    for label, buffer in BUFFERS.items():
        print(f"| {label} | " + " | ".join(f"{psnr(spec, buffer):.2f}" for spec in specs) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
