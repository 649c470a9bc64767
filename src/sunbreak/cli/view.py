"""The verb `view`: a local web page on finished products."""

from __future__ import annotations

import tempfile
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser
from sunbreak.errors import OptionError

PORT = 8765
"""Always the same, so that a link to a view stays one."""
DEMO_SIZE = 768
DEMO_SEED = 7


def view_parser() -> ArgumentParser:
    """Build the parser of `sunbreak view`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Show products in the browser: before and after under a swipe, quality, uncertainty, spectra. Without a "
        "product, simulate and restore a scene and show it."
    )
    parser.add_argument(
        "products", nargs="*", type=Path, metavar="OUT", help="folder of a product, a STAC collection, or their folder"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listen here (127.0.0.1: this machine)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"port; 0 takes a free one ({PORT})")
    return parser


def run_view(given: Namespace) -> None:
    """Run `sunbreak view`.

    Args:
        given: What the parser has found.
    """
    try:
        import fastapi  # noqa: F401
        import rio_tiler  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise OptionError(f"the viewer needs more packages: pip install 'sunbreak[view]' ({error})") from error
    from sunbreak.view.catalog import find
    from sunbreak.view.serve import serve

    if given.products:
        serve(find(given.products), host=given.host, port=given.port)
        return
    with tempfile.TemporaryDirectory(prefix="sunbreak-") as folder:
        serve(find([_demo(Path(folder))]), host=given.host, port=given.port)


def _demo(folder: Path) -> Path:
    """Simulate and restore a scene.

    Args:
        folder: An empty folder.

    Returns:
        Folder of the product.
    """
    from sunbreak.pipeline import process
    from sunbreak.simulate import SceneSpec, write_scene
    from sunbreak.steps.restore import RestoreOptions

    print("no product given: simulating a cloudy scene and restoring it ...", flush=True)
    scene, out = folder / "scene", folder / "simulated"
    write_scene(SceneSpec(size=DEMO_SIZE, seed=DEMO_SEED), scene)
    process(
        scene / "optical.tif", scene / "radar.tif", out,
        restore_options=RestoreOptions(everywhere=True), progress=True,
    )  # fmt: skip
    return out
