"""The generator that all instances of Faker share, until `seed_instance` gives one its own."""

from __future__ import annotations

import sys
from typing import Any

import xxhash


class Faker:
    """The stream of `Faker.seed`, and whether it was called: `Faker().binary()` asks the system if not."""

    name = "faker"
    module = "faker.generator"
    needs = "Generator"

    _attributes = ("_is_seeded", "_global_seed")

    def save(self) -> dict[str, Any]:
        """Return the state of the shared `random.Random`, and the marks that `Faker.seed` leaves."""
        generator = sys.modules[self.module]
        marks = {name: value for name, value in vars(generator.Generator).items() if name in self._attributes}
        return {"random": generator.random.getstate(), "marks": marks}

    def seed(self, seed: int) -> None:
        """Begin the stream of ``f"faker {seed}"``: of the number itself, it would be that of Python's `random`."""
        sys.modules[self.module].Generator.seed(f"faker {seed}")

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `save` has returned."""
        generator = sys.modules[self.module]
        generator.random.setstate(state["random"])
        for name, value in state["marks"].items():
            setattr(generator.Generator, name, value)

    def digest(self, state: dict[str, Any]) -> str:
        """Return 16 hex digits, equal for equal states."""
        parts = (state["random"], state["marks"].get("_is_seeded"))
        return xxhash.xxh3_64_hexdigest(repr(parts).encode())
