"""The random streams that scripts find while they are imported, when nothing is seeded yet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any, ClassVar

from pytest_expops.execution.calls import recording
from pytest_expops.execution.seeding.task_seeds import seeded, task_seed
from pytest_expops.replay.nondeterminism._patching import patching
from pytest_expops.replay.nondeterminism._watching import watch
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher

SEED = task_seed(0, "import")
"""Where the streams start while they are held; any would do."""

_NO_DRAWS = frozenset({"seed", "getstate", "setstate", "get_state", "set_state"})


class Imports(Source):
    """Held by seeding all global streams before the project is imported. Processes are seeded by themselves, after."""

    name: ClassVar[str] = "imports"
    title: ClassVar[str] = "the random numbers drawn on import"
    brief: ClassVar[str] = "random numbers on import"
    catches: ClassVar[str] = (
        "numbers that a script draws while it is imported: in a constant, a class, a default argument"
    )
    remedy: ClassVar[str] = "draw them in a process or step, which is seeded"
    can_vary: ClassVar[bool] = False

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches:
            if watcher.watching:
                import numpy.random  # not above: a session that never needs it should not have to seed it

                for owner, generator in ((random, random.random), (numpy.random, numpy.random.random_sample)):
                    watch(patches, watcher, self.name, owner, _draws(owner, generator), when=_is_importing)
            with seeded(SEED) if setting.mode is Mode.HELD else nullcontext():
                yield


def _is_importing() -> bool:
    return recording.current() is None


def _draws(owner: ModuleType, method: Any) -> list[str]:
    """The functions of a module that draw from its global stream: like `method`, they are methods of one generator.

    PyTorch and TensorFlow have no such list, and are not watched.
    """
    return [
        name
        for name, each in vars(owner).items()
        if getattr(each, "__self__", None) is method.__self__ and not name.startswith("_") and name not in _NO_DRAWS
    ]
