"""What the scenes of a training are drawn from: shares, sizes, kinds of sky, band subsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunbreak.bands import L1C_BANDS, OPTICAL_BANDS
from sunbreak.errors import OptionError
from sunbreak.simulate import CloudKind

KINDS: Final[dict[CloudKind, float]] = {
    "mixed": 0.35, "broken": 0.2, "thick": 0.2, "thin": 0.15, "overcast": 0.05, "fog": 0.05,
}  # fmt: skip
"""Kinds of sky and their shares of the scenes."""
RGBN: Final = ("B02", "B03", "B04", "B08")
SUBSETS: Final[tuple[tuple[str, ...], ...]] = (
    tuple(name for name in L1C_BANDS if name != "B10"),
    tuple(band.name for band in OPTICAL_BANDS.values() if band.resolution <= 20),
    RGBN,
    (*RGBN, "B11", "B12"),
)
"""Band subsets of common products, of which a scene that loses bands keeps one."""


@dataclass(frozen=True)
class SceneOptions:
    """What the scenes of a training are drawn from."""

    seed: int = 0
    """Seed of everything."""
    size: int = 512
    """Side in pixels of simulated scenes, and of the largest crop of a real image."""
    collection: str | None = None
    """Folder of a collection; the clear images of its train split that weights may be trained on are used."""
    pairs: tuple[str, ...] = ()
    """Data SPECs of real pairs, see `sources.Sources`."""
    windows: str | None = None
    """List of windows of somebody's own images, see `sources.Sources`."""
    real_share: float = 0.0
    """Share of scenes that are not simulated, 0..1."""
    pair_share: float = 0.5
    """Share of pairs among these, where there are clear images too; 0..1."""
    with_prior: bool = True
    """Work out the scene prior."""
    radar_dropout: float = 0.15
    """Share of scenes that lose radar: half of them all of it, half the part beyond the edge of a swath."""
    band_dropout: float = 0.25
    """Share of scenes that keep one of `SUBSETS` only."""
    smallest: int = 128
    """Real images with a side below this are left out; `samples.SampleStream` sets it to the crops' side."""

    clear_share: float = 0.0
    """Share of scenes without any cloud, for the mask network; real ones may then be snowy, too."""

    def __post_init__(self) -> None:
        for name in ("real_share", "pair_share", "radar_dropout", "band_dropout", "clear_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        if self.real_share and self.collection is None and not self.pairs and self.windows is None:
            raise OptionError(f"real_share {self.real_share}: needs a collection or pairs to take real images from")
        if self.seed < 0 or self.size < 64:
            raise OptionError(f"seed {self.seed}, size {self.size}: must be at least 0 and 64")
