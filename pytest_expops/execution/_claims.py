"""Who runs which expanded process: a slot and a lock for each, in one file that all workers share.

A slot is empty until somebody begins to run its process, and then holds the owner's name for the rest of the session.
The lock of a slot is held while the process runs. It is a byte-range lock of `fcntl`, which is a worker's alone: it
ends with the worker, however that dies, and children that the worker has forked do not hold it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.execution.records import file_name

SLOT = 64
"""Bytes per slot. An owner's name fills at most one."""
POLL_SECONDS = 0.01


def owner_name(worker: str) -> str:
    """Return the name of a worker in slots and file names: at most `SLOT` ASCII characters."""
    name = file_name(worker)
    return name if len(name) <= SLOT else hashlib.sha256(name.encode("ascii")).hexdigest()


class Claims:
    """The slots of the processes `names`, which must be the same, in the same order, for all who open `path`."""

    def __init__(self, path: Path, names: Iterable[str], worker: str) -> None:
        self._offsets = {name: SLOT * number for number, name in enumerate(names)}
        self._own = owner_name(worker).encode("ascii").ljust(SLOT, b"\0")
        # Opened once and closed at the end, since closing any descriptor of a file gives up all locks on it.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        weakref.finalize(self, os.close, self._file)

    def owner(self, name: str) -> str | None:
        """Return the worker that has begun to run `name`, if any has; it need not be running still."""
        return os.pread(self._file, SLOT, self._offsets[name]).rstrip(b"\0").decode("ascii") or None

    def owners(self) -> dict[str, str]:
        """Return the owner of each process that any worker has begun to run."""
        slots = os.pread(self._file, SLOT * len(self._offsets), 0)
        found = ((name, slots[at : at + SLOT].rstrip(b"\0")) for name, at in self._offsets.items())
        return {name: owner.decode("ascii") for name, owner in found if owner}

    def take(self, name: str) -> None:
        """Become the owner of `name`, whose lock this worker holds."""
        os.pwrite(self._file, self._own, self._offsets[name])

    def clear(self, name: str) -> None:
        """Make it as if nobody had begun to run `name`, whose lock this worker holds."""
        os.pwrite(self._file, bytes(SLOT), self._offsets[name])

    @contextmanager
    def held(self, name: str, *, wait: float = 0) -> Iterator[bool]:
        """Hold the lock of `name`; False if another worker still has it after `wait` seconds.

        A worker does not keep itself out: threads have to be kept apart by other means.
        """
        offset = self._offsets[name]
        until = time.monotonic() + wait
        while not (held := self._locked(offset)) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
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
