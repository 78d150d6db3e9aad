"""A report is written whole or not at all: whoever looks on while a session runs never sees half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.errors import ReportError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of another one beside it; its folder is made.

    Raises:
        ReportError: the system refuses.
    """
    with whole(path) as beside:
        beside.write_bytes(data)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the path of a file that takes the place of `path` once it is written; its folder is made.

    Raises:
        ReportError: the system refuses.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with _refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def append(path: Path, data: bytes) -> None:
    """Add to a file that others write to, too.

    Raises:
        ReportError: the system refuses.
    """
    with _refused(path), open(path, "ab") as file:
        file.write(data)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportError(f"{path} cannot be written ({error.strerror or error})") from error
