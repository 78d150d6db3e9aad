"""The global random state of NumPy, saved and put back at a small part of what `get_state` and `set_state` cost."""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import xxhash


@dataclass(frozen=True, slots=True)
class NumPyState:
    """A bit generator, its own state, and what the `RandomState` keeps besides.

    `words` is the memory of a Mersenne twister, or what the attribute `state` gives. `gauss` is the second of a pair of
    normal deviates, if it is still to be handed out.
    """

    bit_generator: Any
    words: bytes | dict[str, Any]
    gauss: float | None


class NumPy:
    """The functions of `numpy.random`, that is the global `RandomState`.

    While seeded, they draw from a bit generator of our own. So it does not matter which one the session has set
    (`numpy.random.set_bit_generator`), and where it is a Mersenne twister, as by default, it is enough to look whether
    its memory is as it was. Each of its 624 words would otherwise become an object, which takes as long as all the rest
    of a small process.
    """

    name = "numpy"
    module = "numpy.random"
    needs = "set_bit_generator"

    def __init__(self) -> None:
        self._own: Any = None

    def save(self) -> NumPyState:
        numpy_random = sys.modules[self.module]
        generator = numpy_random.get_bit_generator()
        if not _shortcuts_hold(numpy_random):
            state = numpy_random.get_state(legacy=False)
            return NumPyState(generator, generator.state, state["gauss"] if state["has_gauss"] else None)
        is_twister = type(generator) is numpy_random.MT19937
        words = _memory(generator) if is_twister else generator.state
        return NumPyState(generator, words, _gauss(numpy_random.mtrand._rand))

    def seed(self, seed: int) -> None:
        numpy_random = sys.modules[self.module]
        if self._own is None:
            self._own = numpy_random.MT19937(0)
        if numpy_random.get_bit_generator() is not self._own:
            numpy_random.set_bit_generator(self._own)
        # High word first: Python's `random` makes its key of the low word first, by the same algorithm, and would
        # otherwise give the same stream.
        numpy_random.seed((seed >> 32, seed & 0xFFFFFFFF))

    def restore(self, state: NumPyState) -> None:
        numpy_random = sys.modules[self.module]
        generator, words = state.bit_generator, state.words
        if isinstance(words, dict):
            generator.state = words
        elif _memory(generator) != words:
            with generator.lock:
                ctypes.memmove(generator.ctypes.state_address, words, _TWISTER.size)
        numpy_random.set_bit_generator(generator)  # which forgets the second deviate
        if state.gauss is not None:
            numpy_random.set_state({**numpy_random.get_state(legacy=False), "has_gauss": 1, "gauss": state.gauss})

    def digest(self, state: NumPyState) -> str:
        hasher = xxhash.xxh3_64(type(state.bit_generator).__name__.encode())
        _feed(hasher, {"words": state.words, "gauss": state.gauss})
        return hasher.hexdigest()


_TWISTER = struct.Struct("=624Ii")
"""A Mersenne twister as it lies in memory: its words, and the place among them."""


def _memory(twister: Any) -> bytes:
    with twister.lock:
        return ctypes.string_at(twister.ctypes.state_address, _TWISTER.size)


class _Wordless:
    """In the place of a bit generator, lets `get_state` tell what there is besides."""

    state: ClassVar[dict[str, Any]] = {"bit_generator": "none"}


def _gauss(random_state: Any) -> float | None:
    generator = random_state._bit_generator
    random_state._bit_generator = _Wordless
    try:
        state = random_state.get_state(legacy=False)
    finally:
        random_state._bit_generator = generator
    return state["gauss"] if state["has_gauss"] else None


@functools.cache
def _shortcuts_hold(numpy_random: ModuleType) -> bool:
    """Whether this NumPy has in memory, and under a private name, what is looked for there."""
    twister = numpy_random.MT19937(0)
    random_state = numpy_random.RandomState(twister)
    try:
        for _ in range(2):  # with a second deviate, and without
            random_state.standard_normal()
            told = random_state.get_state(legacy=False)
            *words, place = _TWISTER.unpack(_memory(twister))
            gauss = told["gauss"] if told["has_gauss"] else None
            if (words, place, gauss) != (told["state"]["key"].tolist(), told["state"]["pos"], _gauss(random_state)):
                return False
        return numpy_random.mtrand._rand._bit_generator is numpy_random.get_bit_generator()
    except Exception:  # whatever another NumPy makes of it
        return False


def _feed(hasher: xxhash.xxh3_64, part: Any) -> None:
    """Hash nested dicts, as bit generators describe themselves: their leaves are words, names and arrays."""
    if isinstance(part, dict):
        for key in sorted(part):
            hasher.update(key.encode())
            _feed(hasher, part[key])
    elif isinstance(part, bytes):
        hasher.update(part)
    else:
        hasher.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
