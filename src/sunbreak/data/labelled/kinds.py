"""The kinds of labelled patches that a SPEC can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from sunbreak.data.labelled import bigearthnet, class_folders, eurosat, pairs, simulated, so2sat
from sunbreak.data.labelled.patches import PatchSet
from sunbreak.data.spec import Spec, SpecForm, parse_spec


class LabelledKind(NamedTuple):
    """A kind of labelled patches."""

    form: SpecForm
    """What its SPEC may look like."""
    open: Callable[[Spec], PatchSet]
    """Lists the patches of a SPEC."""


LABELLED: Final[dict[str, LabelledKind]] = {
    "simulated-classes": LabelledKind(simulated.FORM, simulated.open_simulated_classes),
    "eurosat": LabelledKind(eurosat.FORM, eurosat.open_eurosat),
    "so2sat": LabelledKind(so2sat.FORM, so2sat.open_so2sat),
    "bigearthnet": LabelledKind(bigearthnet.FORM, bigearthnet.open_bigearthnet),
    "class-folders": LabelledKind(class_folders.FORM, class_folders.open_class_folders),
    "pairs": LabelledKind(pairs.FORM, pairs.open_pairs),
}
"""Every kind; a new one is one file and one line here."""


def open_labelled(spec: str) -> PatchSet:
    """Open the labelled patches that a SPEC names; they are read one by one while iterating.

    Args:
        spec: `kind:path[,option=value]`.

    Returns:
        The patches.

    Raises:
        OptionError: The SPEC cannot be read or selects nothing; the message names what is valid.
        RasterError: A file is missing or damaged.

    Example:
        >>> patches = open_labelled("simulated-classes:n=20,size=32")
        >>> len(patches), len(patches.classes)
        (20, 10)
    """
    read = parse_spec(spec, {name: kind.form for name, kind in LABELLED.items()})
    return LABELLED[read.kind].open(read)
