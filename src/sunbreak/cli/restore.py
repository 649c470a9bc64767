"""The verb `restore`: one scene in, one product out."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import add_out, new_parser
from sunbreak.cli.scene_options import add_masking, add_reading, add_running, mask_options, read_options
from sunbreak.models import DEFAULT


def restore_parser() -> ArgumentParser:
    """Build the parser of `sunbreak restore`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Restore the surface under cloud and shadow of one Sentinel-2 scene; clear pixels stay untouched."
    )
    parser.add_argument("optical", metavar="S2", help="Sentinel-2 GeoTIFF, L1C or L2A")
    parser.add_argument("--radar", metavar="S1", help="Sentinel-1 GeoTIFF (VV, VH) of the same place")
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
    add_running(parser)
    return parser


def run_restore(given: Namespace) -> None:
    """Run `sunbreak restore`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.pipeline import process
    from sunbreak.steps.restore import RestoreOptions

    item = process(
        given.optical, given.radar, given.out,
        read_options=read_options(given),
        mask_options=mask_options(given),
        restore_options=RestoreOptions(given.model, given.runtime, given.precision, given.everywhere),
        overwrite=given.overwrite, progress=True,
    )  # fmt: skip
    told = item.properties
    restored = ", ".join(f"{share} % by {name}" for name, share in told["sunbreak:restored_by"].items())
    print(
        f"{given.out}: {told['sunbreak:cloud_percent']} % cloud and {told['sunbreak:shadow_percent']} % shadow found; "
        f"{'restored ' + restored if restored else 'copied unchanged'}; look at {given.out / 'preview.png'}"
    )
