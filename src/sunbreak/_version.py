"""The version, in the one place that the package and its build read."""

from typing import Final

__version__: Final = "0.1.0"
