"""What stands in for the iterator of `os.scandir`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

Entry = os.DirEntry[Any]


class Entries:
    """The entries of a folder as `through` passes them on: watched, say, or in another order.

    Nothing is read before the first entry is asked for. It is an iterator and a context manager, as `os.scandir` gives.
    """

    def __init__(self, entries: Any, through: Callable[[Iterator[Entry]], Iterator[Entry]]) -> None:
        self._entries = entries
        self._passed = through(entries)

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> Entry:
        return next(self._passed)

    def __enter__(self) -> Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; no entry comes after it."""
        self._entries.close()
        self._passed = iter(())
