"""The random streams of code that Numba has compiled: its own `random` and `numpy.random`."""

from __future__ import annotations

import struct
import sys
from typing import Any

import xxhash

State = tuple[int, list[int]]


class Numba:
    """The two Mersenne twisters that jitted code draws from, in the thread that runs the process.

    Python's and NumPy's own `seed` do not reach them. Numba's documented way is to call `seed` in jitted code, which
    has to be compiled first (more than a second in each interpreter), and before the process compiles anything. The
    functions that Numba's own tests use do the same in microseconds, and read the state too: all but the second of a
    pair of normal deviates, which is dropped. Other threads (`prange`) seed theirs from the operating system.
    """

    name = "numba"
    module = "numba"
    needs = "_helperlib.rnd_set_state"

    def save(self) -> tuple[State, State]:
        """Return the words of NumPy's and of Python's generator, each after the place of the next word."""
        helpers = self._helpers
        return (
            helpers.rnd_get_state(helpers.rnd_get_np_state_ptr()),
            helpers.rnd_get_state(helpers.rnd_get_py_state_ptr()),
        )

    def seed(self, seed: int) -> None:
        """Begin the streams of the lower (NumPy) and the upper (Python) 32 bits of `seed`: Numba takes no more."""
        helpers = self._helpers
        helpers.rnd_seed(helpers.rnd_get_np_state_ptr(), seed & 0xFFFFFFFF)
        helpers.rnd_seed(helpers.rnd_get_py_state_ptr(), seed >> 32)

    def restore(self, state: tuple[State, State]) -> None:
        """Put back what `save` has returned."""
        helpers = self._helpers
        numpy_state, python_state = state
        helpers.rnd_set_state(helpers.rnd_get_np_state_ptr(), numpy_state)
        helpers.rnd_set_state(helpers.rnd_get_py_state_ptr(), python_state)

    def digest(self, state: tuple[State, State]) -> str:
        """Return 16 hex digits, equal for equal states."""
        hasher = xxhash.xxh3_64()
        for place, words in state:
            hasher.update(struct.pack(f"q{len(words)}I", place, *words))
        return hasher.hexdigest()

    @property
    def _helpers(self) -> Any:
        return sys.modules[self.module]._helperlib
