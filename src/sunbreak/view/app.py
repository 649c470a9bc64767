"""The server's few addresses. Products are named by id, never by path; every value is checked before it is used."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any, Final

import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request, Response

from sunbreak._version import __version__
from sunbreak.combinations import Combination, combinations_of
from sunbreak.errors import SunbreakError
from sunbreak.steps.read_product import Product
from sunbreak.view.catalog import Catalog, Entry
from sunbreak.view.guard import Guard
from sunbreak.view.layers import Layer, layers_of
from sunbreak.view.legends import legend_of
from sunbreak.view.pixel import look_up
from sunbreak.view.place import bounds, native_zoom, placed
from sunbreak.view.tiles import HIGHEST_ZOOM

THREADS: Final = 4
"""Tiles drawn at once: more would only hold more memory."""
KEPT: Final = "private, max-age=300"
"""How long a browser may keep a tile: moving back and forth stays quick, and a new product is soon seen."""
STATIC: Final = {
    "index.html": "text/html; charset=utf-8",
    "view.css": "text/css; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "controls.js": "text/javascript; charset=utf-8",
    "maps.js": "text/javascript; charset=utf-8",
    "swipe.js": "text/javascript; charset=utf-8",
    "link.js": "text/javascript; charset=utf-8",
    "spectrum.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "maplibre-gl.mjs": "text/javascript; charset=utf-8",
    "maplibre-gl-worker.mjs": "text/javascript; charset=utf-8",
    "maplibre-gl.css": "text/css; charset=utf-8",
}
"""Files of the page, which are all there are, and their media types."""
Key = Annotated[str, Path(pattern="^[a-z0-9-]{1,80}$")]
Name = Annotated[str, Query(pattern="^[a-z0-9-]{1,40}$")]
Reflectance = Annotated[float | None, Query(ge=-1, le=10, allow_inf_nan=False)]

router = APIRouter()


def make_app(catalog: Catalog, host: str = "127.0.0.1") -> Any:
    """Make the application.

    Args:
        catalog: The products to show.
        host: Name or address that the server listens on.

    Returns:
        An ASGI application.
    """
    app = FastAPI(title="Sunbreak", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_few_threads)
    app.state.catalog = catalog
    folder = files("sunbreak.view") / "static"
    app.state.static = {name: (folder / name).read_bytes() for name in STATIC}
    app.include_router(router)
    app.add_exception_handler(SunbreakError, _told)
    return Guard(app, host)


@asynccontextmanager
async def _few_threads(_: FastAPI) -> Any:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def _told(_: Request, error: Exception) -> Response:
    """An error of ours: the paths in it are for the terminal, a browser has no business to know them."""
    print(f"sunbreak: {error}", file=sys.stderr)
    return Response(f"{type(error).__name__}: this cannot be shown; the server's terminal tells more", 500)


def _entry(request: Request, scene: Key) -> Entry:
    entry: Entry | None = request.app.state.catalog.entries.get(scene)
    if entry is None:
        raise HTTPException(404, "no such scene")
    return entry


Chosen = Annotated[Entry, Depends(_entry)]


def _combination(product: Product, name: str | None) -> tuple[str, Combination]:
    """A band combination by name; None takes the first."""
    there = combinations_of(product.bands)
    name = name or next(iter(there))
    if name not in there:
        raise HTTPException(404, "no such band combination here")
    return name, there[name]


@router.get("/")
def page(request: Request) -> Response:
    """The page."""
    return static(request, "index.html")


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """A file of the page, from memory."""
    if name not in STATIC:
        raise HTTPException(404, "no such file")
    return Response(request.app.state.static[name], media_type=STATIC[name], headers={"Cache-Control": "no-cache"})


@router.get("/api/scenes")
def scenes(request: Request) -> dict[str, Any]:
    """The list of products."""
    told = [
        {
            "id": entry.id,
            "title": entry.title,
            "datetime": entry.when,
            "cloud": entry.properties.get("sunbreak:cloud_percent"),
            "shadow": entry.properties.get("sunbreak:shadow_percent"),
        }
        for entry in request.app.state.catalog.entries.values()
    ]
    return {"version": __version__, "scenes": told}


@router.get("/api/scenes/{scene}")
def scene(request: Request, entry: Chosen) -> dict[str, Any]:
    """What a product has to show."""
    product: Product = request.app.state.catalog.product(entry.id)
    grid = placed(product.grid)
    layers = layers_of(product)
    told = entry.properties
    return {
        "id": entry.id,
        "title": entry.title,
        "datetime": entry.when,
        "georeferenced": product.grid.crs is not None,
        "bounds": bounds(grid),
        "zoom": round(native_zoom(grid), 2),
        "shape": product.grid.shape,
        "bands": product.bands,
        "layers": layers,
        "combinations": {
            name: {
                "title": one.title,
                "index": one.is_index,
                "legends": {layer: legend_of(layer, one) for layer in layers},
            }
            for name, one in combinations_of(product.bands).items()
        },
        "facts": {
            "level": told.get("processing:level"),
            "model": told.get("sunbreak:model"),
            "cloud": told.get("sunbreak:cloud_percent"),
            "shadow": told.get("sunbreak:shadow_percent"),
            "radarDays": told.get("sunbreak:radar_days"),
        },
    }


@router.get("/tiles/{scene}/{layer}/{zoom}/{column}/{row}.png")
def tile(
    request: Request,
    entry: Chosen,
    layer: Layer,
    zoom: Annotated[int, Path(ge=0, le=HIGHEST_ZOOM)],
    column: Annotated[int, Path(ge=0, lt=2**HIGHEST_ZOOM)],
    row: Annotated[int, Path(ge=0, lt=2**HIGHEST_ZOOM)],
    bands: Name | None = None,
    low: Reflectance = None,
    high: Reflectance = None,
) -> Response:
    """A tile of a layer, a PNG of 512 x 512 pixels."""
    if max(column, row) >= 2**zoom:
        raise HTTPException(404, "no such tile")
    if (low is None) != (high is None) or (low is not None and high is not None and high - low < 0.001):
        raise HTTPException(422, "low and high: give both, low below high")
    catalog: Catalog = request.app.state.catalog
    product = catalog.product(entry.id)
    if layer not in layers_of(product):
        raise HTTPException(404, "no such layer here")
    name, _ = _combination(product, bands)
    stretch = None if low is None or high is None else (low, high)
    picture = catalog.tile(entry.id, layer, name, stretch, (zoom, column, row))
    return Response(picture, media_type="image/png", headers={"Cache-Control": KEPT})


@router.get("/api/scenes/{scene}/stretch")
def stretch(request: Request, entry: Chosen, bands: Name | None = None) -> dict[str, float]:
    """The range of reflectance that the automatic stretch shows, over all colours."""
    catalog: Catalog = request.app.state.catalog
    name, _ = _combination(catalog.product(entry.id), bands)
    found = catalog.stretch(entry.id, name)
    return {"low": round(float(found[:, 0].min()), 3), "high": round(float(found[:, 1].max()), 3)}


@router.get("/api/scenes/{scene}/pixel")
def pixel(
    request: Request,
    entry: Chosen,
    lon: Annotated[float, Query(ge=-540, le=540, allow_inf_nan=False)],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
) -> dict[str, Any]:
    """The spectrum of the pixel under a point, with its uncertainty and classes."""
    found = look_up(request.app.state.catalog.product(entry.id), lon, lat)
    if found is None:
        raise HTTPException(404, "outside the scene")
    return found
