"""Where a shared store keeps its files: what it asks of a folder, or of a server, that several machines see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class StorePlace(Protocol):
    """Files below one URL, by relative paths. Each method raises `PlaceTrouble` where the place does not do it."""

    url: str
    """The URL as it may be shown."""

    def read(self, path: str) -> bytes | None:
        """Return what a small file holds; None where there is none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Write a small file, whole or not at all, in place of one that is there."""
        ...

    def create(self, path: str, data: bytes) -> bytes | None:
        """Write a small file only if none is there, whoever else tries at the same time.

        `data` is like no other's, so that what is there tells who has written it.

        Returns:
            What is there instead; None where it is `data` now.
        """
        ...

    def put(self, path: str, source: Path) -> None:
        """Write a file of any size, unless one of that size is there."""
        ...

    def blocks(self, path: str) -> Iterator[bytes] | None:
        """Give what a file of any size holds, a block at a time; None where there is none."""
        ...

    def remove(self, folder: str) -> None:
        """Remove all that is in a folder, if there is one."""
        ...


class PlaceTrouble(Exception):
    """A place has not done what it was asked: what was seen in words, and how to fix it."""

    def __init__(self, seen: str, hint: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.hint = hint
