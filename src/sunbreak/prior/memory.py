"""A memory of values that several threads ask for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from sunbreak.tiles import Window

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Works out a value once for all threads that ask for it at about the same time."""

    def __init__(self, kept: int) -> None:
        """Begin with nothing.

        Args:
            kept: Number of values kept; the one asked for longest ago goes first.
        """
        self._kept = kept
        self._values: OrderedDict[Window, Future[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, window: Window, work: Callable[[Window], Value]) -> Value:
        """The value of a window: worked out here, remembered, or waited for while another thread works it out.

        Args:
            window: The window.
            work: Works out its value, always the same; not kept, or a memory and its owner would hold each other.

        Returns:
            The value.
        """
        return self._asked(window, work).result()

    def begin(self, windows: Iterable[Window], work: Callable[[Window], Value]) -> None:
        """Work out values that will be asked for, but not those that another thread is at work on: nobody waits.

        Args:
            windows: Their windows.
            work: Works out the value of one, as above.
        """
        for window in windows:
            self._asked(window, work)

    def _asked(self, window: Window, work: Callable[[Window], Value]) -> Future[Value]:
        with self._lock:
            future, known = self._values.get(window, Future()), window in self._values
            self._values[window] = future
            self._values.move_to_end(window)
            while len(self._values) > self._kept:
                self._values.popitem(last=False)
        if not known:
            try:
                future.set_result(work(window))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future
