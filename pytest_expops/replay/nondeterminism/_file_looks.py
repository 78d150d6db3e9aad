"""Looks at files that raise no audit event, or do not say what they will find: `os.stat`, `os.access`, listings.

What asks whether a file is there, `os.path` and `pathlib` included, asks these.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_expops.replay.nondeterminism._directory_entries import Entries
from pytest_expops.replay.nondeterminism._file_audit import Access, Listener, is_aside, real_path
from pytest_expops.replay.nondeterminism._patching import patching


@contextmanager
def looking(listener: Listener) -> Iterator[None]:
    """Let `listener` hear of every look at a file."""
    looks = _Looks(listener)
    arounds = {
        "stat": looks.stat,
        "lstat": looks.stat,
        "access": looks.access,
        "listdir": looks.listdir,
        "scandir": looks.scandir,
    }
    with patching() as patches:
        for name, around in arounds.items():
            original = getattr(os, name)
            patches.wrap(os, name, around)
            for owner in _owners(name, original):
                patches.put(owner, name, staticmethod(getattr(os, name)))
        yield


def _owners(name: str, original: Any) -> Iterator[type]:
    """Classes of `glob` that have taken a function of `os` for their own, as since Python 3.13."""
    for each in vars(glob).values():
        own = vars(each).get(name) if isinstance(each, type) else None
        if isinstance(own, staticmethod) and own.__func__ is original:
            yield each


class _Looks:
    """What stands in for the functions of `os`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def stat(self, original: Callable[..., Any], path: Any, *args: Any, **kwargs: Any) -> Any:
        self._look("os.stat", path, kwargs.get("dir_fd"))
        return original(path, *args, **kwargs)

    def access(self, original: Callable[..., bool], path: Any, *args: Any, **kwargs: Any) -> bool:
        self._look("os.access", path, kwargs.get("dir_fd"))
        return original(path, *args, **kwargs)

    def listdir(self, original: Callable[..., list[Any]], path: Any = ".") -> list[Any]:
        names = original(path)
        folder = self._folder(path)
        for name in names:
            self._listed("os.listdir", folder, name)
        return names

    def scandir(self, original: Callable[..., Any], path: Any = ".") -> Any:
        folder = self._folder(path)

        def noted(entries: Iterator[os.DirEntry[Any]]) -> Iterator[os.DirEntry[Any]]:
            for entry in entries:
                self._listed("os.scandir", folder, entry.name)
                yield entry

        return Entries(original(path), noted)

    def _look(self, call: str, path: Any, dir_fd: int | None) -> None:
        if not is_aside() and not isinstance(path, int):
            real = real_path(path, dir_fd)
            if real is not None:
                self._listener(Access(real, path, call, reads=True, looks=True))

    def _folder(self, path: Any) -> str | None:
        return None if is_aside() else real_path("." if path is None else path)

    def _listed(self, call: str, folder: str | None, name: Any) -> None:
        if folder is not None:
            self._listener(Access(os.path.join(folder, os.fsdecode(name)), name, call, reads=True, looks=True))
