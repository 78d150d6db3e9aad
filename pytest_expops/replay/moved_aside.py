"""Files moved aside for a while, each with a note of where it belongs: whoever finds the notes puts the files back.

A note is written before its file is moved, and removed when the file is back. So nothing is lost, whoever is killed and
whenever. Only the standard library is imported: an interpreter is started for this alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_DATABASE_PARTS = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database, and opens without a word. With another database they would destroy it."""
_DATABASE = b"SQLite format 3\0"
_NOTE, _NEW, _FOUND, _HALF = ".json", ".new", ".found", ".expops-half"


class Kept:
    """What has been moved into `folder`, which is made if it is not there. Threads and forked children may share it.

    Its very place says that a file is kept: that is seen by all of them.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, 0o700, exist_ok=True)

    def has(self, path: str) -> bool:
        """Whether this file has been moved aside."""
        return os.path.lexists(_place(self.folder, path))

    def take(self, path: str, *, database: bool = False) -> bool:
        """Move a file aside, if nobody has yet; a database with all that belongs to it. False if there is none.

        Raises FileNotFoundError if `put_back` has been called: it is too late then, and the file stays as it is.

        :param database: whether it is one even if it does not look it.
        """
        with locked(self.folder):
            if self.has(path):
                return True
            if not os.path.lexists(path):
                return False
            whole = database or _is_database(path)
            for part in _DATABASE_PARTS if whole else ():
                if os.path.lexists(path + part) and not self.has(path + part):
                    self._take(_Note(path + part))
            self._take(_Note(path, whole))
            return True

    def _take(self, note: _Note) -> None:
        place = _place(self.folder, note.path)
        note.write(place + _NOTE)
        _move(note.path, place)

    def will_create(self, path: str) -> None:
        """A file is about to be made that must not stay."""
        _Note(path).write(_place(self.folder, path) + _NEW)


def put_back(folder: str, *, late: bool = False) -> list[str]:
    """Put back what was moved to `folder`, remove what was noted as new, and the folder. Nothing if it is not there.

    What has meanwhile been written in the place of a file is discarded.

    :param late: others may have written there since: keep that in the folder, and remove nothing.
    :return: what the user must know, one message for each file; what could not be put back is still in the folder.
    """
    told: list[str] = []
    if not os.path.isdir(folder):
        return told
    with locked(folder):
        for note in _notes(folder, _NEW):
            with suppress(OSError):
                if not late:
                    os.unlink(note.path)
            os.unlink(_place(folder, note.path) + _NEW)
        # A database before its parts: they would be taken for the new one's.
        for note in sorted(_notes(folder, _NOTE), key=lambda note: not note.database):
            place = _place(folder, note.path)
            try:
                if os.path.lexists(place):
                    told += _restore(folder, note, place, late=late)
            except OSError as error:
                told.append(f"{note.path}: could not be put back ({error}); it is kept as {place}")
            else:
                os.unlink(place + _NOTE)
        for name in os.listdir(folder):
            if name.endswith(_HALF):
                os.unlink(os.path.join(folder, name))
        with suppress(OSError):  # something is still kept
            os.rmdir(folder)
    return told


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """One at a time, of all threads and processes. Raises FileNotFoundError if there is no such folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        yield
    finally:
        with suppress(OSError):  # expressly: a child forked meanwhile has the descriptor too
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Note:
    """Where a file belongs. `database` says whether what SQLite keeps beside it belongs to it."""

    path: str
    database: bool = False

    def write(self, file: str) -> None:
        with open(file, "w", encoding="ascii") as stream:
            json.dump([self.path, self.database], stream)


def _notes(folder: str, kind: str) -> Iterator[_Note]:
    """The notes of one kind. One whose writer was killed over it is removed: he has moved nothing yet."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(kind):
            file = os.path.join(folder, name)
            try:
                with open(file, encoding="ascii") as stream:
                    yield _Note(*json.load(stream))
            except ValueError:
                os.unlink(file)


def _restore(folder: str, note: _Note, place: str, *, late: bool) -> list[str]:
    """Move a file back from `place`, over whatever is there now."""
    told = []
    parts = [note.path + part for part in _DATABASE_PARTS] if note.database else []
    for path in (note.path, *(part for part in parts if not os.path.lexists(_place(folder, part)))):
        if late and os.path.lexists(path):
            found = _place(folder, path) + _FOUND
            _move(path, found)
            told.append(f"{path}: put back as it was before a replay that was killed; what stood there is now {found}")
        elif os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif path != note.path:
            with suppress(FileNotFoundError):
                os.unlink(path)
    os.makedirs(os.path.dirname(note.path), exist_ok=True)
    _move(place, note.path)
    return told


def _place(folder: str, path: str) -> str:
    """Where a file is kept: the same for all who share the folder."""
    return os.path.join(folder, hashlib.blake2b(os.fsencode(path), digest_size=12).hexdigest())


def _move(source: str, target: str) -> None:
    """Rename a file, or copy it with its times and mode to another file system; `target` is whole or not there."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        half = target + _HALF
        shutil.copy2(source, half, follow_symlinks=False)
        os.replace(half, target)
        os.unlink(source)


def _is_database(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except OSError:
        return False
