"""A shared store behind a server: objects that are written whole, and created only where there is none."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from pytest_expops.execution.engines._trouble_words import trouble
from pytest_expops.execution.remote_files import LIMIT, RemoteFiles, RemoteRefused, RequestFailed
from pytest_expops.unpatched import UNPATCHED

_CONDITIONAL = frozenset({"s3", "s3a", "gs", "gcs", "memory"})
"""Protocols whose servers are told to write only where there is nothing. Others look first, and write then."""
_BLOCK = 16 << 20
"""Bytes that are asked for at a time."""
_SLOWEST = 1 << 20
"""Bytes a second that a large file is at least given time for."""
_TRIES = 5
_Result = TypeVar("_Result")
_MEMORY = threading.Lock()
"""The memory of this process looks first and writes then, too; no other process sees it."""


class RemotePlace:
    """A `StorePlace` at a URL of fsspec."""

    def __init__(self, url: str, probe: str) -> None:
        """Open it, and see that what is there is not written over where that is asked.

        Args:
            url: a URL of fsspec.
            probe: the folder in which that is tried.

        Raises:
            RemoteRefused: fsspec or a package is not installed, or there is no such URL.
            PlaceTrouble: it cannot be reached or written, or cannot create a file only where there is none.
        """
        # What is listed may be changed by any machine at any time.
        self._files = RemoteFiles(url, use_listings_cache=False)
        self.url = self._files.url
        if not self._files.protocols & _CONDITIONAL:
            raise self._unconditional(f"`{min(self._files.protocols)}` is none of {', '.join(sorted(_CONDITIONAL))}")
        self._memory = "memory" in self._files.protocols
        self._try(f"{probe}/{secrets.token_hex(8)}")

    def _try(self, path: str) -> None:
        first, second = b"first", b"second"
        if self.create(path, first) is not None:
            raise self._unconditional("a file that was not there is said to be")
        found = self.create(path, second)
        self._ask(lambda: self._files.system.rm_file(self._files.path(path)))
        if found != first:
            raise self._unconditional("a second file was written over the first")

    def _unconditional(self, why: str) -> RemoteRefused:
        hint = "use a bucket of a server with conditional writes (S3: If-None-Match; a new s3fs or gcsfs), or a folder"
        message = f"{self.url} cannot create a file only where there is none, by which one worker alone runs a process"
        return RemoteRefused(f"{message} ({why})", hint=hint)

    def read(self, path: str) -> bytes | None:
        """See `StorePlace.read`."""
        return self._ask(lambda: self._files.read(self._files.path(path)))

    def write(self, path: str, data: bytes) -> None:
        """See `StorePlace.write`."""
        self._ask(lambda: self._files.system.pipe_file(self._files.path(path), data))

    def create(self, path: str, data: bytes) -> bytes | None:
        """See `StorePlace.create`."""
        return self._ask(lambda: self._created(self._files.path(path), data))

    def _created(self, path: str, data: bytes) -> bytes | None:
        for number in range(_TRIES):
            try:
                with _MEMORY if self._memory else nullcontext():
                    self._files.system.pipe_file(path, data, mode="create")
                return None
            except Exception as error:  # each protocol has its own for one that is there, and some an answer was lost
                found = self._files.read(path)
                if found is not None:
                    return None if found == data else found
                # Of two that write at once S3 may refuse both, and asks to try again.
                if "conflict" not in f"{error} {error.__cause__}".lower() or number == _TRIES - 1:
                    raise
                UNPATCHED.sleep(0.1 * 2**number)
        raise AssertionError("the last try returns or raises")

    def put(self, path: str, source: Path) -> None:
        """See `StorePlace.put`."""
        limit = LIMIT + source.stat().st_size / _SLOWEST
        self._ask(lambda: self._files.put(self._files.path(path), source), limit)

    def blocks(self, path: str) -> Iterator[bytes] | None:
        """See `StorePlace.blocks`."""
        place = self._files.path(path)
        size = self._ask(lambda: self._size(place))
        return None if size is None else self._blocks_of(place, size)

    def _blocks_of(self, place: str, size: int) -> Iterator[bytes]:
        for start in range(0, size, _BLOCK):
            end = min(start + _BLOCK, size)
            yield self._ask(partial(self._files.system.cat_file, place, start=start, end=end))

    def _size(self, place: str) -> int | None:
        try:
            return int(self._files.system.info(place)["size"])
        except FileNotFoundError:
            return None

    def remove(self, folder: str) -> None:
        """See `StorePlace.remove`."""
        self._ask(lambda: self._files.removed(self._files.path(folder)), 10 * LIMIT)

    def _ask(self, request: Callable[[], _Result], limit: float | None = None) -> _Result:
        limit = LIMIT if limit is None else limit
        try:
            return self._files.ask(request, limit)
        except RequestFailed as failed:
            raise trouble(failed.error, self.url, self._files.worded, limit) from None
