"""Files that look absent until they are written: what an earlier run left, this one does not find.

Nothing of them is lost. Before the first writing a file is moved aside, where its very place says so, also to children
that were forked; at the end it is moved back over whatever was written.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from pytest_expops.execution.conditions.file_audit import RMDIR, Access, aside

_SQLITE_PARTS = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database, and opens without a word."""


class Hidden:
    """These files, all given by their real paths. `folder` takes them when they are in the way."""

    def __init__(self, paths: Iterable[str], folder: str) -> None:
        there = [path for path in sorted(set(paths)) if os.path.lexists(path)]
        self._aside = {path: os.path.join(folder, str(number)) for number, path in enumerate(there)}
        self._folders = {os.path.dirname(path) for path in self._aside}
        self._created: list[str] = []

    def hides(self, path: str | None) -> bool:
        """Whether this file is to look absent."""
        kept = self._aside.get(path) if path is not None else None
        if kept is None:
            return False
        with aside():
            return not os.path.lexists(kept)

    def before(self, access: Access) -> None:
        """Make way for an access that creates the file.

        Raises FileNotFoundError, if the file is hidden, for any other.
        """
        if access.call == RMDIR:
            self._empty(access.path)
        elif self.hides(access.path):
            if not access.creates:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), access.given)
            self._take_away(access.path)
        elif access.creates and os.path.dirname(access.path) in self._folders:
            with aside():
                if not os.path.lexists(access.path):
                    self._created.append(access.path)

    def _take_away(self, path: str) -> None:
        """Move a file aside, for the run is about to write one of its name."""
        with aside():
            for part in _SQLITE_PARTS:
                if path + part in self._aside and os.path.lexists(path + part):
                    shutil.move(path + part, self._aside[path + part])
            if os.path.lexists(path):
                shutil.move(path, self._aside[path])
            else:
                del self._aside[path]  # somebody else has removed it meanwhile

    def _empty(self, folder: str) -> None:
        """Take away what is hidden in a folder that is about to be removed."""
        for path in list(self._aside):
            if os.path.dirname(path) == folder and self.hides(path):
                self._take_away(path)

    def put_back(self) -> None:
        """Undo what the run has written: it is to be found by the next one as it was by this."""
        with aside():
            for path in self._created:
                with suppress(OSError):
                    os.unlink(path)
            for path, kept in self._aside.items():
                if os.path.lexists(kept):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    _remove(path)
                    shutil.move(kept, path)


@contextmanager
def hiding(paths: Iterable[str]) -> Iterator[Hidden]:
    """`Hidden` files that are put back at the end."""
    folder = tempfile.mkdtemp(prefix="expops-aside-")
    hidden = Hidden(paths, folder)
    try:
        yield hidden
    finally:
        hidden.put_back()
        os.rmdir(folder)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)
