"""Which files of a project are opened, by whoever does it: libraries in C, child processes, other workers too.

The kernel is asked (inotify(7)), as only it hears of all. It does not say who opened a file, so more may be found than
one process has read, but never less of what lies in the folders that are watched.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pytest_expops.execution.user_code.installed import is_installed

MOST_FILES = 20_000
"""So many files of a project are looked at where the system does not tell which of them are opened."""
MOST_FOLDERS = 4_000
"""So many folders of a project are watched; the kernel grants some ten thousand for all programs of a user."""

_CREATED, _OPENED, _IS_FOLDER, _OVERFLOW = 0x100, 0x20, 0x40000000, 0x4000  # linux/inotify.h
_NONBLOCK, _CLOSE_ON_EXEC = os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0, getattr(os, "O_CLOEXEC", 0)
_EVENT = struct.Struct("iIII")
_LEFT_OUT = ("__pycache__", "node_modules")


class OpenedFiles:
    """The files in some folders that have been opened since it was last asked.

    `lost` says why not all of them may be known; empty if all are. Where the system does not tell (macOS), every file
    there is taken to be opened.
    """

    def __init__(self, roots: Iterable[Path], left_out: Iterable[Path] = ()) -> None:
        """Watch these folders with all below them, but hidden ones, environments, and those that are `left_out`."""
        self.lost = ""
        self._left_out = {os.path.realpath(each) for each in left_out}
        self._folders: dict[int, str] = {}
        self._known: set[str] = set()
        self._descriptor = -1
        self._roots = [os.path.realpath(root) for root in roots]
        if not sys.platform.startswith("linux"):
            return
        self._library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._library.inotify_init1(_NONBLOCK | _CLOSE_ON_EXEC)
        if self._descriptor < 0:
            self.lost = f"the kernel does not tell which files are opened ({os.strerror(ctypes.get_errno())})"
            return
        for root in self._roots:
            self._add(root)

    def take(self) -> set[str]:
        """Return the real paths of the files that were opened since the last call."""
        found: set[str] = set()
        if not sys.platform.startswith("linux"):
            return self._all()
        while self._descriptor >= 0:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                break
            place = 0
            while place < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, place)
                place += _EVENT.size + length
                name = os.fsdecode(data[place - length : place].rstrip(b"\0"))
                self._event(watch, mask, name, found)
        return found

    def close(self) -> None:
        """Watch nothing any longer."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _all(self) -> set[str]:
        """Return all files in the folders."""
        found: set[str] = set()
        for root in self._roots:
            for folder, folders, names in os.walk(root, followlinks=True):
                paths = {os.path.realpath(os.path.join(folder, each)) for each in folders if not _is_left_out(each)}
                self._known |= {folder}
                folders[:] = [each for each in paths - self._known - self._left_out if not is_installed(each)]
                found |= {os.path.join(folder, each) for each in names}
                if len(found) > MOST_FILES:
                    self.lost = f"the project has more than {MOST_FILES:,} files, all of which may be read here"
                    return found
        self._known.clear()
        return found

    def _event(self, watch: int, mask: int, name: str, found: set[str]) -> None:
        if mask & _OVERFLOW:
            self.lost = "more files were opened than the kernel remembers"
        folder = self._folders.get(watch)
        if folder is None or not name:
            return
        path = os.path.join(folder, name)
        if not mask & _IS_FOLDER:
            if mask & _OPENED:
                found.add(path)
        elif mask & _CREATED:
            self._add(path)
            # What was opened in it before it was watched is not known: all that is in it may have been.
            with suppress(OSError):
                found.update(each.path for each in os.scandir(path) if each.is_file())

    def _add(self, folder: str) -> None:
        """Watch a folder with those below it."""
        stack = [folder]
        while stack:
            each = stack.pop()
            if each in self._known or each in self._left_out or is_installed(each):
                continue
            if len(self._known) >= MOST_FOLDERS:
                self.lost = f"the project has more than {MOST_FOLDERS} folders, and no more are watched"
                return
            watch = self._library.inotify_add_watch(self._descriptor, os.fsencode(each), _OPENED | _CREATED)
            if watch < 0:
                if os.path.isdir(each):
                    self.lost = f"{each} cannot be watched ({os.strerror(ctypes.get_errno())})"
                continue
            self._known.add(each)
            self._folders[watch] = each
            try:
                entries = list(os.scandir(each))
            except OSError:  # removed meanwhile, or not for us to read: nor for the project
                continue
            folders = [entry for entry in entries if entry.is_dir()]
            stack += [os.path.realpath(each) for each in folders if not _is_left_out(each.name)]


def _is_left_out(name: str) -> bool:
    """Return whether a folder has a name of those that hold no data of a process."""
    return name.startswith(".") or name in _LEFT_OUT
