"""The command line: the verbs, nothing else. Heavy imports wait until a verb runs, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import os
import sys
import traceback
import warnings
from argparse import Action
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace, set_parsing_settings

from sunbreak._version import __version__
from sunbreak.bands import LEVELS
from sunbreak.errors import OptionError, SunbreakError
from sunbreak.models import DEFAULT
from sunbreak.terminal import only_our_errors, show_warning
from sunbreak.train.options import TrainOptions

set_parsing_settings(docstring_parse_attribute_docstrings=True)  # the help of settings stands under each of them
Verb = Callable[[Namespace], None]
KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")


SETTINGS: Final = {field.name for field in dataclasses.fields(TrainOptions)}


class _Help(DefaultHelpFormatter):
    """Help texts as written, without Python types and defaults appended."""

    def _get_help_string(self, action: Action) -> str:
        # settings of a training are described in one place, so their defaults are not in the text
        shown = f" ({action.default})" if action.dest in SETTINGS else ""
        return (action.help or "") + shown


def _parser(summary: str) -> ArgumentParser:
    parser = ArgumentParser(description=summary, formatter_class=_Help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _out(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help=what)
    parser.add_argument("--overwrite", action="store_true", help="replace what is already finished there")


def _restore_parser() -> ArgumentParser:
    parser = _parser("Restore the surface under cloud and shadow of one Sentinel-2 scene; clear pixels stay untouched.")
    parser.add_argument("optical", metavar="S2", help="Sentinel-2 GeoTIFF, L1C or L2A")
    parser.add_argument("--radar", metavar="S1", help="Sentinel-1 GeoTIFF (VV, VH) of the same place")
    _out(parser, "folder of the product")
    parser.add_argument(
        "--model", default=DEFAULT, metavar="NAME",
        help=f"see `sunbreak models`; or MODEL.onnx, or the folder of a `sunbreak train` ({DEFAULT})",
    )  # fmt: skip
    reading = parser.add_argument_group("what the files do not say")
    reading.add_argument("--level", choices=LEVELS, help="processing level")
    reading.add_argument(
        "--offset", type=int, metavar="N", help="number added to the DN: -1000 (baseline 04.00 on) or 0"
    )
    reading.add_argument("--bands", metavar="LIST", help="names of the bands, B02,B03,...; - leaves one out")
    reading.add_argument("--metadata", metavar="FILE", help="SAFE MTD_*.xml or STAC item of the optical scene")
    reading.add_argument("--radar-units", metavar="dB|power", help="units of the radar file")
    reading.add_argument("--radar-bands", metavar="LIST", help="polarisations of the radar file, for example VH,VV")
    masking = parser.add_argument_group("cloud and shadow")
    masking.add_argument("--quality", metavar="FILE", help="class raster, for example SCL; else --mask finds clouds")
    masking.add_argument(
        "--mask",
        default="auto",
        metavar="NAME",
        help="rule, network, or MODEL.onnx; what finds clouds (rule, or network without B02 B03 B04)",
    )
    masking.add_argument(
        "--quality-map", metavar="MAP", help="its codes: scl, or 0=clear,1=thick,2=thin,3=shadow,255=nodata"
    )
    masking.add_argument(
        "--buffer", type=int, default=4, metavar="PX", help="pixels by which cloud and shadow grow (4)"
    )
    area = parser.add_argument_group("part of the scene")
    area.add_argument("--bbox", type=float, nargs=4, metavar=("W", "S", "E", "N"), help="in degrees")
    area.add_argument("--aoi", metavar="FILE", help="GeoJSON; its bounds are taken")
    running = parser.add_argument_group("running a network")
    running.add_argument(
        "--everywhere", action="store_true", help="map land cover wherever there is data, not only around clouds"
    )
    running.add_argument(
        "--runtime", choices=("auto", "openvino", "onnx", "torch"), default="auto", help="what runs it (openvino)"
    )
    running.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="its arithmetic")
    return parser


def _restore(given: Namespace) -> None:
    from sunbreak.pipeline import process
    from sunbreak.radiometry.read_options import ReadOptions
    from sunbreak.steps.mask import MaskOptions
    from sunbreak.steps.restore import RestoreOptions

    read_options = ReadOptions(
        level=given.level, offset=given.offset, bands=_list(given.bands), metadata=given.metadata,
        radar_units=given.radar_units, radar_bands=_list(given.radar_bands), bbox=given.bbox, aoi=given.aoi,
    )  # fmt: skip
    item = process(
        given.optical, given.radar, given.out,
        read_options=read_options,
        mask_options=MaskOptions(
            given.quality, given.quality_map, given.buffer, given.mask, given.runtime, given.precision
        ),
        restore_options=RestoreOptions(given.model, given.runtime, given.precision, given.everywhere),
        overwrite=given.overwrite, progress=True,
    )  # fmt: skip
    told = item.properties
    restored = ", ".join(f"{share} % by {name}" for name, share in told["sunbreak:restored_by"].items())
    print(
        f"{given.out}: {told['sunbreak:cloud_percent']} % cloud and {told['sunbreak:shadow_percent']} % shadow found; "
        f"{'restored ' + restored if restored else 'copied unchanged'}; look at {given.out / 'preview.png'}"
    )


def _simulate_parser() -> ArgumentParser:
    parser = _parser("Simulate a scene with known truth: radar, cloudy optical, land cover, quality, optical depth.")
    _out(parser, "folder of the simulated scene")
    parser.add_argument("--size", type=int, default=1024, metavar="PX", help="side in pixels of 10 m (1024)")
    parser.add_argument("--cover", type=float, default=0.4, metavar="SHARE", help="share under cloud, 0 to 1 (0.4)")
    parser.add_argument("--kind", choices=KINDS, default="mixed", help="kind of cloud (mixed)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same scene (0)")
    parser.add_argument("--level", choices=LEVELS, default="L1C", help="processing level (L1C)")
    parser.add_argument("--season", type=int, default=196, metavar="DAY", help="day of the year (196)")
    return parser


def _simulate(given: Namespace) -> None:
    from sunbreak.simulate import CloudSpec, SceneSpec, write_scene

    clouds = CloudSpec(seed=given.seed, cover=given.cover, kind=given.kind)
    spec = SceneSpec(size=given.size, seed=given.seed, level=given.level, season=given.season, clouds=clouds)
    write_scene(spec, given.out, overwrite=given.overwrite, progress=True)
    print(f"{given.out}: optical.tif (cloudy), radar.tif, truth.tif, land_cover.tif, quality.tif, optical_depth.tif")


def _models_parser() -> ArgumentParser:
    parser = _parser("List the models that restore scenes, and the baselines they are measured against.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all about one of them; also MODEL.onnx or a run")
    return parser


def _models(given: Namespace) -> None:
    from sunbreak.models import describe, table

    print(table() if given.name is None else describe(given.name))


def _evaluate_parser() -> ArgumentParser:
    parser = _parser("Score models against the truth, beside the trivial answers.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="models beside the rows that are always there")
    parser.add_argument("--data", required=True, metavar="SPEC", help="kind:path[,option=value]; see docs/evaluate.md")
    parser.add_argument("--protocol", default="sunbreak", metavar="NAME", help="definition of the metrics (sunbreak)")
    parser.add_argument("--per-patch", action="store_true", help="one row per patch as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON, too")
    return parser


def _evaluate(given: Namespace) -> None:
    from sunbreak.evaluation import evaluate

    if given.json is not None and not given.json.parent.is_dir():
        raise OptionError(f"--json {given.json}: no such folder")
    report = evaluate(given.models, given.data, protocol=given.protocol, per_patch=given.per_patch, progress=True)
    print(report.text())
    if given.json is not None:
        given.json.write_text(report.json(), encoding="utf-8")


def _train_parser() -> ArgumentParser:
    parser = _parser("Train a network; the same command goes on with a training that was stopped.")
    parser.add_argument("network", metavar="NETWORK", help="tdp-cr, tdp-cr-prior, tdp-cr-large or cloud-mask")
    parser.add_argument(
        "--data", required=True, nargs="+", metavar="SPEC", help="simulated:, collection:PATH, or both, mixed"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--minutes", type=float, metavar="N", help="stop after this time; go on later")
    parser.add_argument("--config", action="config", metavar="YAML", help="settings from a file; flags come on top")
    parser.add_argument(
        "--network-options", type=dict[str, Any], default={}, metavar="JSON", help="fields of the network's options"
    )
    parser.add_class_arguments(TrainOptions, as_group=True)
    return parser


def _train(given: Namespace) -> None:
    try:
        from sunbreak.train.run import train
    except ImportError as error:
        raise OptionError(f"training needs more packages: pip install 'sunbreak[train]' ({error})") from error
    options = TrainOptions(**{name: given[name] for name in SETTINGS})
    leg = train(
        given.network, given.data, given.out,
        options=options, config=given.network_options, minutes=given.minutes, progress=True,
    )  # fmt: skip
    if leg.finished:
        print(f"{leg.folder}: trained ({leg.done}); use it with `sunbreak restore ... --model {leg.folder}`")
    else:
        print(f"{leg.folder}: stopped at {leg.done}; the same command goes on")


def _preview_parser() -> ArgumentParser:
    parser = _parser(
        "Draw a product (cloudy, restored, quality, uncertainty, land cover) or a simulated scene (cloudy, radar, "
        "quality, truth)."
    )
    parser.add_argument("product", type=Path, metavar="OUT", help="folder of the product")
    parser.add_argument("-o", "--out", type=Path, metavar="PNG", help="file to write (OUT-preview.png beside it)")
    return parser


def _preview(given: Namespace) -> None:
    from sunbreak.steps.preview import preview

    print(preview(given.product, given.out))


VERBS: Final[dict[str, tuple[Callable[[], ArgumentParser], Verb]]] = {
    "restore": (_restore_parser, _restore),
    "simulate": (_simulate_parser, _simulate),
    "models": (_models_parser, _models),
    "evaluate": (_evaluate_parser, _evaluate),
    "train": (_train_parser, _train),
    "preview": (_preview_parser, _preview),
}


def build_parser() -> ArgumentParser:
    """Build the parser of all verbs.

    Returns:
        The parser; its namespace names the verb as `verb`.
    """
    parser = ArgumentParser(
        prog="sunbreak",
        description="From a cloudy Sentinel-2 scene to analysis-ready data, with the help of Sentinel-1.",
        version=__version__,
        formatter_class=_Help,
    )
    verbs = parser.add_subcommands(dest="verb", metavar="VERB")
    for name, (make, _) in VERBS.items():
        verb = make()
        verbs.add_subcommand(name, verb, help=verb.description)
    return parser


def _list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        Exit code: 0 done, 1 failed, 2 the user has to mend something. Wrong usage leaves with code 2 by itself.
    """
    given: Any = build_parser().parse_args(arguments)
    options = given[given.verb]
    with warnings.catch_warnings(), only_our_errors(shown=options.debug):
        warnings.showwarning = show_warning
        try:
            VERBS[given.verb][1](options)
        except SunbreakError as error:
            return _fail(options, " ".join(str(error).split()), error.exit_code)
        except BrokenPipeError:
            # whoever read our output has left; keep the interpreter from complaining when it flushes
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            return _fail(options, "interrupted; nothing was left half-written", 130)
        except (MemoryError, OSError) as error:
            return _fail(options, f"{type(error).__name__}: {error}", 1)
    return 0


def _fail(options: Namespace, message: str, code: int) -> int:
    if options.debug:
        traceback.print_exc()
    print(f"sunbreak: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
