"""The kinds of data that a SPEC can name."""

from __future__ import annotations

from typing import Final

from sunbreak.data import collection, simulated, simulated_folder
from sunbreak.data.sample import SampleSet
from sunbreak.data.spec import SpecForm, parse_spec

FORMS: Final[dict[str, SpecForm]] = {
    "collection": collection.FORM,
    "scene": simulated_folder.FORM,
    "simulated": simulated.FORM,
}
"""What a SPEC of every kind may look like."""


def open_data(spec: str, *, detector: collection.Detector | None = None) -> SampleSet:
    """Open the data that a SPEC names; samples are read one by one while iterating.

    Args:
        spec: `kind:path[,option=value]`.
        detector: Cloud detection for `collection:...,mask=sunbreak`.

    Returns:
        The samples.

    Raises:
        OptionError: The SPEC cannot be read or selects nothing; the message names what is valid.
        RasterError: A file is missing or damaged.

    Example:
        >>> data = open_data("simulated:seed=7,n=2,size=64")
        >>> [entry.name for entry in data.entries], len(data.split_hash)
        (['scene-7', 'scene-8'], 12)
    """
    read = parse_spec(spec, FORMS)
    if read.kind == "simulated":
        return simulated.open_simulated(read)
    if read.kind == "scene":
        return simulated_folder.open_folder(read)
    return collection.open_collection(read, detector)
