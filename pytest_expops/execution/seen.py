"""What a run was seen to use: the files that it opened, and the modules that were imported for it.

A run is watched only where somebody will ask, since a baseline is to be recorded. Files are heard of by audit events;
libraries that open files in C, C++ or Rust (Arrow, Polars, HDF5) raise none, and child processes are not heard.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.execution.user_code.installed import is_installed

MOST = 20_000
"""So many files of one run are remembered."""
CODE = (".py", ".pyc", ".pyi", ".so", ".pth")
"""How the names of files end that an import opens."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Absolute paths of the files that were opened, for `read` or to be `written`, and dotted names of `modules`.

    The modules are the user's, or might be: they do not lie in an environment.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def __or__(self, other: Seen) -> Seen:
        """Return what was seen in either."""
        pairs = ((self.read, other.read), (self.written, other.written), (self.modules, other.modules))
        return Seen(*(tuple(sorted({*one, *another})) for one, another in pairs))

    def to_json(self) -> list[list[str]]:
        """Return plain data, the inverse of `from_json`."""
        return [list(self.read), list(self.written), list(self.modules)]

    @classmethod
    def from_json(cls, data: Any) -> Seen:
        """Return what `to_json` was called on."""
        return cls(*map(tuple, data))


@dataclass(slots=True, eq=False)  # each is another, whatever it has seen
class _Look:
    """What is seen for as long as it lasts."""

    _read: dict[str, None] = field(default_factory=dict)
    _written: dict[str, None] = field(default_factory=dict)

    def seen(self, *, modules: bool = False) -> Seen:
        """Return what has been seen so far; with `modules`, also all modules that are imported now."""
        names = (name for name in sorted(sys.modules) if modules and _may_be_own(name))
        return Seen(tuple(sorted(self._read)), tuple(sorted(self._written)), tuple(names))

    def opened(self, path: Any, flags: int) -> None:
        """Remember that a file is about to be opened."""
        if isinstance(path, int):
            return
        file = os.path.abspath(os.fsdecode(path))
        if file.endswith(CODE) or is_installed(file):
            return
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_CREAT):
            _remember(self._written, file)
        else:
            _remember(self._read, file)

    def moved(self, target: Any) -> None:
        """Remember that a file is about to be replaced."""
        _remember(self._written, os.path.abspath(os.fsdecode(target)))


class Onlooker:
    """Watches the imports and the runs of one runner, if it is `watching`.

    What a script opens while it is imported counts for each process of it.
    """

    def __init__(self, *, watching: bool) -> None:
        self.watching = watching
        self._on_import: dict[str, Seen] = {}

    @contextmanager
    def importing(self, script: str) -> Iterator[None]:
        """Watch the import of a script, by its key in the config."""
        if not self.watching:
            yield
            return
        with watching() as watch:
            yield
        self._on_import[script] = self._on_import.get(script, Seen()) | watch.seen()

    def on_import(self, script: str) -> Seen:
        """Return what was seen of the import of a script."""
        return self._on_import.get(script, Seen())

    def forget(self) -> None:
        """Begin anew: scripts will be imported again."""
        self._on_import.clear()


@contextmanager
def watching() -> Iterator[_Look]:
    """Watch what this interpreter opens and imports meanwhile, in any thread."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # it cannot be removed, and does nothing while nobody watches
        _hooked = True
    watch = _Look()
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


_hooked = False
_watches: list[_Look] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watches or event not in _EVENTS:
        return
    for watch in tuple(_watches):
        try:
            _EVENTS[event](watch, *args)
        except (OSError, ValueError, TypeError):  # a path that can be none: opening it will say so
            continue


_EVENTS: dict[str, Callable[..., None]] = {
    "open": lambda watch, path, mode, flags: watch.opened(path, flags),
    "os.rename": lambda watch, source, target, *folders: watch.moved(target),
    "sqlite3.connect": lambda watch, database, *rest: watch.opened(database, 0),
}


def _remember(files: dict[str, None], file: str) -> None:
    if len(files) < MOST:
        files[file] = None


def _may_be_own(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and not is_installed(file)
