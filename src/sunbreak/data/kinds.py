"""The kinds of data that a SPEC can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from sunbreak.data import archive, collection, luojia, sen12ms_cr, sen12ms_cr_ts, simulated, simulated_folder
from sunbreak.data.sample import Detector, SampleSet
from sunbreak.data.spec import Spec, SpecForm, parse_spec


class Kind(NamedTuple):
    """A kind of data."""

    form: SpecForm
    """What its SPEC may look like."""
    open: Callable[[Spec, Detector | None], SampleSet]
    """Lists the samples of a SPEC."""


KINDS: Final[dict[str, Kind]] = {
    "collection": Kind(collection.FORM, collection.open_collection),
    "scene": Kind(simulated_folder.FORM, simulated_folder.open_folder),
    "simulated": Kind(simulated.FORM, simulated.open_simulated),
    "sen12ms-cr": Kind(sen12ms_cr.FORM, sen12ms_cr.open_sen12ms_cr),
    "sen12ms-cr-ts": Kind(sen12ms_cr_ts.FORM, sen12ms_cr_ts.open_sen12ms_cr_ts),
    "luojia-osfcr": Kind(luojia.FORM, luojia.open_luojia),
    "archive": Kind(archive.FORM, archive.open_samples),
}
"""Every kind; a new one is one file and one line here."""
FORMS: Final[dict[str, SpecForm]] = {name: kind.form for name, kind in KINDS.items()}
"""What a SPEC of every kind may look like."""


def open_data(spec: str, *, detector: Detector | None = None) -> SampleSet:
    """Open the data that a SPEC names; samples are read one by one while iterating.

    Args:
        spec: `kind:path[,option=value]`.
        detector: Finds cloud and shadow in samples that come without a mask; without it they count as clear.

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
    return KINDS[read.kind].open(read, detector)
