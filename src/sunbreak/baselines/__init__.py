"""What restoring must beat: images composed of other dates, without any network."""

from sunbreak.baselines.composites import COMPOSITES, Composite, least_cloudy, temporal_median, weighted_mosaic

__all__ = ["COMPOSITES", "Composite", "least_cloudy", "temporal_median", "weighted_mosaic"]
