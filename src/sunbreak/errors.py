"""Every exception that Sunbreak raises on purpose.

A message says what was wrong, in which file, and what to do. The command line prints it in one line and exits with
`exit_code`: 2 where the user can mend it (input, options), 1 for failures (a full disk, a broken write).
"""

from __future__ import annotations


class SunbreakError(Exception):
    """Base of all errors raised on purpose; failures of the machine rather than of the input."""

    exit_code = 1


class OutputError(SunbreakError):
    """The product could not be written or did not survive its verification; nothing is left under its final name."""


class InputError(SunbreakError):
    """Something the user gave cannot be used as it is."""

    exit_code = 2


class OptionError(InputError):
    """An option's value is impossible, unknown, or at odds with another one."""


class RasterError(InputError):
    """A file is missing, truncated, not a raster of an allowed format, or too large to be what it claims."""


class RadiometryError(InputError):
    """Level, offset, band order or radar units are unknown, ambiguous or contradictory."""


class GeometryError(InputError):
    """Two inputs do not lie on the same part of the Earth, or their grids cannot be brought together."""


class QualityError(InputError):
    """A quality file holds codes nobody has explained, or nothing in the scene can be restored from."""


class ProductExistsError(InputError):
    """The output folder already holds a finished product."""


class SunbreakWarning(UserWarning):
    """The result is usable, with a limit that the user should know of."""
