"""The command line: its arguments, and the settings of a training."""

import contextlib
import io
import shutil

from hypothesis import strategies as st

from conftest import l1c_dn, write_raster
from fuzz_mutations import names, spoilt_text
from fuzz_targets.target import Target, whole
from sunbreak.cli import main
from sunbreak.errors import SunbreakError
from sunbreak.scale.table import write_plan


def line(arguments):
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


def configuration(folder):
    """Settings are read, checked, and the network built; then a run of other settings is found in the way."""
    text = "steps: 10\nwarmup: 2\ncrop: 64\nbatch: 2\nlearning_rate: 0.001\nseed: 3\nreal_share: 0.5\n" \
           "radar_dropout: 0.15\nsemantic_steps: 0\nnetwork_options: {decoder_depth: 1}\n"  # fmt: skip
    path, taken = folder / "run.yaml", folder / "run"
    taken.mkdir(exist_ok=True)
    (taken / "run.json").write_text("{}")
    command = ["train", "cloud-mask", "--config", str(path), "--data", "simulated:", "-o", str(taken)]

    def run(spoilt):
        try:
            whole(path, spoilt, lambda _: line(command))
        except SunbreakError as error:
            if "holds a training with other" not in str(error):
                raise

    return Target(spoilt_text(text, r"(?:: |\n)([^\n:]*)"), run)


def command(folder):
    s2 = write_raster(folder / "s2.tif", l1c_dn(24, 24))
    csv_plan = folder / "plan.csv"
    write_plan([], csv_plan)
    verbs = {
        "models": [], "plan": ["--stac", "--bbox", "--dates", "--max-cloud", "--radar-days", "-o"],
        "run": ["-o", "--workers", "--model", "--level", "--bands", "--sign"],
        "preview": [], "report": ["-o"], "data": [], "evaluate": ["--data", "--protocol", "--task"],
        "restore": ["--radar", "--quality", "--quality-map", "--level", "--offset", "--bands", "--buffer", "--bbox",
                    "--aoi", "--model", "--mask", "--metadata", "--dem", "--geoid", "--precision", "--reference"],
        "classify": ["--model", "--radar", "--stride"], "train": ["--data", "-o", "--steps", "--config"],
        "adapt": ["--archive", "--model", "-o"], "transfer": ["--source", "--target", "-o"],
        "simulate": ["--cover", "--seed", "--date", "--biome"], "bench": [], "nothing": [],
    }  # fmt: skip
    # real scenes would be restored, which takes seconds: what is given as one does not exist, or is a folder
    given = names | st.sampled_from(
        (str(folder), f"{folder}/none.tif", str(csv_plan), str(s2.parent / "none.json"), "check")
    )

    @st.composite
    def lines(draw):
        verb = draw(st.sampled_from(sorted(verbs)))
        arguments = [verb, *draw(st.lists(given, max_size=2))]
        for option in draw(st.lists(st.sampled_from((*verbs[verb], "--debug-not", "--overwrite")), max_size=4)):
            arguments += [option, *draw(st.lists(given, max_size=4 if option == "--bbox" else 1))]
        if verb == "simulate":
            arguments += ["--size", draw(st.sampled_from(("0", "-5", "x", "1e9", "", "99999999")))]
        if verb in ("restore", "classify", "simulate", "run"):
            arguments += ["-o", f"{folder}/out"]
        return arguments

    def run(arguments):
        try:
            line(arguments)
        finally:
            shutil.rmtree(folder / "out", ignore_errors=True)

    return Target(lines().filter(lambda one: one[0] != "bench" or len(one) > 1), run)
