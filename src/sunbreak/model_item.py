"""The STAC item of a model: what restored or classified a product, in the words of the machine learning extension.

Source: STAC specification 1.1.0 and its extension Machine Learning Model (mlm) 1.4.0, the version that pystac reads.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pystac

from sunbreak import stac
from sunbreak.bands import RADAR_BANDS
from sunbreak.engine import CLASSIFIER_INPUTS, CLASSIFIER_OUTPUTS, INPUTS, OUTPUTS
from sunbreak.legend import LAND_COVER_LEGEND, class_legend
from sunbreak.sidecar import Sidecar
from sunbreak.weights import Card
from sunbreak.weights.ports import Port, read_ports

MLM: Final = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
EXTENSIONS: Final = (MLM, *(stac.EXTENSIONS[name] for name in ("file", "eo", "classification")))
MEDIA: Final = "application/geo+json"
"""Media type of an item."""
CARD: Final = "sunbreak:card"
"""Property that holds all that the card says."""
ARTIFACTS: Final = {
    "onnx": ("onnx", ["mlm:model"], "graph and weights"),
    "safetensors": ("safetensors.torch.save_file", ["mlm:model", "mlm:weights"], "weights for PyTorch"),
}
"""Artifact type, roles and content of the files of weights, by their ending."""
OF_BANDS: Final = ("optical", "prior", "prior_sigma", "regression", "kriging")
"""Inputs that have a plane for each of the card's bands."""
IMAGE: Final = ("batch", "channel", "height", "width")
NO_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""How the extension says that the time in which a model applies is open: STAC has no word for it."""
NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]")
"""What the extension takes for a name."""
SPDX: Final = re.compile(r"[\w\-.+]+")
"""What STAC takes for a licence."""
DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def model_item(card: Card) -> str:
    """Describe a model.

    It has no place: cards name the regions that a network has seen, not those where it holds. Its files are named by
    their content, as they lie elsewhere: in the installed package or in somebody's folder.

    Args:
        card: Its card.

    Returns:
        The STAC item as JSON; `sunbreak:card` holds all that the card says.

    Raises:
        OptionError: The card or the ONNX file cannot be read.

    Source: RFC 6920 for the `ni` addresses of the files.
    """
    inputs, outputs = read_ports(card.onnx)
    of_scenes = card.kind == "classifier"
    takes, gives = (CLASSIFIER_INPUTS, CLASSIFIER_OUTPUTS) if of_scenes else (INPUTS, OUTPUTS)
    bands = {"radar": list(RADAR_BANDS)} | {name: list(card.bands) for name in OF_BANDS}
    asked = [
        _input(port, bands.get(port.name, ())) | {"description": takes[port.name], "value_scaling": None}
        for port in inputs
        if port.name in takes
    ]
    given = [
        (_scores(port, card.classes) if of_scenes else _planes(port, card)) | {"description": gives[port.name]}
        for port in outputs
        if port.name in gives
    ]
    return _item(card, asked, given)


def foreign_item(name: str, sidecar: Sidecar) -> str:
    """Describe a classifier from outside.

    Args:
        name: Its name.
        sidecar: What lies beside its ONNX file.

    Returns:
        The STAC item as JSON, as `model_item` makes it; `sunbreak:card` holds all that the sidecar says.

    Raises:
        OptionError: The sidecar or the ONNX file cannot be read.
    """
    inputs, outputs = read_ports(sidecar.path.with_suffix(".onnx"))
    scaling = [
        {"type": "z-score", "mean": mean / sidecar.scale, "stddev": std / sidecar.scale}
        for mean, std in zip(sidecar.mean, sidecar.std, strict=True)
    ]
    card = Card(
        sidecar.path, name, sidecar.bands, sidecar.levels, "classifier", sidecar.patch,
        classes=sidecar.classes, sha256=sidecar.sha256,
    )  # fmt: skip
    asked = [_input(port, sidecar.bands) | {"value_scaling": scaling} for port in inputs]
    return _item(card, asked, [_scores(port, sidecar.classes) for port in outputs])


def add_model(item: pystac.Item, path: Path, text: str) -> None:
    """Put the item of a model beside that of a product, and have the product say that it comes of it.

    Args:
        item: The product's item; gets the asset `model` and a link.
        path: Where to write the model's.
        text: From `model_item`.

    Raises:
        OSError: It cannot be written.
    """
    path.write_text(text + "\n", encoding="utf-8")
    asset = stac.file_asset(path, "The model as a STAC item, with its card", ["metadata"], [])
    asset.media_type = MEDIA
    item.add_asset("model", asset)
    named = {"mlm:name": json.loads(text)["properties"]["mlm:name"]}
    item.add_link(pystac.Link("derived_from", asset.href, MEDIA, "model", extra_fields=named))


def _item(card: Card, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> str:
    name, checksums = _name(card.name), {file: str(digest).lower() for file, digest in card.sha256.items()}
    bands = _bands(card, inputs)
    properties: dict[str, Any] = {
        "title": card.name,
        **({"description": card.summary} if card.summary else {}),
        # "other" is for all that has no SPDX identifier, which includes licences that nobody knows
        "license": card.licence if SPDX.fullmatch(card.licence) and card.licence != "unknown" else "other",
        **({"bands": bands} if bands else {}),
        "mlm:name": name,
        "mlm:architecture": card.architecture.network if card.architecture else "unknown",
        "mlm:tasks": list(dict.fromkeys(task for output in outputs for task in output["tasks"])),
        "mlm:framework": "PyTorch" if card.architecture else "ONNX",
        **({"mlm:total_parameters": card.parameters} if (card.parameters or 0) > 0 else {}),
        "mlm:accelerator": None,
        "mlm:input": inputs,
        "mlm:output": outputs,
        CARD: card.content(),
    }
    item = pystac.Item(
        id=f"{name}-{checksums.get('onnx', '')[:12]}",
        geometry=None,
        bbox=None,
        datetime=None,
        start_datetime=stac.MISSION_START,
        end_datetime=NO_END,
        properties=properties,
        stac_extensions=list(EXTENSIONS),
    )
    for file, digest in checksums.items():
        if file in ARTIFACTS and DIGEST.fullmatch(digest):
            item.add_asset("model" if file == "onnx" else "weights", _file(card, file, digest, bands))
    return json.dumps(item.to_dict(include_self_link=False), indent=2, ensure_ascii=False)


def _name(name: str) -> str:
    kept = re.sub(r"[^a-zA-Z0-9_. -]+", "-", name).strip("_. -")
    return kept if NAME.fullmatch(kept) else f"model-{kept}".rstrip("-")


def _bands(card: Card, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bands that inputs refer to."""
    named = {band for taken in inputs for band in taken["bands"]}
    optical = stac.reflectance_bands([band for band in card.bands if band in named], {})
    return [*optical, *({"name": band, "unit": "dB"} for band in RADAR_BANDS if band in named)]


def _file(card: Card, file: str, digest: str, bands: list[dict[str, Any]]) -> pystac.Asset:
    kind, roles, content = ARTIFACTS[file]
    fields: dict[str, Any] = {"mlm:artifact_type": kind, "file:checksum": stac.SHA2_256 + digest}
    if bands:
        # STAC lets an item describe bands of which an asset has at least the names
        fields["bands"] = [{"name": band["name"]} for band in bands]
    hashed = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    return pystac.Asset(
        f"ni:///sha-256;{hashed}",
        title=f"{card.path.with_suffix(f'.{file}').name}: {content}",
        media_type="application/octet-stream",
        roles=roles,
        extra_fields=fields,
    )


def _input(port: Port, bands: Sequence[str]) -> dict[str, Any]:
    return {"name": port.name, "bands": list(bands), "input": _array(port, IMAGE)}


def _planes(port: Port, card: Card) -> dict[str, Any]:
    """An output of a restoration network."""
    described = {"name": port.name, "tasks": ["regression"], "result": _array(port, IMAGE)}
    if port.name != "land_cover" or not card.land_cover:
        return described
    legend = {code: LAND_COVER_LEGEND[code] for code in card.land_cover}
    return described | {"tasks": ["semantic-segmentation"], "classification:classes": stac.class_objects(legend)}


def _scores(port: Port, classes: Sequence[str]) -> dict[str, Any]:
    """An output of a classifier."""
    return {
        "name": port.name,
        "tasks": ["scene-classification"],
        "result": _array(port, ("batch", "class")),
        "classification:classes": stac.class_objects(class_legend(classes)),
    }


def _array(port: Port, dims: tuple[str, ...]) -> dict[str, Any]:
    """Shape of an array; open where the file does not state as many sizes as are meant."""
    stated = port.shape if port.shape is not None and len(port.shape) == len(dims) else [-1] * len(dims)
    return {"shape": list(stated), "dim_order": list(dims), "data_type": "float32"}
