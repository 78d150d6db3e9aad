"""The folder for temporary files, and the names that `tempfile` makes up."""

from __future__ import annotations

import multiprocessing.process
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from pytest_expops.replay.folder import shared_folder
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._variables import variables
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held


class TemporaryFolder(Source):
    """Varied, it is another one, longer by a few letters; held, one for all held replays of a worker, empty at first.

    Names are random by themselves; held, they are the same sequence every time.
    """

    name: ClassVar[str] = "tmpdir"
    title: ClassVar[str] = "the folder and names of temporary files"
    catches: ClassVar[str] = "paths of temporary files in a result, or in a cache key"
    remedy: ClassVar[str] = "return what the file holds, not where it lies; write to a path of the project's own"
    holds_sites: ClassVar[bool] = True

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        if setting.mode is Mode.NATURAL:
            with _names(setting, watcher, tempfile.gettempdir()):
                yield
            return
        name = "held" if setting.mode is Mode.HELD else f"another-folder-for-temporary-files-{setting.number}"
        with _empty_folder(name) as folder, _names(setting, watcher, folder):
            if setting.only:
                yield
                return
            before, tempfile.tempdir = tempfile.tempdir, folder
            try:
                with variables({"TMPDIR": folder}):
                    yield
            finally:
                tempfile.tempdir = before


@contextmanager
def _empty_folder(name: str) -> Iterator[str]:
    """A folder that is made for this use, below one that the replicas of one worker share; removed at the end."""
    shared = shared_folder()
    folder = os.path.join(shared, name)
    shutil.rmtree(folder, ignore_errors=True)  # left by a replica that was killed
    os.mkdir(folder, 0o700)
    try:
        with _place_for_sockets(os.path.join(shared, "mp")):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _place_for_sockets(folder: str) -> Iterator[None]:
    """Where multiprocessing keeps sockets: it remembers its folder, whose path must be short, and nobody sees it."""
    config: dict[str, Any] = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is not None:
        yield
        return
    os.makedirs(folder, 0o700, exist_ok=True)
    config["tempdir"] = folder
    try:
        yield
    finally:
        with suppress(OSError):  # a server still listens there
            os.rmdir(folder)
            del config["tempdir"]


@contextmanager
def _names(setting: Setting, watcher: Watcher, folder: str) -> Iterator[None]:
    """Let `tempfile` ask for every name and for the folder, which is `folder` for those who are held."""

    def is_for_held(called: str = "mkdtemp") -> bool:
        return is_held(setting, watcher.saw(TemporaryFolder.name, f"tempfile.{_entered(called)}()"))

    def around(original: Callable[[], Any]) -> Any:
        found = original()
        if not is_for_held(original.__name__):
            return found
        return os.fsencode(folder) if isinstance(found, bytes) else folder

    if setting.mode is not Mode.HELD and not watcher.watching:
        yield
        return
    natural = tempfile._get_candidate_names()  # type: ignore[attr-defined]
    with patching() as patches:
        patches.wrap(tempfile, "gettempdir", around)
        patches.wrap(tempfile, "gettempdirb", around)
        patches.put(tempfile, "_name_sequence", _FileNames(natural, is_for_held))
        yield


class _FileNames(Iterator[str]):
    """The names that `natural` makes up, but a fixed sequence of such names for those who are held."""

    def __init__(self, natural: Iterator[str], is_for_held: Callable[[], bool]) -> None:
        self._natural = natural
        self._is_for_held = is_for_held
        self._random = random.Random(0)

    def __next__(self) -> str:
        if self._is_for_held():
            return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz0123456789_", k=8))
        return next(self._natural)


def _entered(called: str) -> str:
    """The function of `tempfile` by which it was entered, if not by the one that is `called`."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__")
        if module == "tempfile":
            called = frame.f_code.co_qualname.partition(".")[0]
        elif module not in _STANDING_IN:
            break
        frame = frame.f_back
    return called


_STANDING_IN = frozenset({__name__, Patches.__module__})
