"""The verb `restore`: one scene in, one product out."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from sunbreak.bands import LEVELS
from sunbreak.cli.parsers import add_out, listed, new_parser
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


def run_restore(given: Namespace) -> None:
    """Run `sunbreak restore`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.pipeline import process
    from sunbreak.radiometry.read_options import ReadOptions
    from sunbreak.steps.mask import MaskOptions
    from sunbreak.steps.restore import RestoreOptions

    read_options = ReadOptions(
        level=given.level, offset=given.offset, bands=listed(given.bands), metadata=given.metadata,
        radar_units=given.radar_units, radar_bands=listed(given.radar_bands), bbox=given.bbox, aoi=given.aoi,
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
