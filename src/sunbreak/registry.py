"""THE list of networks: a new one is a file in `sunbreak.networks` and an entry here; no torch needed to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["restoration", "mask", "classifier"]
"""What a network is for."""


@dataclass(frozen=True)
class NetworkEntry:
    """A network that can be trained."""

    builder: str
    """Module and function in `sunbreak.networks`, for example `tdp_cr.tdp_cr`."""
    summary: str
    """What it is, in one sentence, with its source."""
    parameters: int
    """Number of weights."""
    gmacs: float
    """Multiply-accumulates of convolutions and matrix products on a patch of 256 x 256 pixels, in thousand millions."""
    inputs: str = "radar where there is some"
    """What it needs besides the optical scene."""
    kind: Kind = "restoration"
    """What it is for."""


_TDP_CR: Final = "TDP-CR, re-implementation from the published abstract and figure (arXiv:2601.12052)"
_IB_HFN: Final = "IB-HFN, re-implementation from the published abstract (arXiv:2606.09347)"

NETWORKS: Final[dict[str, NetworkEntry]] = {
    "tdp-cr": NetworkEntry("tdp_cr.tdp_cr", f"{_TDP_CR}, at a size for two cores.", 1_333_002, 3.54),
    "tdp-cr-large": NetworkEntry("tdp_cr.tdp_cr_large", f"{_TDP_CR}, at the authors' relative size.", 5_280_346, 14.24),
    "tdp-cr-prior": NetworkEntry(
        "tdp_cr.tdp_cr_prior",
        "Ours: corrects the scene prior by prompt-guided fusion of optical and radar, with an error for every value.",
        1_344_263, 4.27, inputs="the scene prior; radar where there is some",
    ),
    "ib-hfn": NetworkEntry("ib_hfn.ib_hfn", f"{_IB_HFN}, base size.", 8_493_877, 17.95),
    "ib-hfn-large": NetworkEntry("ib_hfn.ib_hfn_large", f"{_IB_HFN}, half as wide again.", 18_979_085, 39.56),
    "ib-hfn-small": NetworkEntry("ib_hfn.ib_hfn_small", f"{_IB_HFN}, at the cost of tdp-cr.", 1_608_229, 3.57),
    "naf-unet": NetworkEntry(
        "naf_unet.naf_unet", "A plain U-Net of NAF blocks, all inputs at once, as large as tdp-cr.", 1_331_273, 3.55
    ),
    "uncrtaints": NetworkEntry(
        "uncrtaints.uncrtaints",
        "UnCRtainTS for one date with an error for every value, re-implementation from the published description "
        "(arXiv:2304.05464).",
        520_218, 27.02,
    ),
    "dsen2-cr": NetworkEntry(
        "dsen2_cr.dsen2_cr",
        "DSen2-CR, re-implementation from the published description (Meraner et al., ISPRS J. 166, 2020).",
        18_947_341, 1241.18,
    ),
    "cloud-mask": NetworkEntry(
        "cloud_mask.cloud_mask",
        "Clear, thin cloud, thick cloud or shadow for every pixel of 20 m, from the optical bands alone.",
        211_076, 0.79, inputs="nothing", kind="mask",
    ),
}  # fmt: skip
"""Networks over images by name."""

SCENE_CLASSIFIER: Final = "scene-classifier"
CLASSIFIERS: Final[dict[str, NetworkEntry]] = {
    SCENE_CLASSIFIER: NetworkEntry(
        "scene_classifier.scene_classifier",
        "One class for a patch of 64 x 64, from optical, radar or both; what `sunbreak transfer` trains, after ESCCS "
        "(arXiv:2501.04283, re-implementation from the published abstract and figures).",
        488_010, 0.04, kind="classifier",
    ),
}  # fmt: skip
"""Networks that classify whole patches, by name; GMACs on one patch."""
