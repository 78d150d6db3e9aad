"""The folder for temporary files that the replicas of one worker share: put in order by the last to leave.

Whoever uses it holds a lock on it, which the operating system gives up for the dead. Nothing heavy is imported: an
interpreter is started for `tidy` alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pytest_expops.errors import ExpopsWarning
from pytest_expops.replay.moved_aside import put_back

_PREFIX = "expops-"
"""Short, since sockets lie in it: their paths may have no more than about 100 bytes."""
_MARK = "replicas"
"""A file in each such folder, so that none is taken for one that is not."""
_ASIDE = "aside-"


class ReplicaFolder:
    """The worker's end of it. `path` is absolute."""

    def __init__(self) -> None:
        self.path, self._descriptor = _made()
        self._asides = 0

    def new_aside(self) -> str:
        """Where one replica is to keep what it moves aside; not made yet."""
        self._asides += 1
        return os.path.join(self.path, f"{_ASIDE}{self._asides}")

    def remove(self) -> None:
        """Put back what is still aside, and remove the folder. No replica may be alive."""
        os.close(self._descriptor)
        tell(_clear(self.path))


def enter(aside: str) -> None:
    """From now on this interpreter is a replica that keeps what it moves aside in that folder."""
    global _aside, _held
    if aside != _aside:
        if _held is not None:
            os.close(_held)
        _aside, _held = aside, _hold(os.path.dirname(aside))


def aside_folder() -> str:
    """Where this replica keeps what it moves aside."""
    if _aside is None:
        raise RuntimeError("not in a replica: `enter` its folder first")
    return _aside


def shared_folder() -> str:
    """The folder that this replica shares with the others of its worker."""
    return os.path.dirname(aside_folder())


def end_abandoned() -> NoReturn:
    """End this replica, whose worker is dead, even amid a run, and put back what that has moved aside.

    Another program takes this one's place: with it all threads end at once, and none can write to what is put back.
    """
    if _aside is not None:
        with suppress(OSError):
            root = str(Path(__file__).parents[2])
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", _TIDY, root, _aside])
    os._exit(0)


def tidy(aside: str) -> None:
    """Put in order what an abandoned replica has left, and what all of them have, if it was the last."""
    put_back(aside)
    with suppress(OSError):
        _sweep(os.path.dirname(aside))


def sweep() -> None:
    """Put in order what sessions that were killed have left among the temporary files of this user."""
    told = []
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX):
                with suppress(OSError):
                    told += _sweep(entry.path)
    tell(told)


def tell(told: Iterable[str]) -> None:
    """Warn of what `put_back` has to say."""
    for each in told:
        warnings.warn(ExpopsWarning(each), stacklevel=2)


_aside: str | None = None
_held: int | None = None
_TIDY = "import sys; sys.path.append(sys.argv[1]); from pytest_expops.replay.folder import tidy; tidy(sys.argv[2])"


def _made() -> tuple[str, int]:
    folder = os.path.abspath(tempfile.mkdtemp(prefix=_PREFIX))
    descriptor = _hold(folder)
    # The last: without it the folder is let alone.
    with open(os.path.join(folder, _MARK), "w", encoding="ascii") as mark:
        mark.write("The replicas of one pytest worker share this folder.\n")
    return folder, descriptor


def _hold(folder: str) -> int:
    """Let others see that the folder is in use, until the descriptor is closed here and in forked children."""
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a file system without locks: then nobody sweeps either
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _sweep(folder: str) -> list[str]:
    """Put a folder in order if it is one of ours that nobody uses. Raises OSError if it cannot be told."""
    found = os.lstat(folder)
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    if not private or not os.path.exists(os.path.join(folder, _MARK)):
        return []
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _clear(folder, late=True)
    except BlockingIOError:
        return []
    finally:
        os.close(descriptor)


def _clear(folder: str, *, late: bool = False) -> list[str]:
    """Put back what is aside in a folder, and remove it with the rest; what is still aside stays."""
    told = []
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(_ASIDE):
            told += put_back(path, late=late)
        elif name != _MARK:
            shutil.rmtree(path, ignore_errors=True)
    if os.listdir(folder) == [_MARK]:
        os.unlink(os.path.join(folder, _MARK))
        os.rmdir(folder)
    return told
