"""What is asked of a library with a global random state, and the two that are always there: Python and NumPy."""

from __future__ import annotations

import random
import struct
import sys
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import xxhash

State = TypeVar("State")


class RandomLibrary(Protocol[State]):
    """One library's global random state. Methods are only called while `module` is imported, and import nothing."""

    name: str
    """What reports call it."""
    module: str
    """The module whose import brings the state into being."""
    needs: str
    """An attribute of the module without which it cannot be seeded."""

    def save(self) -> State:
        """The state as it is now; later draws do not change what was saved."""

    def seed(self, seed: int) -> None:
        """Start all streams at `seed` (0 <= seed < 2**64), whatever was drawn or set before. Follows a `save`."""

    def restore(self, state: State) -> None:
        """Go on exactly where `state` was saved."""

    def digest(self, state: State) -> str:
        """16 hex digits; equal for states that go on alike, in every interpreter."""


PythonState = tuple[Any, ...]


class Python:
    """The functions of `random`. The state includes the second of the pair that `random.gauss` makes at a time."""

    name = "python"
    module = "random"
    needs = "getstate"

    def save(self) -> PythonState:
        return random.getstate()

    def seed(self, seed: int) -> None:
        random.seed(seed)

    def restore(self, state: PythonState) -> None:
        random.setstate(state)

    def digest(self, state: PythonState) -> str:
        _, words, gauss = state
        return xxhash.xxh3_64_hexdigest(struct.pack(f"{len(words)}I", *words) + repr(gauss).encode("ascii"))


@dataclass(slots=True)
class NumPyState:
    """The session's bit generator itself, and what `numpy.random.get_state` tells of it."""

    bit_generator: Any
    state: dict[str, Any]


class NumPy:
    """The functions of `numpy.random`, that is the global `RandomState`.

    While seeded, they draw from a bit generator of our own. So it does not matter which one the session has set
    (`numpy.random.set_bit_generator`), and restoring need not write its 624 words, which takes as long as all the
    rest. Only the second of a pair of normal deviates is kept by the `RandomState` itself, and has to be put back.
    """

    name = "numpy"
    module = "numpy.random"
    needs = "set_bit_generator"

    def __init__(self) -> None:
        self._own: Any = None

    def save(self) -> NumPyState:
        numpy_random = sys.modules[self.module]
        return NumPyState(numpy_random.get_bit_generator(), numpy_random.get_state(legacy=False))

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
        drawn_from = numpy_random.get_bit_generator() is state.bit_generator
        if not drawn_from:
            numpy_random.set_bit_generator(state.bit_generator)
        if drawn_from or state.state["has_gauss"]:
            numpy_random.set_state(state.state)

    def digest(self, state: NumPyState) -> str:
        hasher = xxhash.xxh3_64()
        _feed(hasher, state.state)
        return hasher.hexdigest()


def _feed(hasher: xxhash.xxh3_64, part: Any) -> None:
    """Hash the nested dicts that bit generators describe themselves by: their leaves are words, names and arrays."""
    if isinstance(part, dict):
        for key in sorted(part):
            hasher.update(key.encode())
            _feed(hasher, part[key])
    else:
        hasher.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
