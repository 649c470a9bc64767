"""The scene prior and what surrounds it: features, regression, fill, and what shines through."""
