"""No score on land that the weights have seen, unless somebody asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from sunbreak.data.regions import canonical
from sunbreak.data.sample import SampleSet
from sunbreak.errors import OptionError
from sunbreak.models import regions_seen

FEW = 3
"""Regions named in the refusal."""


def seen_regions(models: Sequence[str], samples: SampleSet, *, allowed: bool = False) -> dict[str, tuple[str, ...]]:
    """Find the regions of the data that models were trained on.

    Regions are compared under the one name that SEN12MS, SEN12MS-CR and SEN12MS-CR-TS share, see `data.regions`.

    Args:
        models: Names of models, as for `sunbreak restore --model`.
        samples: The data.
        allowed: Do not refuse.

    Returns:
        Regions as the data name them, sorted, by model; models that saw none are left out.

    Raises:
        OptionError: A model was trained on a region of the data, and that is not allowed; or there is no such model.
    """
    names = {canonical(region): region for region in samples.regions}
    found: dict[str, tuple[str, ...]] = {}
    for model in models:
        seen = tuple(sorted(names[region] for region in set(map(canonical, regions_seen(model))) & set(names)))
        if seen and not allowed:
            named = ", ".join(seen[:FEW]) + (", ..." if len(seen) > FEW else "")
            raise OptionError(
                f"{model}: was trained on {len(seen)} of the {len(names)} regions of this data ({named}); score it on "
                "a split that its weights have not seen, or pass --allow-seen to have the score stamped with it"
            )
        if seen:
            found[model] = seen
    return found
