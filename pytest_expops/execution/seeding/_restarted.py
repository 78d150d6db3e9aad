"""What is asked of a library whose global stream can be seeded, but not read."""

from __future__ import annotations

from abc import ABC, abstractmethod


class RestartedLibrary(ABC):
    """A library whose global stream can be seeded, but not read: after a process it starts anew.

    Methods are only called while `module` is imported, and import nothing.
    """

    name: str
    """What reports call it."""
    module: str
    """The module whose import brings the stream into being."""
    needs: str
    """An attribute of the module, or of one of its attributes, without which it cannot be seeded."""

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Start the stream at `seed` (0 <= seed < 2**64), whatever was drawn or set before."""

    @abstractmethod
    def next_seed(self) -> int:
        """Return a number to seed the session's stream with afterwards (0 <= number < 2**64).

        Drawn from the stream itself where that can be done. So a session that has seeded the library stays
        reproducible, and one that has not stays unseeded.
        """
