"""Folders for a while, each held by a lock; those that nobody holds any longer can be removed.

A process that is killed removes nothing. But the system takes its locks back, so that the next session knows which of
the folders were left. The lock is that of `flock` on the folder itself, shared among the processes that use it: a
worker that outlives its controller goes on with what it needs. Forked children hold it, too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from pytest_expops.unpatched import UNPATCHED

PREFIX = "pytest-expops-"
"""What the names of these folders begin with, in the system's folder for temporary files."""
TEMPORARY = "t"
"""In the session's folder, what replays have for temporary files. Short, since sockets may lie in it, whose paths may
have no more than about 100 bytes."""
COPIES = "-copies"
"""What is added to the name of a session's folder, for that of the copies of its projects beside it."""
_held: dict[Path, int] = {}
"""The descriptors by which this process holds folders."""


def new_folder(purpose: str, under: Path | None = None) -> Path:
    """Return a new folder, private to the user, which this process holds until it ends or removes it.

    Args:
        purpose: a word for its name.
        under: where it is made; where the system keeps temporary files if None.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-", dir=under))
        if _hold(folder):
            return folder


def stood_in_for(folder: Path) -> str:
    """Say that this folder is not what others find at its place, as something stands in for the files of the system.

    Empty where it is the same, or nobody finds one.
    """
    if _identity(os.stat, folder) == _identity(UNPATCHED.stat, folder):
        return ""
    other = type(os)
    what = "" if isinstance(os, ModuleType) else f" (`os` is a {other.__module__}.{other.__qualname__})"
    # Without the folder, whose name is another in each run: two runs that fail by this fail alike.
    return f"something stands in for the system's files{what}: other programs do not find what is written here"


def _identity(stat: Callable[[Path], os.stat_result], folder: Path) -> tuple[int, int] | None:
    try:
        found = stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def hold(folder: Path) -> None:
    """Hold a folder, beside others who do; it is made if it is not there."""
    while folder not in _held:
        folder.mkdir(mode=0o700, exist_ok=True)
        _hold(folder)


def _hold(folder: Path) -> bool:
    """Hold a folder; False if it was just removed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    with suppress(OSError):  # where there are no locks, nobody takes one to remove it either
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not _is_there(folder, descriptor):
        os.close(descriptor)
        return False
    _held[folder] = descriptor
    return True


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, and hold it no longer."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder in _held:
        os.close(_held.pop(folder))


@contextmanager
def folder_for(purpose: str) -> Iterator[Path]:
    """Make and hold a folder, which is removed at the end."""
    folder = new_folder(purpose)
    try:
        yield folder
    finally:
        remove(folder)


def remove_abandoned(folders: Iterable[Path]) -> list[Path]:
    """Remove those of some folders that nobody holds; return them. What is another user's, or a link, is left alone."""
    return [folder for folder in folders if _remove_if_abandoned(folder)]


def left_behind(artifacts: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield our folders where the system keeps temporary files, and those of sessions in `artifacts`; held or not."""
    yield from _matching(Path(tempfile.gettempdir()), f"{PREFIX}*")
    for place in artifacts:
        yield from _matching(place, f"session-*/{TEMPORARY}")
        yield from _matching(place, f"session-*{COPIES}")


def _matching(place: Path, pattern: str) -> list[Path]:
    with suppress(OSError):
        return sorted(place.glob(pattern))
    return []


def _remove_if_abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_there(folder, descriptor):
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    except OSError:  # somebody holds it; or there are no such locks here, and nobody can tell
        return False
    finally:
        os.close(descriptor)


def _is_there(folder: Path, descriptor: int) -> bool:
    """Whether `folder` is still what was opened."""
    try:
        return os.path.samestat(os.stat(folder), os.fstat(descriptor))
    except OSError:
        return False
