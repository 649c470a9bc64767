"""The tables of the study of scene classes under cloud: every method by cloud cover, and which of them beats which.

    python bench/transfer_tables.py STUDY [--reference METHOD]

`STUDY` holds `test.npz` (labels, cloud, names and classes of the test patches) and `seed-K/METHOD.npz` (logits, and of
fusion networks logits_optical and logits_radar). Any number of seeds and methods will do; what is missing is said.
Prints Markdown: accuracies by cloud cover, other scores, each modality alone, paired differences of the reference
against every other method, and whether the bar is met. The same files always give the same text.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from transfer_scores import ALL, ORDER, OURS, Study

from sunbreak.errors import SunbreakError
from sunbreak.metrics.confidence import CALIBRATION_BINS
from sunbreak.metrics.land_cover_report import MAJORITY
from sunbreak.metrics.paired import Estimate
from sunbreak.metrics.scene_class_report import MODALITIES
from sunbreak.metrics.scene_classes import COVERS, FULLY_COVERED

CLOUDED = COVERS[2:]
"""Bins from 40 % up, where ours has to beat distillation into a fusion network and equal weights."""
SLIGHT = COVERS[0]
"""The bin where it may lose, by less than `LOSS`."""
LOSS = 0.01
ONE_SEED = "one seed, not judged"
TOLD = {True: "met", False: "not met", None: "not decided, as something is missing"}
Judge = Callable[[Estimate], tuple[bool | None, str]]
"""Whether what is asked for holds, and in words."""


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n### {title}\n")
    for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        print("| " + " | ".join(row) + " |")


def told(values: Sequence[float], scale: float, digits: int, sign: str = "") -> str:
    """Mean and standard deviation over seeds."""
    if not values or any(map(math.isnan, values)):
        return "-"
    spread = f" ± {scale * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * np.mean(values):{sign}.{digits}f}{spread}"


def chance(p: float) -> str:
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def span(interval: tuple[float, float]) -> str:
    low, high = (100 * end for end in interval)
    return "-" if math.isnan(low) else f"{low:+.1f} .. {high:+.1f}"


def by_cover(study: Study, title: str, methods: Sequence[str], key: str, form: tuple[float, int, str]) -> None:
    counts = {cover: (study.covers == cover).sum() for cover in COVERS} | {ALL: len(study.covers)}
    rows = [
        [method, str(len(study.of(method))), *(told(study.values(method, cover, key), *form) for cover in counts)]
        for method in methods
    ]
    table(title, ["method", "seeds", *(f"{cover} (n {count})" for cover, count in counts.items())], rows)


def accuracies(study: Study) -> None:
    by_cover(study, "Overall accuracy in % by cloud cover", (MAJORITY, *study.methods), "accuracy", (100, 1, ""))
    forms = {"average_accuracy": (100, 1), "macro_f1": (1, 3), "kappa": (1, 3), "ece": (1, 3)}
    rows = [
        [method, str(len(study.of(method))), *(told(study.values(method, ALL, key), *forms[key]) for key in forms)]
        for method in (MAJORITY, *study.methods)
    ]
    table("All patches", ["method", "seeds", "AA %", "macro-F1", "kappa", "ECE"], rows)


def modalities(study: Study) -> None:
    fused = [one for one in study.methods if not all(map(math.isnan, study.values(one, ALL, "accuracy_optical")))]
    for name in MODALITIES if fused else ():
        title = f"Accuracy of {name} alone in %, inside the fused networks"
        by_cover(study, title, fused, f"accuracy_{name}", (100, 1, ""))
        by_cover(study, f"Contribution of {name}", fused, f"contribution_{name}", (1, 2, "+"))


def pairs(study: Study, reference: str) -> None:
    others = [method for method in study.methods if method != reference and study.of(reference, method)]
    if not others:
        print(f"\n{reference}: has no seed in common with another method, so nothing is compared with it")
        return
    rows = []
    for other in others:
        for gain in study.gains(reference, other):
            t = gain.over_seeds
            cells = [f"{100 * t.mean:+.1f}", span(t.interval), span(gain.over_patches.interval), chance(t.p)]
            adjusted = "-" if gain.cover == ALL else chance(gain.p)
            rows.append([other, gain.cover, str(gain.patches), str(gain.seeds), *cells, adjusted])
    head = ["against", "cloud cover", "n", "seeds", "points", "95 % over seeds", "95 % over patches", "p", "p (Holm)"]
    table(f"{reference} minus the others, overall accuracy", head, rows)


def judged(study: Study, one: str, other: str, covers: Sequence[str], judge: Judge) -> list[bool | None]:
    """Print a line a bin; whether what is asked for holds there, None where nobody can say."""
    gains, found = {gain.cover: gain for gain in study.gains(one, other)}, []
    for cover in covers:
        holds, words, shown = None, "no patch or no common seed, not judged", ""
        if cover in gains:
            gain = gains[cover].over_seeds
            (holds, words), shown = judge(gain), f"{100 * gain.mean:+.1f} points ({span(gain.interval)}), "
        print(f"- {one} against {other}, {cover}: {shown}{words}")
        found.append(holds)
    return found


def beats(gain: Estimate) -> tuple[bool | None, str]:
    if math.isnan(gain.p):
        return None, ONE_SEED
    if gain.interval[0] > 0:
        return True, "beats it"
    return False, "ahead, not beyond the scatter over seeds" if gain.mean > 0 else "does not beat it"


def loses(gain: Estimate) -> tuple[bool | None, str]:
    if round(gain.mean, 9) <= -LOSS:
        return False, "loses 1 point or more"
    return True, "loses less than 1 point" if gain.mean < 0 else "loses nothing"


def differs(gain: Estimate) -> tuple[bool | None, str]:
    if math.isnan(gain.p):
        return None, ONE_SEED
    low, high = gain.interval
    return low > 0, "better" if low > 0 else "worse" if high < 0 else "no difference shown"


def verdict(study: Study) -> None:
    print("\n### The bar\n")
    asked = judged(study, OURS, "restored", (ALL,), beats)
    for other in ("kd-fusion", "equal"):
        asked += judged(study, OURS, other, CLOUDED, beats)
        asked += judged(study, OURS, other, (SLIGHT,), loses)
    state = False if False in asked else None if None in asked else True
    print(f"- **the bar is {TOLD[state]}**\n\nBeside it, restore-then-classify by cloud cover:\n")
    judged(study, OURS, "restored", COVERS, beats)
    print("\nThe faithful regulation, as it comes out:\n")
    judged(study, "irm", "equal", (*COVERS, ALL), differs)


def header(study: Study) -> None:
    print(
        f"test set of {len(study.covers)} patches, {len(study.test['classes'])} classes, hash {study.hash}; seeds "
        f"{', '.join(map(str, study.seeds))}; {len(study.methods)} methods"
    )
    absent = [method for method in ORDER if method not in study.methods]
    if absent:
        print(f"\nnot in this study: {', '.join(absent)}")
    for seed in study.seeds:
        missing = [method for method in study.methods if seed not in study.of(method)]
        if missing:
            print(f"\nmissing of seed {seed}: {', '.join(missing)}")


LEGEND = (
    "Mean ± standard deviation over seeds. Classes that the test does not hold are left out of means over classes.",
    f"{COVERS[-1]}: at least {100 * FULLY_COVERED:g} % under cloud, and not in {COVERS[-2]}. {MAJORITY}: the commonest "
    "class of the test, everywhere.",
    f"AA: average of the class accuracies. ECE: expected calibration error, {CALIBRATION_BINS} bins of the largest "
    "probability.",
    "Contribution: mean over patches of what a modality gives to the fused answer (Shapley; a right answer is worth 2 "
    "fused and 1 alone).",
    "Differences: on the same patches, over the seeds that both methods have. 95 % over seeds: Student's t; over "
    "patches: bootstrap, the same patches for all seeds. p: two-sided, of t; (Holm): adjusted over the bins of a pair.",
    f"The bar: {OURS} beats restored over all patches, and kd-fusion and equal in every bin from 40 % up: the t "
    f"interval, unadjusted, lies above 0; at {SLIGHT} its mean loses less than 1 point to these two.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--reference", default=OURS, metavar="METHOD", help=f"compared with every other ({OURS})")
    given = parser.parse_args(arguments)
    try:
        study = Study(given.study)
        header(study)
        accuracies(study)
        modalities(study)
        pairs(study, given.reference)
        verdict(study)
    except SunbreakError as error:
        sys.exit(str(error))
    print("\n" + "\n".join(f"- {line}" for line in LEGEND))


if __name__ == "__main__":
    main()
