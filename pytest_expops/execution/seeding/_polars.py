"""The global stream of Polars, which `sample` and `shuffle` draw from when they are given no seed."""

from __future__ import annotations

import os
import sys
from typing import Any

from pytest_expops.execution.seeding._restarted import RestartedLibrary

_BYTES = list(range(256))
_HOME = os.getpid()
"""The process in which Polars can compute: a forked child does not have its threads, and would wait for them."""


class Polars(RestartedLibrary):
    """The stream of `polars.set_random_seed`. It is one for all threads, and Polars has no way of reading it."""

    name = "polars"
    module = "polars"
    needs = "set_random_seed"

    def seed(self, seed: int) -> None:
        """Begin the stream of `seed`."""
        self._polars.set_random_seed(seed)

    def next_seed(self) -> int:
        """Return 8 bytes drawn by `Series.sample`, as a number; in a forked child, by the operating system."""
        if os.getpid() != _HOME:
            return int.from_bytes(os.urandom(8), "big")
        drawn = self._polars.Series(_BYTES).sample(n=8, with_replacement=True)
        return int.from_bytes(bytes(drawn.to_list()), "big")

    @property
    def _polars(self) -> Any:
        return sys.modules[self.module]
