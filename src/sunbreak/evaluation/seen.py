"""No score on land that the weights have seen, unless somebody asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sunbreak.data.regions import canonical
from sunbreak.data.sample import SampleSet
from sunbreak.data.splits import read_splits
from sunbreak.errors import OptionError
from sunbreak.models import regions_seen

FEW: Final = 3
"""Regions named in the refusal."""
UNNUMBERED: Final = re.compile(r"S12CR_T[0-9]+")
"""Names of places that lie in regions of the official test list of SEN12MS-CR, nobody knows in which."""


def seen_regions(models: Sequence[str], samples: SampleSet, *, allowed: bool = False) -> dict[str, tuple[str, ...]]:
    """Find the regions of the data that models were trained on.

    Regions are compared under the one name that SEN12MS, SEN12MS-CR and SEN12MS-CR-TS share, see `data.regions`. A
    model that was trained on any region of the test list of SEN12MS-CR may have seen every `UNNUMBERED` place, and
    counts as having seen it.

    Args:
        models: Names of models, as for `sunbreak restore --model`.
        samples: The data.
        allowed: Do not refuse.

    Returns:
        Canonical names of regions of the data, sorted, by model; models that saw none are left out.

    Raises:
        OptionError: A model was trained on a region of the data, and that is not allowed; or there is no such model.
    """
    names = set(map(canonical, samples.regions))
    found: dict[str, tuple[str, ...]] = {}
    for model in models:
        seen = tuple(sorted(names & _with_unnumbered(set(map(canonical, regions_seen(model) or ())), names)))
        if seen and not allowed:
            named = ", ".join(seen[:FEW]) + (", ..." if len(seen) > FEW else "")
            raise OptionError(
                f"{model}: was trained on {len(seen)} of the {len(names)} regions of this data ({named}); score it on "
                "a split that its weights have not seen, or pass --allow-seen to have the score stamped with it"
            )
        if seen:
            found[model] = seen
    return found


def _with_unnumbered(seen: set[str], names: set[str]) -> set[str]:
    """What was seen, and the unnumbered ones of the names where any of it is of the test list."""
    unnumbered = {name for name in names if UNNUMBERED.fullmatch(name)}
    tested = read_splits("sen12ms-cr").regions["test"]
    return seen | unnumbered if any(name in tested or UNNUMBERED.fullmatch(name) for name in seen) else seen


def unknown(models: Sequence[str]) -> Iterator[str]:
    """Say of which models nobody knows what they were trained on.

    Args:
        models: Names of models, as for `sunbreak restore --model`.

    Yields:
        One note a model.
    """
    for model in models:
        if regions_seen(model) is None:
            yield f"{model}: its card does not say what regions it has seen; whether these are among them is not known"
