"""The global generators of Python, NumPy and other libraries, in a run that nothing seeds."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pytest_expops.replay.nondeterminism.base import Setting, Source, Watcher


class Generators(Source):
    """Held by `Runner.start`: the streams start at one place in all runs. A run with a seed has that anyway."""

    name: ClassVar[str] = "generators"
    title: ClassVar[str] = "the unseeded global generators"
    catches: ClassVar[str] = "draws from `random` or `numpy.random` that nothing has seeded"
    remedy: ClassVar[str] = "seed them before, as by `random.seed(1)` or `numpy.random.seed(1)`"
    can_vary: ClassVar[bool] = False
    can_hold: ClassVar[bool] = False
    holds_unseeded: ClassVar[bool] = True

    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        """Do nothing: the runner starts the streams."""
        return nullcontext()
