"""What a process runs in and no result should depend on: variables, temporary files, locale, garbage collection.

Each source is varied and held as a whole. Lines that draw from one are remembered, but not held one by one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import locale
import multiprocessing.process
import os
import random
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._patching import patching
from pytest_expops.replay.nondeterminism._variables import variables
from pytest_expops.replay.nondeterminism._watching import watch
from pytest_expops.replay.nondeterminism.base import NATURAL, Mode, Setting, Source, Watcher
from pytest_expops.unpatched import UNPATCHED

_UNUSED = "EXPOPS_UNUSED_"
_VOLATILE = frozenset({"COLUMNS", "LINES", "PWD", "OLDPWD", "SHLVL", "EDITOR", "_", "PYTHONHASHSEED"})


def is_volatile(name: str) -> bool:
    """Whether a variable only says by whom, from where, or in what terminal a program was started."""
    return name in _VOLATILE or name.startswith(("PYTEST_", _UNUSED))


class Environment(Source):
    """Varied by variables that are new or have another value.

    Held, `os.environ` shows what is the same in every replica: the hash seed reads 0, pytest's variables are absent,
    and the order is that of the names. Programs that the process starts inherit the variables as they are.
    """

    name: ClassVar[str] = "env"
    title: ClassVar[str] = "irrelevant environment variables"
    brief: ClassVar[str] = "environment variables"
    catches: ClassVar[str] = "all of `os.environ` in a result, a digest or a count; tables as wide as the terminal"
    remedy: ClassVar[str] = (
        "read the variables that you need by name; give widths (`pd.set_option('display.width', ...)`)"
    )

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return new variables, and other values of what shells and terminals set."""
        if setting.mode is not Mode.VARIED:
            return {}
        number, own = setting.number, environment.get
        changed: dict[str, str | None] = {
            "COLUMNS": str(_number(own("COLUMNS"), 80) + 13 * number),
            "LINES": str(_number(own("LINES"), 24) + 7 * number),
            "SHLVL": str(_number(own("SHLVL"), 0) + number),
            "EDITOR": "ed" if own("EDITOR") != "ed" else "vi",
            "OLDPWD": "/" if own("OLDPWD") != "/" else "/usr",
            **{f"{_UNUSED}{each}": "x" * 30 * each for each in range(1, number + 2)},
        }
        if own("PWD"):
            changed["PWD"] = own("PWD", "").rstrip("/") + "/." * number  # the same folder, spelled otherwise
        return changed

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Hold what `os.environ` shows, or watch who reads it."""
        with patching() as patches, _shown_alike() if setting.mode is Mode.HELD else contextlib.nullcontext():
            if watcher.watching:
                kind: type = type(os.environ)
                patches.wrap(kind, "__getitem__", functools.partial(_note_item, watcher))
                watch(patches, watcher, self.name, kind, ("__iter__", "__len__", "__repr__"), what="os.environ")
            yield


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


@contextmanager
def _shown_alike() -> Iterator[None]:
    """Change what `os.environ` holds, and not the variables themselves."""
    data: dict[Any, Any] = vars(os.environ)["_data"]
    before = dict(data)
    shown = {name: value for name, value in before.items() if not os.fsdecode(name).startswith("PYTEST_")}
    if os.fsencode("PYTHONHASHSEED") in shown:
        shown[os.fsencode("PYTHONHASHSEED")] = b"0"
    data.clear()
    data.update(sorted(shown.items()))
    try:
        yield
    finally:
        data.clear()
        data.update(before)


def _note_item(watcher: Watcher, original: Callable[..., Any], mapping: Any, name: Any) -> Any:
    # Libraries read many variables; only those that may differ matter.
    if isinstance(name, (str, bytes)) and is_volatile(os.fsdecode(name)):
        watcher.saw(Environment.name, f"os.environ[{os.fsdecode(name)!r}]")
    return original(mapping, name)


class TemporaryFolder(Source):
    """Varied, it is another folder with a longer path; held, one for all held replays of a worker, empty at first.

    Names are random by themselves; held, they are the same sequence every time.
    """

    name: ClassVar[str] = "tmpdir"
    title: ClassVar[str] = "the folder and names of temporary files"
    brief: ClassVar[str] = "temporary files"
    catches: ClassVar[str] = "paths of temporary files in a result, or in a cache key"
    remedy: ClassVar[str] = "return what the file holds, not where it lies; write to a path of the project's own"

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Make the folder and its names what `setting` says, and remove the folder at the end."""
        with contextlib.ExitStack() as stack:
            if setting.mode is not Mode.NATURAL:
                name = "held" if setting.mode is Mode.HELD else f"another-folder-{setting.number}"
                stack.enter_context(_temporary_files_in(os.path.join(_place, name)))
            patches = stack.enter_context(patching())
            if watcher.watching or setting.mode is Mode.HELD:
                names = _Names(watcher, held=setting.mode is Mode.HELD)
                patches.put(tempfile, "_name_sequence", names)
            asks = ("gettempdir", "gettempdirb")
            watch(patches, watcher, self.name, tempfile, asks, unless=("tempfile",))
            yield


_place = tempfile.gettempdir()


def keep_temporary_files_in(folder: str) -> None:
    """From now on, make the folders for temporary files in this one, which the replicas of one worker share."""
    global _place
    _place = folder


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)  # left by a replica that was killed
    os.makedirs(folder, 0o700)
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        with variables({"TMPDIR": folder}), _sockets_in(os.path.join(_place, "mp")):
            yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sockets_in(folder: str) -> Iterator[None]:
    """Give multiprocessing a folder that stays: it remembers the one that it has first asked for."""
    remembered: dict[str, Any] = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    if remembered.get("tempdir") is not None:
        yield
        return
    os.makedirs(folder, 0o700, exist_ok=True)
    remembered["tempdir"] = folder
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a server still listens there
            os.rmdir(folder)
            del remembered["tempdir"]


class _Names(Iterator[str]):
    """The names that `tempfile` makes up for the project; held, a fixed sequence. Nobody else's are touched."""

    def __init__(self, watcher: Watcher, *, held: bool) -> None:
        self._natural: Iterator[str] = tempfile._get_candidate_names()  # type: ignore[attr-defined]
        self._watcher = watcher
        self._held = held
        self._random = random.Random(0)

    def __next__(self) -> str:
        site = self._watcher.saw(TemporaryFolder.name, "tempfile.mkdtemp()", outermost=True)
        if self._held and site is not None:
            return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz0123456789_", k=8))
        return next(self._natural)


_DECIMAL_COMMA = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "ru", "tr", "hu", "ro", "el")
"""Languages that write 1,5: their locales show the most, and are taken first."""
_HELD_LOCALE = "C.UTF-8"
_ASKS_LOCALE = (
    *("setlocale", "getlocale", "localeconv", "nl_langinfo", "getpreferredencoding", "getencoding"),
    *("strcoll", "strxfrm", "str", "format_string", "currency", "atof", "atoi", "localize"),
)


class Locale(Source):
    """Varied and held by `LC_ALL` and `LANG`, which Python reads at its start, and others where they call `setlocale`.

    As at any start of Python, the categories other than `LC_CTYPE` are those of C until somebody adopts the user's: a
    process that does not adopt them never differs.
    """

    name: ClassVar[str] = "locale"
    title: ClassVar[str] = "the locale"
    catches: ClassVar[str] = "sorting, dates or numbers in the user's language, after `locale.setlocale(LC_ALL, '')`"
    remedy: ClassVar[str] = (
        "leave the locale alone, or set one by name; sort by `str.casefold`, format with `f'{x:.2f}'`"
    )

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return the variables that name the locale."""
        if setting.mode is Mode.NATURAL:
            return {}
        chosen = _HELD_LOCALE if setting.mode is Mode.HELD else locale_of(setting.number, environment)
        return {"LC_ALL": chosen, "LANG": chosen, "LANGUAGE": None}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Begin with the categories of a fresh interpreter, and put back at the end what was set before."""
        with patching() as patches:
            watch(patches, watcher, self.name, locale, _ASKS_LOCALE, unless=("locale",))
            before = locale.setlocale(locale.LC_ALL)
            if setting.mode is not Mode.NATURAL:
                locale.setlocale(locale.LC_ALL, "C")
                with contextlib.suppress(locale.Error):  # what the variables ask for is not installed
                    locale.setlocale(locale.LC_CTYPE, "")
            try:
                yield
            finally:
                if setting.mode is not Mode.NATURAL:
                    locale.setlocale(locale.LC_ALL, before)


def locale_of(number: int, environment: Mapping[str, str]) -> str:
    """Return the locale of the replays numbered `number`, which is not the one of `environment`.

    Where no other is installed it is plain C (or ``C.UTF-8``, if it is C already), which shows less.
    """
    own = _normal(next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "C"))
    others = [name for name in installed() if _normal(name) != own]
    if not others:
        return _HELD_LOCALE if own in ("c", "posix") else "C"
    return others[(number - 1) % len(others)]


@functools.cache
def installed() -> tuple[str, ...]:
    """Return the UTF-8 locales of this machine besides C's, those with a decimal comma first. Asks ``locale -a``."""
    run, error = UNPATCHED.subprocess.run, UNPATCHED.subprocess.SubprocessError
    try:
        listed = run(["locale", "-a"], capture_output=True, timeout=30, check=False).stdout
    except (OSError, error):
        return ()
    names = [name for name in listed.decode(errors="replace").split() if _normal(name).endswith(".utf8")]
    names = [name for name in names if not name.startswith(("C.", "POSIX"))]
    return tuple(sorted(names, key=lambda name: (not name.startswith(_DECIMAL_COMMA), name)))


def _normal(name: str) -> str:
    return name.lower().replace("-", "")


_EAGER = (10, 10, 10)
"""The thresholds under which the garbage collector runs every few allocations."""
_WEAK = (weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_READS = ("__len__", "__iter__", "__contains__", "__getitem__", "get", "items", "keys", "values")
_ASKS_COLLECTOR = ("collect", "get_count", "get_objects", "get_referrers", "get_referents", "get_stats")


class Collector(Source):
    """Varied by an odd number it is off, by an even one it runs very often. Held, it is off from a clean start."""

    name: ClassVar[str] = "gc"
    title: ClassVar[str] = "the garbage collector"
    catches: ClassVar[str] = "weak caches, finalizers (`__del__`), counts of live objects"
    remedy: ClassVar[str] = "keep what counts in a dict or list, not by weak references; close what is open by `with`"

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Switch the collector as `setting` says, and put back at the end what was set before."""
        with patching() as patches:
            watch(patches, watcher, self.name, gc, _ASKS_COLLECTOR)
            for kind in _WEAK:  # whose methods call one another
                reads = [each for each in _READS if each in vars(kind)]
                what, own = f"weakref.{kind.__name__}", {kind.__module__, "weakref"}
                watch(patches, watcher, self.name, kind, reads, what=what, unless=own)
            if setting == NATURAL:
                yield
                return
            enabled, thresholds = gc.isenabled(), gc.get_threshold()
            gc.collect()
            if setting.mode is Mode.VARIED and setting.number % 2 == 0:
                gc.enable()
                gc.set_threshold(*_EAGER)
            else:
                gc.disable()
            try:
                yield
            finally:
                gc.set_threshold(*thresholds)
                (gc.enable if enabled else gc.disable)()
                gc.collect()  # what this run left must not be finalized in the middle of the next
