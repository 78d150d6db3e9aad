"""Files that look absent until they are written: what an earlier run left, this one does not find.

Nothing of them is lost. Before the first writing a file is moved aside; at the end it is moved back over whatever was
written, by the worker if this replica is killed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pytest_expops.replay.folder import aside_folder
from pytest_expops.replay.moved_aside import Kept, put_back
from pytest_expops.replay.nondeterminism._file_audit import CONNECT, RMDIR, Access, aside


class Hidden:
    """These files, all given by their real paths. `kept` takes them when they are in the way."""

    def __init__(self, paths: Iterable[str], kept: Kept) -> None:
        self._kept = kept
        self._paths = {path for path in paths if os.path.lexists(path)}
        self._folders = {os.path.dirname(path) for path in self._paths}

    def hides(self, path: str) -> bool:
        """Whether this file is to look absent."""
        if path not in self._paths:
            return False
        with aside():
            return not self._kept.has(path)

    def before(self, access: Access) -> None:
        """Make way for an access that creates the file.

        Raises FileNotFoundError, if the file is hidden, for any other.
        """
        if access.call == RMDIR:
            self._empty(access.path)
        elif self.hides(access.path):
            if not access.creates:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), access.given)
            self._take_away(access.path, database=access.call == CONNECT)
        elif access.creates and os.path.dirname(access.path) in self._folders:
            with aside():
                if not os.path.lexists(access.path) and not self._kept.has(access.path):
                    self._kept.will_create(access.path)

    def _take_away(self, path: str, *, database: bool = False) -> None:
        """Move a file aside, for the run is about to write one of its name."""
        with aside():
            if not self._kept.take(path, database=database):
                self._paths.discard(path)  # somebody else has removed it meanwhile

    def _empty(self, folder: str) -> None:
        """Take away what is hidden in a folder that is about to be removed."""
        for path in list(self._paths):
            if os.path.dirname(path) == folder and self.hides(path):
                self._take_away(path)


@contextmanager
def hiding(paths: Iterable[str]) -> Iterator[Hidden]:
    """`Hidden` files that are put back at the end.

    Raises OSError if one cannot be put back, now or after an earlier run: it says where that one is.
    """
    folder = aside_folder()
    _put_back(folder)
    hidden = Hidden(paths, Kept(folder))
    try:
        yield hidden
    finally:
        # What the run has written is undone: the next one is to find what this one did.
        _put_back(folder)


def _put_back(folder: str) -> None:
    with aside():
        told = put_back(folder)
    if told:
        raise OSError("\n".join(told))
