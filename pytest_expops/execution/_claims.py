"""Who runs which expanded process: a slot and a lock for each, in one file that all workers share.

A slot is empty until somebody begins to run its process, and then holds a mark and the owner's name for the rest of the
session: the mark says whether the run has begun, has its record in the owner's journal, or ended without one. The lock
of a slot is held while the process runs. It is a byte-range lock of `fcntl`, which is a worker's alone: it ends with
the worker, however that dies, and children that the worker has forked do not hold it.

The first slot holds `_MAGIC`, and the file has its whole size from the start: a file that is not as it was made, of
which nobody could say what has been run, is an error.
"""

from __future__ import annotations

import enum
import fcntl
import hashlib
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.errors import CHANGED, GONE, SessionFolderError, StorageTrouble
from pytest_expops.execution.records import file_name
from pytest_expops.unpatched import UNPATCHED

SLOT = 64
"""Bytes per slot: the mark, and an owner's name."""
POLL_SECONDS = 0.01
_MAGIC = b"claims of pytest-expops, 1".ljust(SLOT, b"\0")


class Mark(enum.Enum):
    """What the owner of a process has made of it."""

    BEGUN = b">"
    RECORDED = b"="
    UNRECORDED = b"!"
    """It has ended, and its record could not be written."""


def owner_name(worker: str) -> str:
    """Return the name of a worker in slots and file names: fewer than `SLOT` ASCII characters."""
    name = file_name(worker)
    return name if len(name) < SLOT else hashlib.sha256(name.encode("ascii")).hexdigest()[: SLOT - 1]


class Claims:
    """The slots of the processes `names`, which must be the same, in the same order, for all who open `path`."""

    def __init__(self, path: Path, names: Iterable[str], worker: str) -> None:
        self._path = path
        self._offsets = {name: SLOT * number for number, name in enumerate(names, start=1)}
        self._own = owner_name(worker).encode("ascii")
        try:
            # Opened once and closed at the end, since closing any descriptor of a file gives up all locks on it.
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            weakref.finalize(self, os.close, self._file)
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, 0)
            if not os.fstat(self._file).st_size:
                os.pwrite(self._file, _MAGIC, 0)
                os.truncate(self._file, SLOT * (len(self._offsets) + 1))
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, 0)
        except FileNotFoundError:
            raise SessionFolderError(path, GONE) from None
        except OSError as error:
            raise StorageTrouble(f"{path} cannot be made ({error.strerror or error})") from error

    def owner(self, name: str) -> tuple[str, Mark] | None:
        """Return the worker that has begun to run `name`, and what became of it; None if nobody has."""
        return self._parsed(self._slots(self._offsets[name], SLOT))

    def owners(self) -> dict[str, str]:
        """Return the owner of each process that any worker has begun to run."""
        slots = self._slots(0, SLOT * (len(self._offsets) + 1))
        found = ((name, self._parsed(slots[at : at + SLOT])) for name, at in self._offsets.items())
        return {name: owner[0] for name, owner in found if owner is not None}

    def take(self, name: str, mark: Mark = Mark.BEGUN) -> None:
        """Become the owner of `name`, whose lock this worker holds, and note what has become of it.

        Raises:
            StorageTrouble: the disk refuses.
        """
        try:
            os.pwrite(self._file, (mark.value + self._own).ljust(SLOT, b"\0"), self._offsets[name])
        except OSError as error:
            raise StorageTrouble(f"{self._path} cannot be written ({error.strerror or error})") from error

    @contextmanager
    def held(self, name: str, *, wait: float = 0) -> Iterator[bool]:
        """Hold the lock of `name`; False if another worker still has it after `wait` seconds.

        A worker does not keep itself out: threads have to be kept apart by other means.
        """
        offset = self._offsets[name]
        until = UNPATCHED.monotonic() + wait
        while not (held := self._locked(offset)) and UNPATCHED.monotonic() < until:
            UNPATCHED.sleep(POLL_SECONDS)
        try:
            yield held
        finally:
            if held:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)

    def _locked(self, offset: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except (BlockingIOError, PermissionError):  # either, by POSIX
            return False
        return True

    def _slots(self, offset: int, size: int) -> bytes:
        found = os.pread(self._file, size, offset)
        if len(found) != size or os.pread(self._file, SLOT, 0) != _MAGIC:
            raise SessionFolderError(self._path, CHANGED)
        return found

    def _parsed(self, slot: bytes) -> tuple[str, Mark] | None:
        text = slot.rstrip(b"\0")
        if not text:
            return None
        try:
            return text[1:].decode("ascii"), Mark(text[:1])
        except ValueError:
            raise SessionFolderError(self._path, CHANGED) from None
