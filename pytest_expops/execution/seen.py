"""What a run was seen to use: files, folders, variables, parts of the config, and the modules imported for it.

A run is watched only where somebody will ask, since a baseline is to be recorded, or its result to be kept for later
sessions. Files are heard of by audit events; libraries that open files in C, C++ or Rust (Arrow, Polars, HDF5) raise
none, and child processes are not heard. What raises no event is told by `heard`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.execution.user_code.scripts import PREFIX

MOST = 20_000
"""So many files of one run are remembered."""
CODE = (".py", ".pyc", ".pyi", ".so", ".pth")
"""How the names of files end that an import opens."""
ALL = "*"
"""In place of a name: all that there are."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Absolute paths of the files that were opened, for `read` or to be `written`, and dotted names of `modules`.

    The modules are the user's, or might be: they do not lie in an environment. `looked` are paths of which it was asked
    whether they are there, and `listed` folders whose names were read. `variables` are names of environment variables,
    and `config` keys of the config at its top, that were read (`ALL`: every one). `beyond` says what else it did whose
    outcome no file and no variable determines, such as ``connects to a network``.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    looked: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()

    def __or__(self, other: Seen) -> Seen:
        """Return what was seen in either."""
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return Seen(*(tuple(sorted({*one, *another})) for one, another in pairs))

    def to_json(self) -> list[list[str]]:
        """Return plain data, the inverse of `from_json`."""
        return [list(getattr(self, each.name)) for each in fields(self)]

    @classmethod
    def from_json(cls, data: Any) -> Seen:
        """Return what `to_json` was called on."""
        return cls(*map(tuple, data))


@dataclass(slots=True, eq=False)  # each is another, whatever it has seen
class _Look:
    """What is seen for as long as it lasts."""

    _read: dict[str, None] = field(default_factory=dict)
    _written: dict[str, None] = field(default_factory=dict)
    _others: dict[str, dict[str, None]] = field(default_factory=dict)

    def seen(self, *, modules: bool = False) -> Seen:
        """Return what has been seen so far; with `modules`, also all modules that are imported now."""
        names = (name for name in sorted(sys.modules) if modules and _may_be_own(name))
        others = {kind: tuple(sorted(found)) for kind, found in self._others.items()}
        return Seen(tuple(sorted(self._read)), tuple(sorted(self._written)), tuple(names), **others)

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

    def listing(self, folder: Any) -> None:
        """Remember that the names in a folder are about to be read."""
        if not isinstance(folder, int) and not _is_import():
            path = os.path.abspath(os.fsdecode("." if folder is None else folder))
            if not is_installed(path):
                self.other("listed", path)

    def starting(self, program: Any) -> None:
        """Remember that a program is about to be started."""
        name = os.path.basename(os.fsdecode(program[0] if isinstance(program, (list, tuple)) else program))
        if name.partition(" ")[0] not in _TELL_OF_THE_MACHINE:
            self.other("beyond", f"starts a program (`{name}`)")

    def other(self, kind: str, what: str) -> None:
        """Remember something for the field `kind` of `Seen`."""
        _remember(self._others.setdefault(kind, {}), what)


_TELL_OF_THE_MACHINE = frozenset({"lscpu", "uname", "ldconfig", "sysctl", "gcc", "cc", "ld", "objdump"})
"""Programs by which Python and libraries learn about the processor and the libraries of the system."""


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


class ReadConfig(Mapping[str, Any]):
    """A config that says which of its keys are read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def __getitem__(self, key: str) -> Any:
        heard("config", key)
        return self._document[key]

    def __iter__(self) -> Iterator[str]:
        heard("config", ALL)
        return iter(self._document)

    def __len__(self) -> int:
        heard("config", ALL)
        return len(self._document)


def heard(kind: str, what: str) -> None:
    """Tell whoever is watching what has raised no audit event; `kind` is the field of `Seen` that it is for."""
    for watch in tuple(_watches):
        watch.other(kind, what)


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
    "os.listdir": lambda watch, folder: watch.listing(folder),
    "os.scandir": lambda watch, folder: watch.listing(folder),
    "os.system": lambda watch, command: watch.starting(command),
    "os.exec": lambda watch, program, *rest: watch.starting(program),
    "os.posix_spawn": lambda watch, program, *rest: watch.starting(program),
    "subprocess.Popen": lambda watch, executable, arguments, *rest: watch.starting(executable or arguments),
    "socket.connect": lambda watch, socket, address: _connecting(watch, address),
    "sqlite3.connect": lambda watch, database, *rest: watch.opened(database, 0),
}


def _is_import() -> bool:
    """Return whether the import system lists a folder, to find a module or a distribution in it."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")).startswith(("importlib.", "_frozen_importlib"))


def _connecting(watch: _Look, address: Any) -> None:
    if isinstance(address, tuple):  # of another machine, or of a server on this one; other sockets are files
        watch.other("beyond", "connects to a network")


def _remember(files: dict[str, None], file: str) -> None:
    if len(files) < MOST:
        files[file] = None


def _may_be_own(name: str) -> bool:
    if name.startswith(PREFIX):  # a script, whose name is ours, and may be that of another script elsewhere
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and not is_installed(file)
