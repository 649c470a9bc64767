"""Options of the verbs that read one scene: what its files do not say, where clouds come from, what runs networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from sunbreak.bands import LEVELS
from sunbreak.cli.parsers import listed

if TYPE_CHECKING:
    from sunbreak.radiometry.read_options import ReadOptions
    from sunbreak.steps.mask import MaskOptions


def add_reading(parser: ArgumentParser, *, radar: bool = True) -> None:
    """Add what the files do not say, and which part of the scene is read.

    Args:
        parser: Of a verb.
        radar: Whether it reads radar, too, and a single scene, which may have metadata in a file of its own.
    """
    reading = parser.add_argument_group("what the files do not say")
    reading.add_argument("--level", choices=LEVELS, help="processing level")
    reading.add_argument(
        "--offset", type=int, metavar="N", help="number added to the DN: -1000 (baseline 04.00 on) or 0"
    )
    reading.add_argument(
        "--bands", metavar="LIST", help="names of the bands, B02,B03,...; - leaves one out; of an item, those to read"
    )
    if radar:
        reading.add_argument("--metadata", metavar="FILE", help="SAFE MTD_*.xml or STAC item of the optical scene")
        reading.add_argument("--radar-units", metavar="dB|power", help="units of the radar file")
        reading.add_argument("--radar-bands", metavar="LIST", help="polarisations of the radar file, for example VH,VV")
        reading.add_argument("--dem", metavar="FILE", help="elevation model, for radar that comes as a GRD product")
        reading.add_argument(
            "--geoid", type=float, metavar="M", help="metres from its heights to heights above the ellipsoid WGS 84"
        )
    reading.add_argument(
        "--sign", metavar="MODULE:FUNCTION",
        help="signs the addresses in STAC items, as planetary_computer:sign_inplace; called again when they expire",
    )  # fmt: skip
    area = parser.add_argument_group("part of the scene")
    area.add_argument("--bbox", type=float, nargs=4, metavar=("W", "S", "E", "N"), help="in degrees")
    area.add_argument("--aoi", metavar="FILE", help="GeoJSON; its bounds are taken")


def add_masking(parser: ArgumentParser, buffer: int, *, file: bool = True) -> None:
    """Add where cloud and shadow come from.

    Args:
        parser: Of a verb.
        buffer: Pixels by which they grow if nobody says otherwise.
        file: Whether they may come from a file of one scene.
    """
    masking = parser.add_argument_group("cloud and shadow")
    if file:
        masking.add_argument(
            "--quality", metavar="FILE", help="class raster, for example SCL; else --mask finds clouds"
        )
        masking.add_argument(
            "--quality-map", metavar="MAP", help="its codes: scl, or 0=clear,1=thick,2=thin,3=shadow,255=nodata"
        )
    masking.add_argument(
        "--mask",
        default="auto",
        metavar="NAME",
        help="rule, network, or MODEL.onnx; what finds clouds (rule, or network without B02 B03 B04)",
    )
    masking.add_argument(
        "--buffer", type=int, default=buffer, metavar="PX", help=f"pixels by which cloud and shadow grow ({buffer})"
    )


def add_running(parser: ArgumentParser) -> None:
    """Add what runs a network.

    Args:
        parser: Of a verb.
    """
    running = parser.add_argument_group("running a network")
    running.add_argument(
        "--runtime", choices=("auto", "openvino", "onnx", "torch"), default="auto", help="what runs it (openvino)"
    )
    running.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="its arithmetic")


def read_options(given: Namespace) -> ReadOptions:
    """Take up what `add_reading` has added.

    Args:
        given: What the parser has found.

    Returns:
        How the files are to be understood.

    Raises:
        OptionError: A value is impossible.
    """
    from sunbreak.radiometry.read_options import ReadOptions

    return ReadOptions(
        level=given.level, offset=given.offset, bands=listed(given.bands), metadata=given.get("metadata"),
        radar_units=given.get("radar_units"), radar_bands=listed(given.get("radar_bands")), bbox=given.bbox,
        aoi=given.aoi, sign=given.sign, dem=given.get("dem"), geoid=given.get("geoid"),
    )  # fmt: skip


def mask_options(given: Namespace) -> MaskOptions:
    """Take up what `add_masking` and `add_running` have added.

    Args:
        given: What the parser has found.

    Returns:
        Where quality comes from.

    Raises:
        OptionError: A value is impossible.
    """
    from sunbreak.steps.mask import MaskOptions

    return MaskOptions(
        given.get("quality"), given.get("quality_map"), given.buffer, given.mask, given.runtime, given.precision
    )
