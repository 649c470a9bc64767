"""Data for training and evaluation: named by a SPEC, read sample by sample; NumPy only."""

from sunbreak.data.kinds import FORMS, open_data
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet, Series, Skipped
from sunbreak.data.spec import Spec, parse_spec

__all__ = ["FORMS", "Detector", "Entry", "Sample", "SampleSet", "Series", "Skipped", "Spec", "open_data", "parse_spec"]
