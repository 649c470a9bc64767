"""Training: samples that are pure functions of a seed and a step, losses, and runs that can be resumed."""
