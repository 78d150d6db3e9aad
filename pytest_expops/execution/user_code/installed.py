"""Separates a user's own code from what is installed."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

_PLACES = [
    os.path.realpath(sysconfig.get_path("stdlib")),
    os.path.realpath(Path(__file__).parents[2]),
]


def is_installed(path: str) -> bool:
    """Return whether a file is of an interpreter, an environment or this package, rather than of a project."""
    if "site-packages" in path or "dist-packages" in path:
        return True
    return any(is_under(path, folder) for folder in _PLACES)


def is_under(path: str, folder: str) -> bool:
    """Return whether `path` lies in `folder`, both as they are written."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)
