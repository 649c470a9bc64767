"""The tables of the study, on studies whose outcome is known beforehand."""

import contextlib
import importlib.util
import io
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

BENCH = Path(__file__).parents[2] / "bench"
COUNT = 700
LABELS = np.arange(COUNT) % 7 % 3
CLOUDS = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9, 0.995, 1.0], 100).astype(np.float32)  # the last two are one bin
SEEDS = range(4)
COVERS = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %", "fully covered", "all")
SIZES = (100, 100, 100, 100, 100, 200, 700)
SKILLS = {"source": 0.5, "restored": 0.55, "kd-fusion": 0.6, "equal": 0.62, "irm": 0.62, "cloud-aware": 0.95}


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("transfer_tables", BENCH / "transfer_tables.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(BENCH)])  # where a script finds those beside it
        spec.loader.exec_module(module)
    return module


def saying(right, sure=4.0):
    """Logits that are right where they shall be."""
    said = np.where(right, LABELS, (LABELS + 1) % 3)
    return sure * np.eye(3, dtype=np.float32)[said]


def drawn(share, seed):
    return np.random.default_rng(seed).random(COUNT) < share


def write_test(folder, **changes):
    folder.mkdir(exist_ok=True)
    names = np.array([f"patch-{index}" for index in range(COUNT)])
    content = {"labels": LABELS, "cloud": CLOUDS, "names": names, "classes": np.array(["sea", "land", "ice"])}
    np.savez(folder / "test.npz", **{**content, **changes})
    return folder


def write(folder, method, seed, right, parts=None):
    (folder / f"seed-{seed}").mkdir(exist_ok=True)
    alone = {f"logits_{name}": saying(values) for name, values in (parts or {}).items()}
    np.savez(folder / f"seed-{seed}" / f"{method}.npz", logits=saying(right), **alone)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study with nothing missing; not to be changed."""
    folder = write_test(tmp_path_factory.mktemp("whole") / "study")
    for place, (method, skill) in enumerate(SKILLS.items()):
        for seed in SEEDS:
            write(folder, method, seed, drawn(skill, 100 * place + seed))
    return folder


@pytest.fixture
def study(whole, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(whole, tmp_path / "study")


def shown(tables, capsys, folder, *options):
    tables.main([str(folder), *options])
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def text(tables, whole):
    """What is printed of the whole study."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        tables.main([str(whole)])
    return out.getvalue()


def rows(text, title):
    """Cells of the table under a title, by its first column."""
    body = text.split(f"### {title}\n\n", 1)[1].split("\n\n", 1)[0]
    lines = [line[2:-2].split(" | ") for line in body.splitlines()]
    return lines[0], lines[2:]


def of(text, title, method):
    head, lines = rows(text, title)
    return dict(zip(head, next(line for line in lines if line[0] == method), strict=True))


ACCURACY = "Overall accuracy in % by cloud cover"


def test_accuracies_are_means_and_deviations_over_seeds_in_every_bin(text):
    head, _ = rows(text, ACCURACY)
    assert head == ["method", "seeds", *(f"{cover} (n {n})" for cover, n in zip(COVERS, SIZES, strict=True))]
    right = np.array([drawn(0.95, 500 + seed) for seed in SEEDS])
    found = of(text, ACCURACY, "cloud-aware")
    inside = {"20-40 % (n 100)": np.s_[100:200], "fully covered (n 200)": np.s_[500:], "all (n 700)": np.s_[:]}
    for column, where in inside.items():
        shares = 100 * right[:, where].mean(axis=1)
        mean, spread = map(float, found[column].split(" ± "))
        assert (mean, spread) == pytest.approx((shares.mean(), shares.std(ddof=1)), abs=0.0501)
    assert found["seeds"] == "4"
    assert of(text, ACCURACY, "majority")["all (n 700)"] == f"{100 * np.bincount(LABELS).max() / COUNT:.1f} ± 0.0"


def test_other_scores_are_those_of_all_patches(tables, capsys, tmp_path):
    folder = write_test(tmp_path / "study")
    for seed, half in enumerate((True, False)):
        write(folder, "equal", seed, np.arange(COUNT) < (COUNT if half else 0))
    found = of(shown(tables, capsys, folder), "All patches", "equal")
    spread = 100 * np.std([1, 0], ddof=1)
    assert found["AA %"] == f"50.0 ± {spread:.1f}"
    assert found["macro-F1"] == f"0.500 ± {spread / 100:.3f}"
    confidence = np.exp(4) / (np.exp(4) + 2)
    assert found["ECE"] == f"0.500 ± {np.std([1 - confidence, confidence], ddof=1):.3f}"
    assert float(found["kappa"].split(" ")[0]) < 0.5  # all wrong is worse than chance


def test_modalities_are_shown_where_branches_speak_alone(tables, capsys, text, study):
    assert "alone" not in text.split("### The bar")[0]
    for seed in SEEDS:
        right = np.ones(COUNT, bool)
        write(study, "irm", seed, right, {"optical": CLOUDS < 0.6, "radar": right})
    text = shown(tables, capsys, study)
    optical = of(text, "Accuracy of optical alone in %, inside the fused networks", "irm")
    assert (optical["40-60 % (n 100)"], optical["60-80 % (n 100)"]) == ("100.0 ± 0.0", "0.0 ± 0.0")
    radar, optical = (of(text, f"Contribution of {name}", "irm") for name in ("radar", "optical"))
    assert (radar["0-20 % (n 100)"], optical["0-20 % (n 100)"]) == ("+1.00 ± 0.00", "+1.00 ± 0.00")
    assert (radar["fully covered (n 200)"], optical["fully covered (n 200)"]) == ("+1.50 ± 0.00", "+0.50 ± 0.00")
    assert len(rows(text, "Contribution of radar")[1]) == 1


def test_differences_are_paired_and_equal_scipy(tables, capsys, whole):
    head, lines = rows(shown(tables, capsys, whole, "--reference", "irm"), "irm minus the others, overall accuracy")
    assert len(lines) == len(COVERS) * (len(SKILLS) - 1)
    found = [dict(zip(head, line, strict=True)) for line in lines if line[0] == "kd-fusion"]
    assert tuple(line["cloud cover"] for line in found) == COVERS
    first, second = (np.array([drawn(share, at + seed) for seed in SEEDS]) for share, at in ((0.62, 400), (0.6, 200)))
    insides = [*np.split(np.arange(500), 5), np.arange(500, COUNT), np.arange(COUNT)]
    raw = []
    for line, inside in zip(found, insides, strict=True):
        oracle = stats.ttest_rel(first[:, inside].mean(axis=1), second[:, inside].mean(axis=1))
        gain = 100 * (first[:, inside].mean() - second[:, inside].mean())
        assert float(line["points"]) == pytest.approx(gain, abs=0.0501)
        ends = [100 * end for end in oracle.confidence_interval(0.95)]
        assert [float(end) for end in line["95 % over seeds"].split(" .. ")] == pytest.approx(ends, abs=0.0501)
        assert float(line["p"]) == pytest.approx(oracle.pvalue, abs=0.0006)
        low, high = map(float, line["95 % over patches"].split(" .. "))
        assert low < gain < high
        raw.append(oracle.pvalue)
    assert min(float(line["p (Holm)"]) for line in found[:-1]) == pytest.approx(min(6 * min(raw[:-1]), 1), abs=0.0006)
    assert found[-1]["p (Holm)"] == "-"  # all patches are no bin


def test_the_bar_is_met(text):
    assert "**the bar is met**" in text
    assert len(re.findall(r"cloud-aware against (?:kd-fusion|equal), .*beats it", text)) == 8
    assert len(re.findall(r"cloud-aware against \S+, 0-20 %: .*, loses nothing", text)) == 2
    assert len(re.findall("irm against equal, ", text)) == len(COVERS)


@pytest.mark.parametrize(("lost", "met"), [(0, True), (3, True), (4, False), (8, False)])
def test_a_point_may_be_lost_where_there_is_little_cloud(tables, capsys, study, lost, met):
    for seed in SEEDS:
        equal = drawn(0.62, 300 + seed)
        ours = equal | (CLOUDS > 0.2)
        # of 4 seeds x 100 patches, 4 are a point
        ours[np.flatnonzero(ours[:100])[: lost // 4 + (seed < lost % 4)]] = False
        for method, right in {"cloud-aware": ours, "equal": equal, "kd-fusion": equal}.items():
            write(study, method, seed, right)
    text = shown(tables, capsys, study)
    found = re.findall(r"against (?:equal|kd-fusion), 0-20 %: (\S+) points", text)
    assert [float(points) for points in found[:2]] == pytest.approx([-lost / 4] * 2, abs=0.0501)
    assert ("**the bar is met**" in text) is met
    assert ("loses 1 point or more" in text) is not met


def test_one_bin_without_a_clear_gain_fails_the_bar(tables, capsys, study):
    for seed in SEEDS:
        ours = drawn(0.95, 500 + seed)
        equal = np.where(np.isclose(CLOUDS, 0.7), ours, drawn(0.6, 300 + seed))
        write(study, "equal", seed, equal)
    text = shown(tables, capsys, study)
    assert re.search(r"cloud-aware against equal, 60-80 %: \+0\.0 points .*, does not beat it", text)
    assert "**the bar is not met**" in text


def test_what_is_missing_is_said_and_leaves_the_bar_open(tables, capsys, study):
    (study / "seed-2" / "irm.npz").unlink()
    for seed in SEEDS:
        (study / f"seed-{seed}" / "kd-fusion.npz").unlink()
    text = shown(tables, capsys, study)
    assert "missing of seed 2: irm" in text
    assert "missing of seed 1" not in text
    assert re.search("not in this study: kd-optical, kd-radar, kd-fusion, ogm-batch", text)
    assert of(text, ACCURACY, "irm")["seeds"] == "3"
    assert "cloud-aware against kd-fusion, 40-60 %: no patch or no common seed, not judged" in text
    assert "**the bar is not decided" in text


def test_one_seed_and_empty_bins_show_what_there_is(tables, capsys, tmp_path):
    folder = write_test(tmp_path / "study", cloud=np.full(COUNT, 0.5))
    for method in ("equal", "cloud-aware"):
        write(folder, method, 7, drawn(0.7, len(method)))
    text = shown(tables, capsys, folder)
    found = of(text, ACCURACY, "equal")
    assert found["0-20 % (n 0)"] == "-"
    assert re.fullmatch(r"\d\d\.\d", found["all (n 700)"])
    _, lines = rows(text, "cloud-aware minus the others, overall accuracy")
    assert [line[1] for line in lines] == ["40-60 %", "all"]
    assert lines[0][5] == lines[0][7] == lines[0][8] == "-"
    assert re.search(r"cloud-aware against equal, 40-60 %: \S+ points \(-\), one seed, not judged", text)
    assert "seeds 7; 2 methods" in text


def test_methods_stand_in_their_order_and_unknown_ones_last(tables, capsys, tmp_path):
    folder = write_test(tmp_path / "study")
    order = ["source", "equal", "irm", "irm-inverse", "irm-share", "ogm-batch", "qmf", "cloud-aware",
             "cloud-aware-no-gate", "clear-sky", "another", "mine"]  # fmt: skip
    for method in sorted(order, key=hash):
        write(folder, method, 0, drawn(0.5, 1))
    _, lines = rows(shown(tables, capsys, folder), ACCURACY)
    assert [line[0] for line in lines] == ["majority", *order]


def test_the_text_is_the_same_every_time_and_names_the_test(tables, capsys, text, study):
    assert text == shown(tables, capsys, study)
    (found,) = re.findall(r"test set of 700 patches, 3 classes, hash (\w{12}); seeds 0, 1, 2, 3; 6 methods", text)
    write_test(study, labels=LABELS[::-1])
    assert found not in shown(tables, capsys, study)


def test_a_reference_that_is_not_there_is_compared_with_nothing(tables, capsys, whole):
    text = shown(tables, capsys, whole, "--reference", "mine")
    assert "mine: has no seed in common with another method, so nothing is compared with it" in text


def refused(tables, folder):
    with pytest.raises(SystemExit) as caught:
        tables.main([str(folder)])
    told = str(caught.value)
    assert "\n" not in told
    return told


def test_broken_studies_give_one_line_that_names_the_file(tables, study, tmp_path):
    assert "test.npz: cannot be read" in refused(tables, tmp_path / "nothing")
    assert "holds no seed-K/METHOD.npz; run the study first" in refused(tables, write_test(tmp_path / "empty"))
    file = study / "seed-1" / "irm.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert f"{file}: cannot be read" in refused(tables, study)
    file.write_bytes(b"")
    assert "delete it and run the study again" in refused(tables, study)
    np.savez(file, answers=LABELS)
    assert f"{file}: holds no logits" in refused(tables, study)
    np.savez(file, logits=saying(LABELS == 0)[:-1])
    assert re.search(r"seed-1: irm: logits have shape \(699, 3\), expected \(700, 3\)", refused(tables, study))
    file.unlink()
    write_test(study, labels=LABELS - 1)
    assert "label -1 is none of 3 classes" in refused(tables, study)
