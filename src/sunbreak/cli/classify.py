"""The verb `classify`: one scene in, one class map out."""

from __future__ import annotations

from typing import Final

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import add_out, new_parser
from sunbreak.cli.scene_options import add_masking, add_reading, add_running, mask_options, read_options

SHOWN: Final = 5
"""Most classes that the closing line names."""


def classify_parser() -> ArgumentParser:
    """Build the parser of `sunbreak classify`.

    Returns:
        The parser.
    """
    parser = new_parser("Map the scene class of every cell of one Sentinel-2 scene, with its confidence.")
    parser.add_argument("optical", metavar="SCENE", help="Sentinel-2 GeoTIFF, L1C or L2A")
    parser.add_argument("--radar", metavar="S1", help="Sentinel-1 GeoTIFF (VV, VH) of the same place")
    add_out(parser, "folder of the class map")
    parser.add_argument(
        "--model",
        required=True,
        metavar="RUN",
        help="folder of a `sunbreak transfer`, or CLASSIFIER.onnx with its .json",
    )
    parser.add_argument("--cell", type=int, metavar="PX", help="side of a cell in pixels (that of the model's patches)")
    add_reading(parser)
    add_masking(parser, buffer=0)  # nothing is restored, and models are scored on clouds as they are found
    add_running(parser)
    return parser


def run_classify(given: Namespace) -> None:
    """Run `sunbreak classify`.

    Args:
        given: What the parser has found.
    """
    import rasterio

    from sunbreak.classifiers import open_classifier
    from sunbreak.pipeline import CACHE
    from sunbreak.steps.classify import ClassifyOptions, check_fit, classify_cells
    from sunbreak.steps.mask import mask
    from sunbreak.steps.read import read
    from sunbreak.steps.write_classes import ClassMapWriter, class_percent

    options = ClassifyOptions(given.cell, given.runtime, given.precision)
    masking = mask_options(given)
    classifier = open_classifier(given.model, runtime=options.runtime, precision=options.precision)
    scene = read(given.optical, given.radar, options=read_options(given))
    with_radar = check_fit(classifier, scene)
    size = options.cell or classifier.patch
    with rasterio.Env(GDAL_CACHEMAX=CACHE), ClassMapWriter(given.out, overwrite=given.overwrite) as writer:
        scene = mask(scene, options=masking, folder=writer.scratch, progress=True)
        classes = classify_cells(scene, classifier, size, with_radar=with_radar, progress=True)
        item = writer.publish(classes, scene)
    shares = [f"{name} {share} %" for name, share in class_percent(classes).items()]
    more = f", {len(shares) - SHOWN} more classes" if len(shares) > SHOWN else ""
    print(
        f"{given.out}: {classes['scene_class'].size} cells of {size} x {size} pixels, "
        f"{item.properties['sunbreak:cells_under_cloud_percent']} % of them under cloud; "
        f"{', '.join(shares[:SHOWN]) or 'no data'}{more}; look at {given.out / 'preview.png'}"
    )
