"""Patches of one scene class each, for scene classification; NumPy only."""

from sunbreak.data.labelled.kinds import LABELLED, open_labelled
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet

__all__ = ["LABELLED", "LabelledEntry", "PatchSet", "open_labelled"]
