"""What every model must beat: estimates that need neither radar nor training."""

from sunbreak.baselines.smooth_fill import smooth_fill

__all__ = ["smooth_fill"]
