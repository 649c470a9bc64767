"""What the parsers of all verbs share."""

from __future__ import annotations

import dataclasses
from argparse import Action
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace, set_parsing_settings

from sunbreak.errors import OptionError
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.options import TrainOptions
from sunbreak.train.transfer.options import TransferOptions

set_parsing_settings(docstring_parse_attribute_docstrings=True)  # the help of settings stands under each of them

Settings = TypeVar("Settings", TrainOptions, AdaptOptions, TransferOptions)
SETTINGS: Final = {
    field.name for options in (TrainOptions, AdaptOptions, TransferOptions) for field in dataclasses.fields(options)
}
"""Flags whose help is taken from the settings of a training, an adaptation or a transfer."""


class Help(DefaultHelpFormatter):
    """Help texts as written, without Python types and defaults appended."""

    def _get_help_string(self, action: Action) -> str:
        # settings of a training are described in one place, so their defaults are not in the text
        shown = f" ({action.default})" if action.dest in SETTINGS else ""
        return (action.help or "") + shown


def new_parser(summary: str) -> ArgumentParser:
    """Begin the parser of a verb.

    Args:
        summary: What the verb does.

    Returns:
        The parser, with the options that all verbs have.
    """
    parser = ArgumentParser(description=summary, formatter_class=Help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_out(parser: ArgumentParser, what: str) -> None:
    """Add the options of a folder to write.

    Args:
        parser: Of a verb.
        what: What the folder is.
    """
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help=what)
    parser.add_argument("--overwrite", action="store_true", help="replace what is already finished there")


def settings(kind: type[Settings], given: Namespace) -> Settings:
    """Take up the settings that `add_class_arguments` has added.

    Args:
        kind: Their dataclass.
        given: What the parser has found.

    Returns:
        The settings.

    Raises:
        OptionError: One is impossible, or empty in the file of `--config`.
    """
    fields = dataclasses.fields(kind)
    empty = [field.name for field in fields if given[field.name] is None and field.default is not None]
    if empty:
        raise OptionError(f"--config: `{empty[0]}` is empty; give it a value, or take the line away")
    return kind(**{field.name: given[field.name] for field in fields})


def listed(text: str | None) -> tuple[str, ...] | None:
    """Take a list of the command line apart.

    Args:
        text: Names with commas between them.

    Returns:
        The names; None if none was given.
    """
    return None if text is None else tuple(part.strip() for part in text.split(","))


def days(text: str) -> tuple[date, date]:
    """Take the days of the command line apart.

    Args:
        text: As `2024-05-01/2024-05-31`, or one day.

    Returns:
        The first and the last day.

    Raises:
        OptionError: They are no days, or in the wrong order.
    """
    first, _, last = text.partition("/")
    try:
        found = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise OptionError(f"--dates {text}: expected days as in 2024-05-01/2024-05-31") from None
    if found[0] > found[1]:
        raise OptionError(f"--dates {text}: ends before it begins; the order is FROM/UNTIL")
    return found
