"""Sign the addresses of an item's assets, and sign them again where they have expired.

Only the item as the catalogue published it is kept and travels between processes: signed addresses are asked for where
they are used, and stand in no file, message or product.
"""

from __future__ import annotations

import copy
import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pystac

from sunbreak.errors import InputError, OptionError
from sunbreak.inputs.assets import locate

Sign = Callable[[Any], Any]
"""A `modifier` of pystac-client: takes a `pystac.Item`, and changes its addresses or returns another item."""


def sign_hook(given: str | Sign | None) -> Sign | None:
    """Find the function that signs.

    Args:
        given: The function, or its name as `module:function`.

    Returns:
        The function; None for none.

    Raises:
        OptionError: There is no such function.

    Example:
        >>> sign_hook("copy:deepcopy").__name__
        'deepcopy'
    """
    if given is None or callable(given):
        return given
    module, _, name = given.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(
            f"--sign {given}: cannot be imported ({error}); give module:function, such as"
            " planetary_computer:sign_inplace"
        ) from error
    if not callable(found):
        raise OptionError(f"--sign {given}: is no function; give module:function")
    return found  # type: ignore[no-any-return]


class SignedItem:
    """An item whose addresses are signed when they are asked for; pickles without what was signed."""

    def __init__(self, item: dict[str, Any], base: str | Path, sign: str | Sign) -> None:
        """Keep what signs; nothing is signed yet.

        Args:
            item: The item as published.
            base: What relative addresses start from.
            sign: What signs, see `sign_hook`.
        """
        self.item, self.base, self.sign = item, base, sign
        self._hrefs: dict[str, str] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"item": self.item, "base": self.base, "sign": self.sign}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def href(self, key: str, refused: str | None = None) -> str:
        """The signed address of an asset.

        Args:
            key: Of the asset.
            refused: An address of it that does not work any more; only if it is still the present one, all are signed
                again.

        Returns:
            The address.

        Raises:
            InputError: What signs has failed.
        """
        with self._lock:
            if self._hrefs is None or (refused is not None and locate(self._hrefs[key], self.base) == refused):
                self._hrefs = self._signed()
            return locate(self._hrefs[key], self.base)

    def _signed(self) -> dict[str, str]:
        hook, name = sign_hook(self.sign), self.item.get("id")
        item = pystac.Item.from_dict(copy.deepcopy(self.item), migrate=False)
        try:
            found = hook(item) if hook is not None else None
        except Exception as error:
            # what it says may hold a secret
            raise InputError(f"{name}: cannot be signed ({type(error).__name__}); check --sign and keys") from None
        if isinstance(found, dict):
            return {key: str(asset["href"]) for key, asset in found["assets"].items()}
        signed = found if isinstance(found, pystac.Item) else item
        return {key: asset.href for key, asset in signed.assets.items()}


class SignedAddress:
    """The present address of one asset, see `rasters.remote.Address`."""

    def __init__(self, item: SignedItem, key: str) -> None:
        self.item, self.key = item, key

    def __call__(self, refused: str | None = None) -> str:
        """The address, see `Address`."""
        return self.item.href(self.key, refused)
