"""What the interpreter says before it opens, renames or removes a file: audit events, as accesses to files.

Hooks for these cannot be removed. So one is added when the first is asked for, which does nothing while nobody listens.
An `id()`, which is an event too, takes some 0.15 us longer for it.
Libraries that open files in C, C++ or Rust (Arrow, Polars, HDF5) raise no events.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

AT_CWD = -1
"""The `dir_fd` of events when none was given."""
RMDIR = "os.rmdir"
"""The call of an access to a folder."""
CONNECT = "sqlite3.connect"
"""The call of an access to a database."""


@dataclass(frozen=True, slots=True)
class Access:
    """One file that is about to be used. `path` is absolute and real; `given` is how it was asked for, in `call`."""

    path: str
    given: Any
    call: str
    reads: bool = False
    writes: bool = False
    creates: bool = False
    """It need not be there."""
    empties: bool = False
    """Nothing will be left of what was there."""
    looks: bool = False
    """It asks whether the file is there, how large or how old it is, and not what is in it."""

    @property
    def what(self) -> str:
        """As reports name it."""
        return f"{self.call}({os.path.basename(self.path)!r})"


Listener = Callable[[Access], None]
"""Called before the access; what it raises is raised in its place."""
Wanted = Callable[[str, tuple[Any, ...]], bool]
"""Whether an event, with its arguments, matters. To find out which file it concerns takes longer."""
OPEN = "open"
"""The event, and the call, of most accesses; its arguments are path, mode and flags."""

_aside = threading.local()


@contextmanager
def aside() -> Iterator[None]:
    """What this thread does meanwhile is not listened to."""
    before = is_aside()
    _aside.on = True
    try:
        yield
    finally:
        _aside.on = before


def is_aside() -> bool:
    """Whether this thread is listened to no more than by itself."""
    return getattr(_aside, "on", False)


def real_path(path: Any, dir_fd: int | None = None) -> str | None:
    """Return a path absolute and without links, as far as it exists; None where it cannot be found out.

    It may be the descriptor of an open folder, where there is a ``/proc`` that names it.
    """
    with aside(), contextlib.suppress(OSError, ValueError, TypeError):
        if isinstance(path, int):
            return os.readlink(f"/proc/self/fd/{path}")
        text = os.fsdecode(path)
        if dir_fd is not None and dir_fd != AT_CWD:
            text = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), text)
        return os.path.realpath(text)
    return None


@contextmanager
def listening(listener: Listener, wanted: Wanted = lambda _event, _args: True) -> Iterator[None]:
    """Let `listener` hear of every access of this interpreter that is `wanted`."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _listeners.append((listener, wanted))
    try:
        yield
    finally:
        _listeners.remove((listener, wanted))


_hooked = False
_listeners: list[tuple[Listener, Wanted]] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # Called for each `id()` as well, so this comes first.
    if event not in _EVENTS or not _listeners or is_aside():
        return
    listeners = [listener for listener, wanted in tuple(_listeners) if wanted(event, args)]
    for access in _EVENTS[event](*args) if listeners else ():
        for listener in listeners:
            listener(access)


def _open(path: Any, mode: Any, flags: int) -> Iterator[Access]:
    real = None if isinstance(path, int) else real_path(path)
    if real is not None:
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        empties = bool(flags & os.O_TRUNC)
        yield Access(
            real,
            path,
            OPEN,
            reads=writes != os.O_WRONLY and not empties,
            writes=bool(writes) or empties,
            creates=bool(flags & os.O_CREAT),
            empties=empties,
        )


def _connect(database: Any) -> Iterator[Access]:
    path = database
    if isinstance(database, str):
        if database.startswith("file:"):
            path, _, query = unquote(database.removeprefix("file:")).partition("?")
            path = "" if "mode=memory" in query else path
        if path in ("", ":memory:"):
            return
    real = real_path(path)
    if real is not None:
        yield Access(real, database, CONNECT, reads=True, writes=True, creates=True)


def _rename(source: Any, target: Any, source_fd: int = AT_CWD, target_fd: int = AT_CWD) -> Iterator[Access]:
    moved, replaced = real_path(source, source_fd), real_path(target, target_fd)
    if moved is not None:
        yield Access(moved, source, "os.rename", reads=True, writes=True, empties=True)
    if replaced is not None:
        yield Access(replaced, target, "os.rename", writes=True, creates=True, empties=True)


def _link(source: Any, target: Any, *rest: Any) -> Iterator[Access]:
    real = real_path(target)
    if real is not None:
        yield Access(real, target, "os.link", writes=True, creates=True)


def _remove(path: Any, dir_fd: int = AT_CWD) -> Iterator[Access]:
    real = real_path(path, dir_fd)
    if real is not None:
        yield Access(real, path, "os.remove", writes=True, empties=True)


def _remove_folder(path: Any, dir_fd: int = AT_CWD) -> Iterator[Access]:
    for access in _remove(path, dir_fd):
        yield replace(access, call=RMDIR)


def _change(path: Any, *rest: Any) -> Iterator[Access]:
    real = None if isinstance(path, int) else real_path(path)
    if real is not None:
        yield Access(real, path, "os.utime", writes=True)


_EVENTS: dict[str, Callable[..., Iterator[Access]]] = {
    OPEN: _open,
    CONNECT: _connect,
    "os.rename": _rename,
    "os.link": _link,
    "os.symlink": _link,
    "os.remove": _remove,
    "os.rmdir": _remove_folder,
    "os.truncate": _change,
    "os.utime": _change,
    "os.chmod": _change,
}
