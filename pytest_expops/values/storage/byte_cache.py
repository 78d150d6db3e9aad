"""The values used last, as many as a number of bytes allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteCache(Generic[T]):
    """Keeps values that nobody changes under their keys, at most `most` bytes of them; the one unused for longest goes.

    Any thread may use it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        """How many bytes it keeps now."""
        self._entries: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        """Return what was put under `key`, if it is still here."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, value: T, size: int) -> None:
        """Keep `value`, of `size` bytes, in place of what was used longest ago; not at all if it alone is too large."""
        with self._lock:
            self._forget(key)
            if size > self.most:
                return
            self._entries[key] = value, size
            self.held += size
            while self.held > self.most:
                self._forget(next(iter(self._entries)))

    def _forget(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.held -= entry[1]
