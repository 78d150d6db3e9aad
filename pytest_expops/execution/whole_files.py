"""Files that others see whole or not at all: made beside their place, and moved there."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give the path of a file to be made beside another, by no one else, on whatever machine; removed at the end."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits; it is read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """Have the same bytes at another path, without a copy where the file system can; nothing in either is changed."""
    if target.exists():
        return
    with beside(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)
