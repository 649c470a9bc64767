"""The command line: its arguments, and the settings of a training."""

import contextlib
import importlib
import io
import shutil

from hypothesis import strategies as st

from catalogues import BBOX, DATES, write_archive, write_catalogue
from conftest import HAS_TORCH, l1c_dn, write_raster
from fuzz_mutations import names, spoilt_text
from fuzz_targets.target import Target, whole
from sunbreak.bands import L1C_BANDS
from sunbreak.cli import main
from sunbreak.errors import SunbreakError
from sunbreak.scale.table import write_plan


def run_line(arguments):
    """Run the command line: it may end with 0, 1 or 2, shows no traceback, and says what was wrong.

    Raises:
        SunbreakError: It did not end with 0; its words.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as left:
            code = left.code
    told = err.getvalue()
    assert code in (0, 1, 2), (code, arguments)
    assert "Traceback" not in told, told
    if code:
        assert told.strip(), "nothing was said"
        raise SunbreakError(told)


def import_trainings():
    """Import before the clock runs what verbs import late."""
    for verb in ("run", "adapt", "transfer.run") if HAS_TORCH else ():
        importlib.import_module(f"sunbreak.train.{verb}")


def configuration(folder):
    """Settings are read, checked, and the network built; then a run of other settings is found in the way."""
    import_trainings()
    text = "steps: 10\nwarmup: 2\ncrop: 64\nbatch: 2\nlearning_rate: 0.001\nseed: 3\nreal_share: 0.5\n" \
           "radar_dropout: 0.15\nsemantic_steps: 0\nnetwork_options: {decoder_depth: 1}\n"  # fmt: skip
    path, taken = folder / "run.yaml", folder / "run"
    taken.mkdir(exist_ok=True)
    (taken / "run.json").write_text("{}")
    command = ["train", "cloud-mask", "--config", str(path), "--data", "simulated:", "-o", str(taken)]

    def run(spoilt):
        try:
            whole(path, spoilt, lambda _: run_line(command))
        except SunbreakError as error:
            if "holds a training with other" not in str(error):
                raise

    return Target(spoilt_text(text, r"(?:: |\n)([^\n:]*)"), run)


def command(folder):
    """Lines that are whole, spoilt in a few places; where they write is no matter of chance."""
    import_trainings()
    s2 = str(write_raster(folder / "s2.tif", l1c_dn(24, 24)))
    catalogue = str(write_catalogue(folder, write_archive(folder, days=(3,), tiles=("33UUT",))))
    plan, out, none = folder / "plan.csv", folder / "out", f"{folder}/none.tif"
    write_plan([], plan)
    level = ("--level", "L1C", "--offset", "0", "--bands", ",".join(L1C_BANDS), "--buffer", "4")
    ends = {
        ("models", "tdp-cr-prior"): (),
        ("data", "splits", "sen12ms-cr"): (),
        ("data", "check", "collection:none"): (),
        ("bench", "nothing", "--repeats", "1"): (),
        ("nothing", "none"): (),
        ("preview", none): ("-o", f"{out}.png"),
        ("report", str(folder)): ("-o", f"{out}.html"),
        ("plan", "--stac", catalogue, *BBOX, *DATES, "--max-cloud", "90", "--radar-days", "6"): ("-o", f"{out}.csv"),
        ("run", str(plan), *level, "--mask", "rule", "--sign", "none:none"): ("-o", str(out)),
        ("restore", s2, *level, "--mask", "rule", "--precision", "fp32"): ("-o", str(out)),
        ("restore", s2, *level, "--bbox", "15", "52.3", "15.01", "52.35", "--quality", s2, "--quality-map", "0=clear"):
            ("-o", str(out)),
        ("restore", s2, "--radar", none, "--dem", none, "--geoid", "0", "--aoi", none, "--reference", none):
            ("-o", str(out)),
        ("classify", s2, "--model", none, *level): ("-o", str(out)),
        ("composite", s2, s2, "--method", "median", *level): ("-o", str(out)),
        ("simulate", "--cover", "0.3", "--seed", "1", "--season", "180"): ("--size", "64", "-o", str(out)),
        ("evaluate", "--data", f"scene:{none}", "--task", "restore", "--parts", "clear"): (),
        ("train", "nothing", "--data", "simulated:", "--steps", "10"): ("-o", str(out)),
        ("adapt", "--archive", f"archive:{none}", "--model", "nothing", "--steps", "10"): ("-o", str(out)),
        ("transfer", "--source", none, "--target", "simulated-classes:n=10", "--epochs", "1"): ("-o", str(out)),
    }  # fmt: skip
    given = names | st.sampled_from((str(folder), none, str(plan), f"{folder}/none.json"))

    @st.composite
    def lines(draw):
        line = draw(st.sampled_from(list(ends)))
        told = list(line)
        for _ in range(draw(st.integers(0, 2))):
            values = [at for at, word in enumerate(told) if at and not word.startswith("--")]
            told[draw(st.sampled_from(values))] = draw(given)
        return [*told, *ends[line]]

    def run(arguments):
        try:
            run_line(arguments)
        finally:
            shutil.rmtree(out, ignore_errors=True)

    return Target(lines(), run)
