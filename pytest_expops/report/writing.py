"""A report is written whole or not at all: whoever looks on while a session runs never sees half of it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_expops.errors import ReportError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of another one beside it; its folder is made.

    Raises:
        ReportError: the system refuses.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path} cannot be written ({error.strerror or error})") from error
