"""The data SPEC of the command line: `kind:path[,option=value]`, for example `collection:../data,split=test`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sunbreak.errors import OptionError

LONGEST: Final = 255
"""Bytes of a name of a file."""
Value = str | int | float
"""What an option may hold."""


@dataclass(frozen=True)
class Option:
    """One option of a kind of data."""

    default: Value
    """Value when the option is not given; its type is the option's type."""
    help: str
    """What it does, in a few words."""
    choices: tuple[str, ...] = ()
    """Allowed texts; empty allows any."""
    low: float | None = None
    """Smallest allowed number."""
    high: float | None = None
    """Largest allowed number."""

    def read(self, name: str, text: str) -> Value:
        """Turn the text of a SPEC into a value.

        Args:
            name: Name of the option, for messages.
            text: What stands after the `=`.

        Returns:
            The value, of the type of the default.

        Raises:
            OptionError: The text is not of that type, not among the choices, or out of range.

        Example:
            >>> Option(0.5, "share of the sky", low=0, high=1).read("cover", "0.3")
            0.3
        """
        if isinstance(self.default, str):
            if self.choices and text not in self.choices:
                raise OptionError(f"{name}={text}: choose from {', '.join(self.choices)}")
            return text
        wanted = "a whole number" if isinstance(self.default, int) else "a number"
        try:
            value = type(self.default)(text)
        except ValueError:
            raise OptionError(f"{name}={text}: expected {wanted}, as in {name}={self.default}") from None
        # written so that NaN fails too
        if not ((self.low is None or value >= self.low) and (self.high is None or value <= self.high)):
            limits = [f"at least {self.low}"] * (self.low is not None) + [f"at most {self.high}"] * (
                self.high is not None
            )
            raise OptionError(f"{name}={text}: expected {wanted}, {' and '.join(limits)}")
        return value


@dataclass(frozen=True)
class SpecForm:
    """What a SPEC of one kind may look like."""

    options: Mapping[str, Option]
    """Options by name."""
    path: str = ""
    """What the path points to; empty for kinds without a path."""


@dataclass(frozen=True)
class Spec:
    """A SPEC, read: the kind of data, where it lies, and every option with its value."""

    text: str
    """As the user gave it."""
    kind: str
    """Kind of data."""
    path: str
    """Where it lies; empty for kinds without a path."""
    options: Mapping[str, Value]
    """All options of the kind, defaults filled in."""
    given: frozenset[str]
    """Names of the options that the user gave."""

    def __getitem__(self, name: str) -> Any:
        return self.options[name]


def parse_spec(text: str, forms: Mapping[str, SpecForm]) -> Spec:
    """Read a data SPEC.

    Args:
        text: `kind:path[,option=value]`, or `kind:option=value[,option=value]` for kinds without a path.
        forms: What each kind may look like.

    Returns:
        The SPEC with all options of its kind.

    Raises:
        OptionError: The kind or an option is unknown, given twice or not `name=value`, a value does not fit, or the
            path is missing; the message names what is valid.

    Example:
        >>> forms = {"simulated": SpecForm({"seed": Option(0, "seed"), "n": Option(16, "scenes", low=1)})}
        >>> dict(parse_spec("simulated:seed=3", forms).options)
        {'seed': 3, 'n': 16}
    """
    kind, _, rest = text.partition(":")
    if kind not in forms:
        raise OptionError(
            f"data {text!r}: kind {kind!r} is unknown; choose from {', '.join(forms)}, for example {_examples(forms)}"
        )
    form = forms[kind]
    parts = [part.strip() for part in rest.split(",")] if rest else []
    path = parts.pop(0) if form.path and parts else ""
    if form.path and not path:
        raise OptionError(
            f"data {text!r}: {kind} needs the path of {form.path} after the colon, for example {_example(kind, form)}"
        )
    if not can_be_path(path):
        raise OptionError(f"data {text[:80]!r}: no file or folder can have such a name; check the path")
    valid = ", ".join(f"{name}={option.default}" for name, option in form.options.items())
    given: dict[str, Value] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals:
            raise OptionError(f"data {text!r}: {part!r} is not option=value; options of {kind}: {valid}")
        if name not in form.options:
            raise OptionError(f"data {text!r}: {kind} has no option {name!r}; its options and defaults: {valid}")
        if name in given:
            raise OptionError(f"data {text!r}: option {name!r} is given twice; give it once")
        given[name] = form.options[name].read(name, value)
    defaults = {name: option.default for name, option in form.options.items()}
    return Spec(text=text, kind=kind, path=path, options={**defaults, **given}, given=frozenset(given))


def can_be_path(text: str) -> bool:
    """Whether a file may have this name; the system's own answer to others is an error of another kind.

    Args:
        text: A path.

    Returns:
        False if it holds NUL, or a name of more than 255 bytes.
    """
    return "\0" not in text and all(len(part.encode(errors="replace")) <= LONGEST for part in text.split("/"))


def _example(kind: str, form: SpecForm) -> str:
    option = next((f"{name}={option.default}" for name, option in form.options.items() if option.default != ""), "")
    return f"{kind}:../data" if form.path else f"{kind}:{option}"


def _examples(forms: Mapping[str, SpecForm]) -> str:
    """One of a kind with a path, and one of a kind without, as far as there are any."""
    kinds = {bool(form.path): _example(kind, form) for kind, form in reversed(tuple(forms.items()))}
    return " or ".join(kinds[with_path] for with_path in (True, False) if with_path in kinds)
