"""Files of this session: which of them a first run writes, and which a replay finds and reads.

A file that the first run has written, and the replay reads, may stand for what should have been computed again.

Every run is watched, so what costs time is asked last: when a file was changed, before which file it is, and that
before whose doing it was.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pytest_expops.execution.user_code.installed import is_under
from pytest_expops.replay.nondeterminism._call_sites import Askers
from pytest_expops.replay.nondeterminism._file_audit import (
    CONNECT,
    OPEN,
    Access,
    aside,
    is_aside,
    listening,
    real_path,
)
from pytest_expops.replay.nondeterminism._patching import patching
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.nondeterminism.files import MOST, OpenedFile, is_counted

OwnsFile = Callable[[str], bool]

_true_stat = os.stat  # which is stood in for during a run

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TOOLS = ("__pycache__", ".pytest_cache", ".git")
"""Folders whose files are no data of a process."""
_PATHS = frozenset({"genericpath", "posixpath", "pathlib"})
"""Top-level modules that look at a file on behalf of who calls them; Python 3.13 has ``pathlib._local``."""
_LIBRARY = "<library>"
"""The file of a site in a thread of a library: no line of the project is behind it."""


class Scope:
    """Which files count, and whose doing an access is.

    Args:
        owns_file: whether a file, as a code object names it, is one of the project's own.
        project: the folders of the project; elsewhere, temporary files do not count.
        left_out: the session's own folder.
    """

    def __init__(self, owns_file: OwnsFile, project: Iterable[str], left_out: str) -> None:
        self._askers = Askers(owns_file)
        self._project = tuple(map(os.path.realpath, project))
        self._temporary = os.path.realpath(tempfile.gettempdir())
        self._left_out = os.path.realpath(left_out)
        self._threads = {thread.ident for thread in threading.enumerate()}

    def counts(self, path: str) -> bool:
        """Return whether a file, by its real path, may be data that a process keeps."""
        if is_under(path, self._left_out) or any(f"{os.sep}{each}{os.sep}" in path for each in _TOOLS):
            return False
        if is_under(path, self._temporary) and not any(is_under(path, folder) for folder in self._project):
            return False
        return is_counted(path)

    def site(self, what: str, *, direct: bool = False) -> Site | None:
        """Return the line of the project that called; no line for a thread that a library has started since.

        None where it was nothing of the project, or a library while it was imported; with `direct` also where a library
        called on the project's behalf.
        """
        asked = self._askers.find()
        if asked is None:
            started = threading.get_ident() not in self._threads
            return Site(_LIBRARY, 0, "", what) if started and not direct else None
        if asked.aside or (direct and asked.called and not _asks_for_others(asked.called)):
            return None
        return Site(self._askers.real_path(asked.file), asked.line, asked.function, what)


@contextmanager
def noting_writes(scope: Scope) -> Iterator[Callable[[], dict[str, int]]]:
    """Give a function that says which files the project has written so far and are there, with their time of change."""
    writes = _Writes(scope)
    with listening(writes.note, _is_writing):
        yield writes.written


@contextmanager
def noting_reads(scope: Scope, since: float) -> Iterator[None]:
    """Let `files_met` and `forget_met` tell of files that others wrote since a time, in seconds since the epoch."""
    global _latest
    _latest = reads = _Reads(scope, int(since * 1e9))
    with listening(reads.note, reads.matters), patching() as patches:
        patches.wrap(os, "stat", reads.stat)
        yield


@contextmanager
def refusing_writes(scope: Scope, folder: str, *allowed: str) -> Iterator[list[str]]:
    """Let the project write no file in `folder`, but in those `allowed`; give the paths at which it wanted to."""
    refused: list[str] = []

    def refuse(access: Access) -> None:
        if access.writes and is_under(access.path, folder) and not any(is_under(access.path, each) for each in allowed):
            with aside():
                blamed = scope.site(access.what)
            if blamed is not None:
                refused.append(access.path)
                raise PermissionError(f"{access.path} is not to be changed by a replay in a copy of the project")

    with listening(refuse, _is_writing):
        yield refused


def files_met() -> tuple[OpenedFile, ...]:
    """Return what was read since `noting_reads` or `forget_met`; not `read` are files that were only looked at.

    One that was looked at is left out if it has changed since: then it was written, perhaps where nobody sees it.
    """
    return _latest.met() if _latest else ()


def forget_met() -> None:
    """Begin anew. What was written until now is known not to be of another run."""
    if _latest:
        _latest.found.clear()


class _Writes:
    """The files that a run has written."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._paths: dict[str, None] = {}

    def note(self, access: Access) -> None:
        with aside():
            known = not access.writes or access.path in self._paths or len(self._paths) >= MOST
            if not known and self._scope.counts(access.path) and self._scope.site(access.what):
                self._paths[access.path] = None

    def written(self) -> dict[str, int]:
        with aside():
            found = {path: _stat(path) for path in tuple(self._paths)}
        return {path: each.st_mtime_ns for path, each in found.items() if each is not None}


class _Reads:
    """The files that a run has met, and that another has written at `since` or later, in nanoseconds."""

    def __init__(self, scope: Scope, since: int) -> None:
        self.found: dict[str, OpenedFile] = {}
        self._scope = scope
        self._since = since
        self._own: set[str] = set()

    def matters(self, event: str, args: tuple[Any, ...]) -> bool:
        """Return whether a file is written, or read that was changed since, as its inode says."""
        if _is_writing(event, args):
            return True
        found = _stat(args[0])
        return found is not None and found.st_ctime_ns >= self._since

    def note(self, access: Access) -> None:
        with aside():
            found = _stat(access.path)
            if found is not None and access.reads and access.call in (OPEN, CONNECT):
                self._found(access, found)
            if found is None or access.empties:
                self._own.add(access.path)

    def stat(self, original: Callable[..., os.stat_result], path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        """Stand in for `os.stat`, by which Python code asks whether a file is there."""
        found = original(path, *args, **kwargs)
        if found.st_ctime_ns >= self._since and stat.S_ISREG(found.st_mode) and not is_aside():
            with aside():
                real = None if isinstance(path, int) else real_path(path, kwargs.get("dir_fd"))
                if real is not None:
                    self._found(Access(real, path, "os.stat"), found)
        return found

    def met(self) -> tuple[OpenedFile, ...]:
        with aside():
            return tuple(each for each in tuple(self.found.values()) if each.read or self._is_as_met(each))

    def _found(self, access: Access, found: os.stat_result) -> None:
        known = self.found.get(access.path)
        if access.path in self._own or len(self.found) >= MOST or (known and known.read >= access.reads):
            return
        if self._scope.counts(access.path):
            site = self._scope.site(access.what, direct=not access.reads)
            if site is not None:
                self.found[access.path] = OpenedFile(access.path, site, access.reads, False, found.st_mtime_ns)

    def _is_as_met(self, file: OpenedFile) -> bool:
        now = _stat(file.path)
        return file.path not in self._own and now is not None and now.st_mtime_ns == file.mtime_ns


_latest: _Reads | None = None


def _asks_for_others(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _PATHS


def _is_writing(event: str, args: tuple[Any, ...]) -> bool:
    return event != OPEN or bool(args[2] & _WRITING)


def _stat(path: Any) -> os.stat_result | None:
    """Return what is known of a regular file."""
    try:
        found = _true_stat(path)
    except (OSError, ValueError, TypeError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
