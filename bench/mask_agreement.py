"""How well masks agree with what others marked, with the truth of simulated clouds, and with clear images.

    python bench/mask_agreement.py DATA [--mask-model MODEL.onnx] [--others STUDY/bin/python] [--tune]

DATA is the collection. Judged are Sunbreak's rule and mask network, and, with the Python of an environment that has
them, s2cloudless and ukis-csmask (see external_masks.py). Prints Markdown. Masks are taken before growing, pixels are
pooled, cloud is thin and thick together; `thick` is the share of thick cloud that is found as cloud, `overall` the
share of pixels whose class is right among clear, cloud and, where the labels know it, shadow (s2cloudless finds none).
No sun angles are known: the rule looks for shadows on all sides.
`--tune` prints, on regions that may be trained on, what the weights of `cloud_network.Decision` are worth instead.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mask_images import clear_sets, image_sets, is_unseen, simulated

from sunbreak import cloud_network
from sunbreak.cloud_network import Decision, decide, open_network
from sunbreak.data.manifest import read_manifest
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.steps.quality_network import probabilities_from_network
from sunbreak.tiles import Window

GROUP = np.array([-1, 0, 1, 1, 2])
"""Quality as nothing, clear, cloud, shadow."""
ALARM = 0.05
"""Share of marked pixels from which a clear image counts as flagged."""
OTHERS = ("s2cloudless", "ukis-csmask")
WEIGHTS = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0)
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def to_scene(image):
    return make_scene(image.optical, bands=list(image.bands), level=image.level, geobox=image.geobox)


def own(images, method):
    """Classes by Sunbreak, None for images that the method cannot read."""
    found = []
    for image in images:
        try:
            found.append(mask(to_scene(image), options=MaskOptions(method=method, buffer=0)).quality.values)
        except OptionError:
            found.append(None)
    return found


def by_others(images, name, python):
    """The same by another programme, in its own environment; None when it is not installed there."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "given.npz", Path(folder) / "out.npz"
        arrays = {}
        for index, image in enumerate(images):
            arrays |= {f"{index}.optical": image.optical, f"{index}.bands": np.array(image.bands),
                       f"{index}.level": np.array(image.level), f"{index}.pixel": np.array(image.pixel)}  # fmt: skip
        np.savez(given, **arrays)
        command = [python, str(Path(__file__).with_name("external_masks.py")), name, str(given), str(out)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 3:
            return None
        if done.returncode:
            sys.exit(f"{name}: {done.stderr}")
        with np.load(out) as file:
            return [file[str(index)] if str(index) in file.files else None for index in range(len(images))]


def counted(images, found):
    """(truth, found) counts of clear, cloud and shadow, over the images that could be read."""
    counts = np.zeros((3, 3), np.int64)
    for image, quality in zip(images, found, strict=True):
        if quality is not None:
            truth, guess = GROUP[image.truth], GROUP[quality]
            known = (truth >= 0) & (guess >= 0)
            counts += np.bincount(3 * truth[known] + guess[known], minlength=9).reshape(3, 3)
    return counts


def scores(counts, code):
    """Recall, precision and F1 of a class, as a row's cells."""
    hit, there, said = counts[code, code], counts[code].sum(), counts[:, code].sum()
    if there == 0:
        return "- | - | -"
    return f"{hit / there:.2f} | {hit / max(said, 1):.2f} | {2 * hit / (there + said):.2f}"


def agreement_row(name, images, found, *, shadow):
    judged = sum(quality is not None for quality in found)
    if not judged:
        return f"| {name} | 0 | needs other bands or another level | | | | | | | |"
    counts = counted(images, found)
    if not shadow:  # the labels do not know it: shadow counts as not cloud
        counts = np.array([[counts[0, 0] + counts[0, 2], counts[0, 1]], [counts[1, 0] + counts[1, 2], counts[1, 1]]])
    overall = np.trace(counts) / max(counts.sum(), 1)
    cells = scores(counts, 2) if shadow else "- | - | -"
    thick = np.concatenate([np.isin(quality[image.truth == Quality.THICK_CLOUD], (2, 3))
                            for image, quality in zip(images, found, strict=True) if quality is not None])  # fmt: skip
    return f"| {name} | {judged} | {scores(counts, 1)} | {thick.mean():.2f} | {cells} | {overall:.3f} |"


def alarm_row(name, images, found):
    shares = [[(quality[image.truth == Quality.CLEAR] == code).mean() for code in (2, 3, 4)]
              for image, quality in zip(images, found, strict=True) if quality is not None]  # fmt: skip
    if not shares:
        return f"| {name} | 0 | needs other bands or another level | | | |"
    thin, thick, shadow = np.array(shares).T
    flagged = [100 * float((part > ALARM).mean()) for part in (thin + thick, shadow)]
    means = [100 * float(part.mean()) for part in (thin + thick, shadow)]
    return f"| {name} | {len(shares)} | {means[0]:.1f} % | {flagged[0]:.0f} % | {means[1]:.1f} % | {flagged[1]:.0f} % |"


def judges(arguments):
    """Methods by name, each a function from images to classes."""
    methods = {"rule": lambda images: own(images, "rule")}
    if arguments.mask_model.is_file():
        methods["network"] = lambda images: own(images, arguments.mask_model)
    else:
        print(f"Network: no weights at {arguments.mask_model}, left out.\n")
    for name in OTHERS:
        if by_others([], name, arguments.others) is None:
            print(f"{name}: not installed for {arguments.others}, left out; see bench/external_masks.py.\n")
        else:
            methods[name] = lambda images, name=name: by_others(images, name, arguments.others)
    return methods


def compare(arguments):
    methods = judges(arguments)
    print("| | images | cloud recall | precision | F1 | thick | shadow recall | precision | F1 | overall |")
    print("|---" * 10 + "|")
    for one in image_sets(arguments.data):
        print(f"| **{one.title}** | | | | | | | | | |")
        for name, judge in methods.items():
            print(agreement_row(name, one.images, judge(one.images), shadow=one.shadow), flush=True)
    print("\nMarked in images without cloud: mean share of pixels, and share of images with more than 5 %.\n")
    print("| | images | cloud | flagged | shadow | flagged |\n|---|---|---|---|---|---|")
    for one in clear_sets(read_manifest(str(arguments.data))):
        print(f"| **{one.title}** | | | | | |")
        for name, judge in methods.items():
            print(alarm_row(name, one.images, judge(one.images)), flush=True)


def tune(arguments):
    """What each weight of the decision is worth, the others as shipped; looks at training regions only."""
    rows = read_manifest(str(arguments.data))
    clouded = list(simulated(arguments.data, rows, unseen=False))
    clear = [image for one in clear_sets([row for row in rows if not is_unseen(row)]) if "cirrus" not in one.title
             for image in one.images]  # fmt: skip
    shares = {id(image): shares_of(image, arguments.mask_model) for image in clouded + clear}
    shipped = cloud_network.DECISION
    trials = [Decision(weight, shipped.shadow, shipped.thick) for weight in WEIGHTS]
    trials += [Decision(shipped.cloud, weight, shipped.thick) for weight in WEIGHTS]
    trials += [Decision(shipped.cloud, shipped.shadow, share) for share in SHARES]
    print(f"{len(clouded)} images under simulated cloud, {len(clear)} clear ones, all of training regions.\n")
    print("| cloud | shadow | thick | cloud recall | precision | F1 | shadow recall | precision | F1 | "
          "thin and thick told apart | false cloud | false shadow |\n" + "|---" * 12 + "|")  # fmt: skip
    for trial in trials:
        found = [decide(shares[id(image)], trial) for image in clouded]
        counts = counted(clouded, found)
        both = [(image.truth[where], quality[where]) for image, quality in zip(clouded, found, strict=True)
                for where in [np.isin(image.truth, (2, 3)) & np.isin(quality, (2, 3))]]  # fmt: skip
        apart = np.mean(np.concatenate([truth == quality for truth, quality in both]))
        false = counted(clear, [decide(shares[id(image)], trial) for image in clear])[0]
        alarms = " | ".join(f"{100 * share:.2f} %" for share in false[1:] / false.sum())
        weights = f"{trial.cloud} | {trial.shadow} | {trial.thick}"
        print(f"| {weights} | {scores(counts, 1)} | {scores(counts, 2)} | {apart:.3f} | {alarms} |", flush=True)


def shares_of(image, path):
    scene = to_scene(image)
    whole = Window(0, 0, *image.truth.shape)
    return probabilities_from_network(scene, open_network(path, level=image.level))(whole)[0]


def main():
    parser = argparse.ArgumentParser(description="How well masks agree with labels; see the head of this file.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--mask-model", type=Path, default=cloud_network.WEIGHTS)
    parser.add_argument("--others", default=sys.executable, help="Python that has s2cloudless and ukis-csmask")
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    if not arguments.tune:
        compare(arguments)
    elif not arguments.mask_model.is_file():
        sys.exit(f"--tune weighs a network's probabilities; there is none at {arguments.mask_model}")
    else:
        tune(arguments)


if __name__ == "__main__":
    main()
