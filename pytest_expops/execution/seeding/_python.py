"""What is asked of a library with a global random state, and the one that is always there: Python itself."""

from __future__ import annotations

import random
import struct
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
    """An attribute of the module, or of one of its attributes, without which it cannot be seeded."""

    def save(self) -> State:
        """Return the state as it is now; later draws do not change what was saved."""

    def seed(self, seed: int) -> None:
        """Start all streams at `seed` (0 <= seed < 2**64), whatever was drawn or set before. Follows a `save`."""

    def restore(self, state: State) -> None:
        """Go on exactly where `state` was saved."""

    def digest(self, state: State) -> str | None:
        """16 hex digits; equal for states that go on alike, in every interpreter. None for one that has no digest."""


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
