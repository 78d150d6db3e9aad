"""The global random state of NumPy: the functions of `numpy.random`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import xxhash


@dataclass(frozen=True, slots=True)
class NumPyState:
    """The bit generator that the session has set, and what `numpy.random.get_state` returns for it."""

    bit_generator: Any
    state: dict[str, Any]


class NumPy:
    """The functions of `numpy.random`, that is the global `RandomState`.

    Only a Mersenne twister can be seeded by `numpy.random.seed`. Where the session has set another bit generator
    (`numpy.random.set_bit_generator`), a new twister takes its place until it is restored.
    """

    name = "numpy"
    module = "numpy.random"
    needs = "set_bit_generator"

    def save(self) -> NumPyState:
        """Return the bit generator in use and its state, with the second of a pair of normal deviates."""
        numpy_random = sys.modules[self.module]
        return NumPyState(numpy_random.get_bit_generator(), numpy_random.get_state(legacy=False))

    def seed(self, seed: int) -> None:
        """Begin the stream of `seed`, an unsigned integer of 64 bits."""
        numpy_random = sys.modules[self.module]
        # Not one that is kept for all: a process may have kept that, and find it reseeded by a step.
        if type(numpy_random.get_bit_generator()) is not numpy_random.MT19937:
            numpy_random.set_bit_generator(numpy_random.MT19937(0))
        # High word first: Python's `random` makes its key of the low word first, by the same algorithm, and would
        # otherwise give the same stream.
        numpy_random.seed((seed >> 32, seed & 0xFFFFFFFF))

    def restore(self, state: NumPyState) -> None:
        """Put back what `save` has returned."""
        numpy_random = sys.modules[self.module]
        numpy_random.set_bit_generator(state.bit_generator)
        numpy_random.set_state(state.state)

    def digest(self, state: NumPyState) -> str:
        """Return 16 hex digits, equal for equal states."""
        hasher = xxhash.xxh3_64()
        _feed(hasher, state.state)
        return hasher.hexdigest()


def _feed(hasher: xxhash.xxh3_64, part: Any) -> None:
    """Hash nested dicts, as bit generators describe themselves: their leaves are words, names and arrays."""
    if isinstance(part, dict):
        for key in sorted(part):
            hasher.update(key.encode())
            _feed(hasher, part[key])
    else:
        hasher.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
