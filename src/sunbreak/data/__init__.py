"""Data for training and evaluation: named by a SPEC, read sample by sample; NumPy only."""

from sunbreak.data.collection import Detector
from sunbreak.data.kinds import FORMS, open_data
from sunbreak.data.sample import Entry, Sample, SampleSet, Skipped
from sunbreak.data.spec import Spec, parse_spec

__all__ = ["FORMS", "Detector", "Entry", "Sample", "SampleSet", "Skipped", "Spec", "open_data", "parse_spec"]
