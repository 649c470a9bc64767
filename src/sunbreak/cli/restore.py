"""The verb `restore`: one scene in, one product out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import add_out, new_parser
from sunbreak.cli.scene_options import add_masking, add_reading, add_running, mask_options, read_options
from sunbreak.errors import OptionError
from sunbreak.models import DEFAULT

if TYPE_CHECKING:
    from sunbreak.steps.read_reference import Reference


def restore_parser() -> ArgumentParser:
    """Build the parser of `sunbreak restore`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Restore the surface under cloud and shadow of one Sentinel-2 scene; clear pixels stay untouched."
    )
    parser.add_argument(
        "optical", metavar="S2", help="Sentinel-2, L1C or L2A: GeoTIFF, .SAFE or its zip, STAC item or its address"
    )
    parser.add_argument(
        "--radar", metavar="S1",
        help="Sentinel-1 of the same place: GeoTIFF (VV, VH), STAC item (RTC), or GRD as .SAFE or its zip",
    )  # fmt: skip
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="FILE",
        help="Sentinel-2 of another date, or folder of an earlier product; may be given several times",
    )
    parser.add_argument(
        "--reference-radar",
        action="append",
        default=[],
        metavar="FILE",
        help="Sentinel-1 of the date of each --reference in their order, - for none: tells what has changed",
    )
    add_out(parser, "folder of the product")
    parser.add_argument(
        "--model", default=DEFAULT, metavar="NAME",
        help=f"see `sunbreak models`; or MODEL.onnx, or the folder of a `sunbreak train` ({DEFAULT})",
    )  # fmt: skip
    add_reading(parser)
    add_masking(parser, buffer=4)
    parser.add_argument(
        "--everywhere", action="store_true", help="map land cover wherever there is data, not only around clouds"
    )
    parser.add_argument(
        "--adapt-seconds", type=float, default=0.0, metavar="N",
        help="let the network learn the scene's own clear ground for this time first; needs sunbreak[train] (0)",
    )  # fmt: skip
    add_running(parser)
    return parser


def _references(given: Namespace) -> list[Reference]:
    """Pair the references with their radar."""
    from sunbreak.steps.read_reference import Reference

    radar = [None if path == "-" else path for path in given.reference_radar]
    if len(radar) > len(given.reference):
        raise OptionError(
            f"--reference-radar: given {len(radar)} times, --reference {len(given.reference)} times; the first belongs"
            " to the first, and so on"
        )
    if any(radar) and given.radar is None:
        raise OptionError("--reference-radar: is compared with the radar of the scene; pass --radar, too")
    radar += [None] * (len(given.reference) - len(radar))
    return [Reference(*pair) for pair in zip(given.reference, radar, strict=True)]


def run_restore(given: Namespace) -> None:
    """Run `sunbreak restore`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.pipeline import process
    from sunbreak.steps.restore import RestoreOptions

    item = process(
        given.optical, given.radar, given.out, references=_references(given),
        read_options=read_options(given),
        mask_options=mask_options(given),
        restore_options=RestoreOptions(
            given.model, given.runtime, given.precision, given.everywhere, adapt_seconds=given.adapt_seconds
        ),
        overwrite=given.overwrite, progress=True,
    )  # fmt: skip
    told = item.properties
    restored = ", ".join(f"{share} % by {name}" for name, share in told["sunbreak:restored_by"].items())
    print(
        f"{given.out}: {told['sunbreak:cloud_percent']} % cloud and {told['sunbreak:shadow_percent']} % shadow found; "
        f"{'restored ' + restored if restored else 'copied unchanged'}; look at {given.out / 'preview.png'}"
    )
