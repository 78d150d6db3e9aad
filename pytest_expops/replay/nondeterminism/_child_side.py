"""What a child process does first that its parent has told to hold, or to watch, the operating system's randomness."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded
from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.replay.nondeterminism._entropy import Entropy
from pytest_expops.replay.nondeterminism._origins import Origin, Task, of_process
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._submissions import following
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Site, Watcher, is_held

_for_ever = contextlib.ExitStack()
"""What is in force until the process ends; never closed."""


def begin(told: str) -> None:
    """Do as the parent says, until this process ends.

    Args:
        told: a JSON text; see `informed_children`.
    """
    data: dict[str, Any] = json.loads(told)
    origin, setting = Origin(*data["origin"]), Setting.from_json(data["setting"])
    watcher = Watcher(_is_own, watching=data["watching"])
    watcher.notes = data["notes"]
    watcher.note_child(is_program=data["is_program"])
    of_process(origin)
    _for_ever.enter_context(following(watcher))
    _for_ever.enter_context(Entropy().apply(setting, watcher))
    streams = _Streams(setting, watcher)
    if is_held(setting, streams.site(origin, "python")):
        _for_ever.enter_context(seeded(int(origin.path[:16], 16)))
    libraries = {
        "numpy.random": functools.partial(streams.patch, "seed"),
        "torch": functools.partial(streams.patch, "manual_seed"),
    }
    patches = _for_ever.enter_context(patching(libraries))
    patches.wrap(random, "seed", streams.seed)
    Task.around = streams.around


def _is_own(file: str) -> bool:
    return not file.startswith("<") and not is_installed(file)


class _Streams:
    """The global generators of a process that the operating system has seeded.

    Held, each task finds them as its number says, since it may run in any of several processes, after any other.
    """

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._imported: dict[str, str] = {}
        self._depth = 0
        self._process_seeded = False
        self._task_seeded = False

    def patch(self, name: str, patches: Patches, module: ModuleType) -> None:
        """See when a library is seeded, and how its import left it: that may be in the middle of a task."""
        patches.wrap(module, name, self.seed)
        self._imported = {**rng_digests(), **self._imported}

    def seed(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        """Whatever the process seeds itself is its own affair: from now on, or in a task of a pool until that ends."""
        if self._watcher.asked() is not None:
            if self._depth > 1:
                self._task_seeded = True
            else:
                self._process_seeded = True
        return original(*args, **kwargs)

    @contextmanager
    def around(self, origin: Origin) -> Iterator[None]:
        """Around one task, or the process itself: seed the generators, or note which it drew from."""
        if self._process_seeded or threading.current_thread() is not threading.main_thread():
            yield
            return
        self._depth += 1
        self._task_seeded = False
        try:
            if self._setting.mode is not Mode.HELD:
                before = rng_digests()
                yield
                self._note(origin, before)
            elif is_held(self._setting, self.site(origin, "")):
                with seeded(int(origin.path[:16], 16)):
                    yield
            else:
                yield
        finally:
            self._depth -= 1

    def _note(self, origin: Origin, before: dict[str, str]) -> None:
        if self._process_seeded or self._task_seeded:
            return
        before = {**self._imported, **before}
        for library, digest in rng_digests().items():
            if before.get(library, digest) != digest:
                self._watcher.note(Entropy.name, self.site(origin, library))

    def site(self, origin: Origin, library: str) -> Site:
        """The line that submitted a task, which drew from the generator of a library."""
        what = f"the global generator of {library} in a child process, which nobody seeded"
        return Site(origin.file, origin.line, origin.function, what)
