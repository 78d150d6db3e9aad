"""Environment variables that no result should depend on, and their order."""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held

_IRRELEVANT = frozenset({"COLUMNS", "LINES", "PWD", "OLDPWD", "SHLVL", "EDITOR", "_"})
_UNUSED = "EXPOPS_UNUSED_"
_SEED, _HELD_SEED = "PYTHONHASHSEED", "0"
_Kind: type = type(os.environ)
_MAPPINGS = frozenset({"os", "_collections_abc", "collections.abc", __name__, Patches.__module__})


def is_volatile(name: str) -> bool:
    """Whether a variable says nothing but by whom, from where, or in what terminal a program was started."""
    return name in _IRRELEVANT or name == _SEED or name.startswith(("PYTEST_", _UNUSED))


class Environment(Source):
    """Varied by variables that are new or have another value, and by their order.

    Held, what differs from replica to replica by itself is hidden from the project: the hash seed (which reads 0) and
    the variables of pytest; the order is that of the names. Programs that the process starts inherit all.
    """

    name: ClassVar[str] = "env"
    title: ClassVar[str] = "irrelevant environment variables"
    catches: ClassVar[str] = "all of `os.environ` in a result, a digest or a count; tables as wide as the terminal"
    remedy: ClassVar[str] = (
        "read the variables that you need by name; give widths (`pd.set_option('display.width', ...)`)"
    )
    holds_sites: ClassVar[bool] = True

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        return _varied(setting.number, environment) if setting.mode is Mode.VARIED else {}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches:
            if setting.mode is Mode.HELD or watcher.watching:
                _Reads(setting, watcher).put(patches)
            if setting.mode is Mode.VARIED:
                with _shuffled(setting.number):
                    yield
            else:
                yield


def _varied(number: int, environment: Mapping[str, str]) -> dict[str, str | None]:
    own = environment.get
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


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


@contextmanager
def _shuffled(number: int) -> Iterator[None]:
    """The variables in another order; afterwards in the order in which they were, new ones last."""
    data: dict[Any, Any] = vars(os.environ)["_data"]
    before = list(data)
    _arrange(data, random.Random(number).sample(before, len(before)))
    try:
        yield
    finally:
        _arrange(data, before)


def _arrange(data: dict[Any, Any], names: list[Any]) -> None:
    found = dict(data)
    first = {name: found[name] for name in names if name in found}
    data.clear()
    data.update(first | found)


class _Reads:
    """What the project reads of `os.environ` and `os.environb`, at the sites that are held.

    What the project has set itself it finds.
    """

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._set_by_project: set[str] = set()

    def put(self, patches: Patches) -> None:
        patches.wrap(_Kind, "__setitem__", self._set)
        patches.wrap(_Kind, "__getitem__", self._get)
        patches.wrap(_Kind, "__iter__", self._iterate)
        patches.wrap(_Kind, "__len__", self._count)
        patches.wrap(_Kind, "__repr__", self._show)

    def _set(self, original: Callable[..., None], mapping: Any, name: Any, value: Any) -> None:
        original(mapping, name, value)
        self._set_by_project.add(os.fsdecode(name))

    def _get(self, original: Callable[..., Any], mapping: Any, name: Any) -> Any:
        if not isinstance(name, (str, bytes)):
            return original(mapping, name)
        text = os.fsdecode(name)
        # A library that the project calls reads many; for those that do not differ it need not answer.
        if not (is_volatile(text) or _is_direct()) or not self._holds(f"os.environ[{text!r}]"):
            return original(mapping, name)
        if self._is_hidden(text):
            raise KeyError(name)
        if text == _SEED and text not in self._set_by_project:
            return _HELD_SEED if isinstance(name, str) else os.fsencode(_HELD_SEED)
        return original(mapping, name)

    def _iterate(self, original: Callable[..., Iterator[Any]], mapping: Any) -> Iterator[Any]:
        names = original(mapping)
        return iter(self._kept(names)) if self._holds("os.environ") else names

    def _count(self, original: Callable[..., int], mapping: Any) -> int:
        return len(self._kept(mapping)) if self._holds("os.environ") else original(mapping)

    def _show(self, original: Callable[..., str], mapping: Any) -> str:
        return f"environ({dict(mapping)!r})" if self._holds("os.environ") else original(mapping)

    def _kept(self, names: Iterable[Any]) -> list[Any]:
        return sorted(each for each in names if not self._is_hidden(os.fsdecode(each)))

    def _is_hidden(self, name: str) -> bool:
        return name.startswith("PYTEST_") and name not in self._set_by_project

    def _holds(self, what: str) -> bool:
        return is_held(self._setting, self._watcher.saw(Environment.name, what))


def _is_direct() -> bool:
    """Whether the code that reads is no library's."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _MAPPINGS:
        frame = frame.f_back
    return not _is_library(frame.f_code.co_filename)


@functools.cache
def _is_library(filename: str) -> bool:
    return filename.startswith("<") or is_installed(os.path.realpath(filename))
