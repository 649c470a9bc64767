"""When images were taken, and which belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from sunbreak.errors import OptionError

_DAY: Final = re.compile(r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")


def day_in_name(name: str) -> date | None:
    """The day that a file name tells.

    Args:
        name: Name of the file, with a date such as `2021-06-30` or `20210630`.

    Returns:
        The day; None where there is none, or more than one.

    Example:
        >>> day_in_name("fields_20210630T102031_v2.tif"), day_in_name("2021-06-01_2021-06-30.tif")
        (datetime.date(2021, 6, 30), None)
    """
    found = set()
    for year, _, month, day in _DAY.findall(name):
        try:
            found.add(date(int(year), int(month), int(day)))
        except ValueError:  # eight digits that are no date
            continue
    return found.pop() if len(found) == 1 else None


def day_of(moment: str | None) -> date | None:
    """The day of a time.

    Args:
        moment: ISO 8601, or None.

    Returns:
        The day; None where it cannot be read.

    Example:
        >>> day_of("2015-07-11T10:00:08")
        datetime.date(2015, 7, 11)
    """
    try:
        return date.fromisoformat((moment or "")[:10])
    except ValueError:
        return None


def day_option(name: str, text: str, default: date) -> date:
    """Read an option that holds a day.

    Args:
        name: Name of the option, for the message.
        text: What the user gave; empty for nothing.
        default: Day that nothing means.

    Returns:
        The day.

    Raises:
        OptionError: It is no day; write it as 2020-01-31.
    """
    if not text:
        return default
    day = day_of(text) if len(text) == len("2020-01-31") else None
    if day is None:
        raise OptionError(f"{name}={text}: is no day; write it as in {name}=2020-01-31")
    return day


def near(day: date, days: Sequence[date], most: int) -> tuple[int, ...]:
    """The dates near a day, the nearest first; of two equally near the earlier one.

    Args:
        day: The day.
        days: Dates to choose from.
        most: Most days between.

    Returns:
        Indices of the dates.

    Example:
        >>> near(date(2020, 1, 10), [date(2020, 1, 1), date(2020, 1, 12), date(2020, 1, 8)], 5)
        (2, 1)
    """
    apart = {index: abs((other - day).days) for index, other in enumerate(days)}
    return tuple(sorted((index for index in apart if apart[index] <= most), key=lambda at: (apart[at], days[at])))
