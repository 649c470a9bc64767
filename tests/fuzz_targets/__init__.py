"""What is fuzzed: for every reader a valid input in its published layout, how it is spoilt, and how it is read."""

from conftest import HAS_TORCH
from fuzz_targets import command_line, data, documents, scenes, weights

TARGETS = {
    one.__name__: one
    for one in (
        scenes.tiff, scenes.jpeg2000, scenes.tags, scenes.safe, scenes.archive, scenes.annotation, scenes.quality,
        documents.item, documents.radar_item, documents.metadata, documents.plan, documents.area, documents.product,
        data.items, data.manifest, data.benchmark, data.arrays, data.hdf5, data.labels, data.listing, data.spec,
        weights.onnx, weights.card, weights.sidecar, command_line.command,
        *((weights.safetensors, command_line.configuration) if HAS_TORCH else ()),
    )
}  # fmt: skip
"""By name; each makes its files in a folder."""
