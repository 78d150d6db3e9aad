"""The files that a run uses: which it reads that were there before, and which it writes. They are only watched."""

from __future__ import annotations

import dataclasses
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.replay.nondeterminism._file_audit import Access, aside, listening
from pytest_expops.replay.nondeterminism._file_looks import looking
from pytest_expops.replay.nondeterminism.base import Setting, Site, Source, Watcher

MOST = 5000
"""So many files of one run are remembered."""

_SYSTEM = ("/dev", "/proc", "/sys")
_CODE = (".py", ".pyc")


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that the project has opened, looked at, or met in a listing.

    `read` says whether it may have learned what was there before this run: not if it had replaced it by then. `site`
    is the line that was the first to read it, or else to look at it, or else to write it; it `looked` if it was not
    seen to read what is in it. `mtime_ns` is when it was last changed before this
    run came to it, in nanoseconds since the epoch; None if it was not there.
    """

    path: str
    site: Site
    read: bool
    written: bool
    mtime_ns: int | None
    looked: bool = False

    def to_json(self) -> list[Any]:
        """Plain data; the inverse of `from_json`."""
        return [self.path, list(dataclasses.astuple(self.site)), self.read, self.written, self.mtime_ns, self.looked]

    @classmethod
    def from_json(cls, data: Any) -> OpenedFile:
        """What `to_json` gave."""
        path, site, *rest = data
        return cls(path, Site(*site), *rest)


class Files(Source):
    """Varied by `Request.move`: the replay runs in a copy of the project without what was written since.

    Watched, `opened` says which files the project used. No file of the user's is moved, hidden or changed.
    """

    name: ClassVar[str] = "files"
    title: ClassVar[str] = "files that an earlier run has written"
    brief: ClassVar[str] = "files of an earlier run"
    catches: ClassVar[str] = "caches, checkpoints, counters and logs that one run writes and the next one reads"
    remedy: ClassVar[str] = "make the file an output, or write to `context.checkpoint_dir`, which is empty for each run"
    can_hold: ClassVar[bool] = False

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Listen to every access of this interpreter to a file, if `watcher` is watching."""
        if not watcher.watching:
            yield
            return
        record = _begin(watcher)
        with listening(record.note), looking(record.note):
            yield


def opened() -> tuple[OpenedFile, ...]:
    """The files that the project has used since this source was last applied, or `forget` called, if watched."""
    return _latest.opened() if _latest else ()


def forget() -> None:
    """Begin anew."""
    if _latest:
        _latest.clear()


def leave_out(folder: str | os.PathLike[str]) -> None:
    """From now on, take no notice of what lies in this folder: it belongs to the session, say."""
    _left_out.add(os.path.realpath(folder))


@dataclass(slots=True)
class _File:
    """What is known of a file. `replaced` is whether nothing is left in it of what was there."""

    site: Site
    mtime_ns: int | None
    read: bool = False
    written: bool = False
    replaced: bool = False
    looked: bool = False


class _Record:
    """The files that one run has used, in the order in which it came to them."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._files: dict[str, _File] = {}
        self._lock = threading.RLock()

    def note(self, access: Access) -> None:
        """Remember an access, before it is made."""
        if not is_counted(access.path):
            return
        with aside():
            site = self._watcher.saw(Files.name, access.what, remember=False)
            if site is not None:
                with self._lock:
                    self._note(access, site)

    def _note(self, access: Access, site: Site) -> None:
        file = self._files.get(access.path)
        if file is None:
            mtime_ns = _changed(access.path)
            if mtime_ns == _NO_FILE or (mtime_ns is None and not access.creates) or len(self._files) >= MOST:
                return
            file = self._files[access.path] = _File(site, mtime_ns, replaced=mtime_ns is None)
        if access.reads and not file.replaced and (not file.read or (file.looked and not access.looks)):
            file.read, file.site, file.looked = True, site, access.looks
        file.written = file.written or access.writes
        file.replaced = file.replaced or access.empties

    def opened(self) -> tuple[OpenedFile, ...]:
        with self._lock:
            return tuple(
                OpenedFile(path, file.site, file.read, file.written, file.mtime_ns, file.looked)
                for path, file in self._files.items()
            )

    def clear(self) -> None:
        with self._lock:
            self._files.clear()


_NO_FILE = -1
_latest: _Record | None = None
_left_out: set[str] = set()


def _begin(watcher: Watcher) -> _Record:
    global _latest
    _latest = _Record(watcher)
    return _latest


def is_counted(path: str) -> bool:
    """Whether a file, by its real path, is data: no code, nothing installed, no device, and not left out."""
    if path.endswith(_CODE) or is_installed(path):
        return False
    return not any(is_under(path, folder) for folder in (*_SYSTEM, *_left_out))


def _changed(path: str) -> int | None:
    """The modification time of a file; None if there is none, and `_NO_FILE` if it is something else."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns if stat.S_ISREG(found.st_mode) else _NO_FILE
