"""What a training draws its scenes from: the simulator, clear images under simulated clouds, and real pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from sunbreak.data.collection import AUTO
from sunbreak.data.kinds import FORMS, open_data
from sunbreak.data.manifest import read_manifest
from sunbreak.data.sample import SampleSet, split_hash
from sunbreak.data.spec import Spec, parse_spec
from sunbreak.errors import OptionError
from sunbreak.steps.detect import detect
from sunbreak.train.real_images import is_open, real_images

OWN: Final = "own"
"""Stands for `Sources.windows` among the sources that are not simulated."""
LICENCES: Final = {"sen12ms-cr": "CC BY 4.0", "sen12ms-cr-ts": "CC BY 4.0"}
"""Terms of the public data sets; of the others none is known that lets weights be given away."""
PAIRED: Final = ("real", "series")
"""`clouds=` of a collection whose samples are pairs of real dates."""


@dataclass(frozen=True)
class Sources:
    """Where scenes come from; those that are not simulated take turns."""

    simulated: bool = True
    """Scenes of the package's simulator."""
    collection: str | None = None
    """Folder of a collection, whose clear images of the train split are laid under simulated clouds."""
    pairs: tuple[str, ...] = ()
    """Data SPECs whose cloudy and clear images are taken as they are, each with its split."""
    windows: str | None = None
    """List of partly clear windows of somebody's own images, see `windows`; laid under simulated clouds."""

    @property
    def real(self) -> tuple[str, ...]:
        """The sources that are not simulated: pairs, the collection as an empty text, and `OWN`."""
        named = (("", self.collection), (OWN, self.windows))
        return (*self.pairs, *(name for name, source in named if source is not None))

    def labelled(self) -> Sources:
        """The sources that come with land cover: the simulator, and pairs that it was joined to.

        Returns:
            Those; all where there are none.
        """
        mapped = tuple(spec for spec in self.pairs if parse_spec(spec, FORMS).options.get("land_cover"))
        found = replace(self, collection=None, pairs=mapped, windows=None)
        return found if found.simulated or mapped else self

    def seen(self, smallest: int, *, snowy: bool = False) -> dict[str, Any]:
        """What a training sees of them, for its settings and its card.

        Args:
            smallest: Smallest height and width of the collection's images.
            snowy: As for `real_images`.

        Returns:
            `real_images`, `regions_seen`, `sources` and `splits` with their hashes, ready for JSON.

        Raises:
            OptionError: There is nothing to train on.
        """
        images = real_images(self.collection, smallest, snowy=snowy) if self.collection is not None else ()
        sets = [pair_set(spec) for spec in self.pairs]
        told = [f"{name} ({terms})" for one in sets for name, terms in _terms(one)]
        splits = [{"data": one.spec.kind, "split": one.split, "split_hash": one.split_hash} for one in sets]
        if images:
            digest = split_hash(
                "clear images", {"smallest": smallest}, ((one.image.name, one.region) for one in images)
            )
            splits.append({"data": "collection", "split": "train", "split_hash": digest})
        return {
            "real_images": len(images) + sum(map(len, sets)),
            "regions_seen": sorted({image.region for image in images} | {name for one in sets for name in one.regions}),
            "sources": sorted({f"{image.source} ({image.licence})" for image in images} | set(told)),
            "splits": splits,
        }

    @property
    def may_be_given_away(self) -> bool:
        """Whether every source lets weights trained on it be given away."""
        return all(is_open(terms) for spec in self.pairs for _, terms in _terms(pair_set(spec)))


def _terms(pairs: SampleSet) -> set[tuple[str, str]]:
    """Names and terms of use of what pairs are taken from; a collection's manifest tells its own."""
    kind = pairs.spec.kind
    if kind != "collection":
        return {(kind, LICENCES.get(kind, "see its terms of use"))}
    names = {entry.name for entry in pairs.entries}
    return {
        (row.source, row.licence)
        for row in read_manifest(str(pairs.spec.path))
        if any(name == row.sample or name.startswith(f"{row.sample}-") for name in names)
    }


def read_sources(data: Sequence[str]) -> Sources:
    """Sort the data of a training.

    Args:
        data: Data SPECs: `simulated:`; `collection:PATH`, its clear images under simulated clouds, or its pairs with
            `clouds=real` or `clouds=series`; any public data set of pairs. Without `split=` the train split is taken.

    Returns:
        The sources.

    Raises:
        OptionError: Nothing is given, a SPEC cannot be read, or is nothing to train on.

    Example:
        >>> read_sources(["simulated:"])
        Sources(simulated=True, collection=None, pairs=(), windows=None)
    """
    specs = [parse_spec(text, FORMS) for text in data]
    wrong = [spec.text for spec in specs if spec.kind == "scene"]
    if wrong or not specs:
        raise OptionError(f"data {wrong}: networks are trained on `simulated:`, `collection:PATH` or a public data set")
    for spec in specs:
        _refuse_options(spec)
    collections = [spec for spec in specs if spec.kind == "collection" and not _is_paired(spec)]
    if len(collections) > 1:
        raise OptionError(f"data {list(data)}: one collection under simulated clouds at most")
    return Sources(
        simulated=any(spec.kind == "simulated" for spec in specs),
        collection=str(collections[0].path) if collections else None,
        pairs=tuple(_with_split(spec) for spec in specs if spec.kind not in ("simulated", "collection")
                    or _is_paired(spec)),
    )  # fmt: skip


def _refuse_options(spec: Spec) -> None:
    """Options that a training would not heed are not to be given."""
    if spec.kind == "simulated":
        unused = spec.given
    elif spec.kind == "collection" and not _is_paired(spec):
        heeded = {"split": "train", "clouds": "simulated"}
        unused = frozenset(name for name in spec.given if spec.options[name] != heeded.get(name))
    else:
        return
    if unused:
        raise OptionError(
            f"data {spec.text!r}: a training draws by its own settings, from the train split; leave out "
            + ", ".join(sorted(unused))
        )


def _is_paired(spec: Spec) -> bool:
    return spec.kind == "collection" and "clouds" in spec.given and spec.options["clouds"] in PAIRED


def _with_split(spec: Spec) -> str:
    """The SPEC with its split spelt out: what is scored on by default is not to be trained on."""
    if "split" in spec.given and spec.options["split"] != AUTO:
        return spec.text
    given = [f"{name}={spec.options[name]}" for name in spec.options if name in spec.given and name != "split"]
    return ",".join([f"{spec.kind}:{spec.path}", *given, "split=train"])


@lru_cache(maxsize=8)
def pair_set(spec: str) -> SampleSet:
    """The samples of a SPEC, listed once a process; what has no mask gets ours when it is read.

    Args:
        spec: Of `Sources.pairs`.

    Returns:
        The samples.

    Raises:
        OptionError: The SPEC selects nothing.
    """
    return open_data(spec, detector=detect)
