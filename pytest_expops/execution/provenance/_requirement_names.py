"""The names of the files that say which libraries, and which Python, a project is installed with."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePosixPath

_NAMES = (
    "*requirements*.in",
    "*requirements*.txt",
    ".python-version",
    "Pipfile",
    "Pipfile.lock",
    "conda-lock*.yml",
    "constraints*.txt",
    "environment*.yaml",
    "environment*.yml",
    "pdm.lock",
    "pixi.lock",
    "pixi.toml",
    "poetry.lock",
    "pylock*.toml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "uv.lock",
)
_FOLDER = "requirements"
"""A folder of such files."""


def says_what_is_installed(path: str, root: str) -> bool:
    """Return whether a file says what is installed for the project at `root`: in its folder, below, or above.

    Both are relative to one folder, with slashes.
    """
    file, project = PurePosixPath(path), PurePosixPath(root)
    folder = file.parent
    in_folder = folder.name == _FOLDER and file.suffix in (".in", ".txt")
    if in_folder:
        folder = folder.parent
    if not in_folder and not any(fnmatch(file.name, each) for each in _NAMES):
        return False
    return project.is_relative_to(folder) or folder.is_relative_to(project)
