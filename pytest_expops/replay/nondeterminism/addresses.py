"""Where objects lie in memory: what `id()` tells, and what the order of a set of plain objects follows from."""

from __future__ import annotations

import builtins
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from pytest_expops.replay.nondeterminism._patching import patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held
from pytest_expops.replay.nondeterminism.personality import fix_addresses, fixed_addresses_possible

__all__ = ["VARIABLE", "Addresses", "fix_addresses", "fixed_addresses_possible", "masked"]

VARIABLE = "PYTEST_EXPOPS_FIXED_ADDRESSES"
"""An interpreter that is started with it is to call `fix_addresses` first."""

MOST = 100_000
"""So many objects are kept alive, so that no other comes to lie in their place, in one replay."""

_FIRST, _STEP = 0x7F00_0000_0000, 16
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{7,16}\b")


class Addresses(Source):
    """Held, the kernel lays out the process without random addresses, and the project's `id()` counts objects."""

    name: ClassVar[str] = "addresses"
    title: ClassVar[str] = "memory addresses"
    catches: ClassVar[str] = "`id()` and default `hash()` and `repr()` of objects, the order of sets of them"
    remedy: ClassVar[str] = "give objects a key of their own to sort, hash and show them by, in place of their address"
    can_vary: ClassVar[bool] = False
    holds_sites: ClassVar[bool] = True

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return what has the interpreter start again without random addresses."""
        # Narrowed to some lines, the others must find the addresses that they would find anyway.
        return {VARIABLE: "1"} if setting.mode is Mode.HELD and not setting.only else {}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        """Count the objects that the project asks the address of, or watch who asks."""
        numbers = _Numbers(setting, watcher)
        with patching() as patches:
            patches.wrap(builtins, "id", numbers.id)
            patches.wrap(builtins, "hash", numbers.hash)
            yield


def masked(text: str) -> str:
    """The text with ``0x...`` in place of every address, so that two texts can be compared but for these."""
    return _ADDRESS.sub("0x...", text)


class _Numbers:
    """Counts objects as the project asks for them."""

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._objects: dict[int, tuple[int, object]] = {}
        self._true_id = builtins.id
        self._lock = threading.RLock()

    def id(self, original: Callable[[object], int], thing: object, /) -> int:
        # Libraries ask so often that one look at who asks must do: not this method, nor the stand-in that called it.
        if not self._watcher.may_ask(sys._getframe(2)):
            return original(thing)
        number = self._number("id()", thing)
        return original(thing) if number is None else _FIRST + _STEP * number

    def hash(self, original: Callable[[object], int], thing: object, /) -> int:
        if type(thing).__hash__ is not object.__hash__ or not self._watcher.may_ask(sys._getframe(2)):
            return original(thing)
        number = self._number("hash()", thing)
        return original(thing) if number is None else number

    def _number(self, what: str, thing: object) -> int | None:
        # Libraries ask for addresses to know objects again, which is nothing that one sees.
        if not is_held(self._setting, self._watcher.saw(Addresses.name, what, direct=True)):
            return None
        with self._lock:
            address = self._true_id(thing)
            if address not in self._objects:
                if len(self._objects) >= MOST:
                    return None
                self._objects[address] = len(self._objects), thing
            return self._objects[address][0]
