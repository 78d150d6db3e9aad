"""What a reader is given of a file: its bytes, whether they are trusted, and how to read what is packed in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import xxhash

LIMIT = 2**30
"""A larger file is judged by a digest of its bytes, and so is what is packed beyond so many bytes in one file."""
DEPTH = 4
"""An archive within so many others is judged by its bytes; in a ``.tar.gz`` there are two, one in the other."""
_CHUNK = 2**20


class Room:
    """How many bytes may still be unpacked from one file, however deep its archives are nested."""

    def __init__(self) -> None:
        self.left = LIMIT

    def take(self, size: int) -> bool:
        """Return whether there is room for so many bytes; it is theirs then."""
        if size > self.left:
            return False
        self.left -= size
        return True


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file, or one member of an archive.

    `path` is where a file lies, None for a member. `read` gives the content of another source by its suffix.
    """

    name: str
    data: bytes
    trusted: bool
    read: Callable[[FileSource], object]
    room: Room
    path: Path | None = None
    depth: int = 0

    def member(self, name: str, data: bytes) -> object:
        """Return the content of what is packed in this source under a name."""
        return self.read(replace(self, name=name, data=data, path=None, depth=self.depth + 1))


def chunks(stream: IO[bytes]) -> Iterable[bytes]:
    """Yield what is left in a stream, piece by piece."""
    while piece := stream.read(_CHUNK):
        yield piece


def digest_of_bytes(pieces: Iterable[bytes]) -> dict[str, object]:
    """Return what stands for bytes that are too many to be held."""
    hasher, size = xxhash.xxh3_128(), 0
    for piece in pieces:
        hasher.update(piece)
        size += len(piece)
    return {"bytes": size, "xxh3_128": hasher.hexdigest()}
