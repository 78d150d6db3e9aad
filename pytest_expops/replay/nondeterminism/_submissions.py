"""Gives each thread, task of a pool and forked process its origin: the line of the project that it is due to.

Held and watched sources ask for it where the stack has no line of the project (see `_origins`).
"""

from __future__ import annotations

import functools
import multiprocessing.pool
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pytest_expops.replay.nondeterminism._origins import (
    Origin,
    Task,
    current_path,
    numbered,
    of_process,
    of_thread,
)
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Watcher

_EXECUTORS = {
    "concurrent.futures.thread": "ThreadPoolExecutor",
    "concurrent.futures.process": "ProcessPoolExecutor",
    "loky.process_executor": "ProcessPoolExecutor",
    "joblib.externals.loky.process_executor": "ProcessPoolExecutor",
}
_OF_MANY = (multiprocessing.pool.mapstar, multiprocessing.pool.starmapstar)  # type: ignore[attr-defined]
_following: dict[int, Submissions] = {}


@contextmanager
def following(watcher: Watcher) -> Iterator[Submissions]:
    """Let `watcher` find the origin of what runs in threads, pools and child processes; once, however often entered."""
    if id(watcher) in _following:
        yield _following[id(watcher)]
        return
    submissions = _following[id(watcher)] = Submissions(watcher)
    try:
        with patching(submissions.libraries()) as patches:
            submissions.patch_python(patches)
            yield submissions
    finally:
        del _following[id(watcher)]


class Submissions:
    """The stand-ins of one replay, and how many tasks each line has submitted."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._counts: Counter[str] = Counter()
        self._lock = threading.RLock()

    def libraries(self) -> dict[str, Callable[[Patches, ModuleType], None]]:
        """What to patch in which module, when it is loaded."""
        executors = {module: functools.partial(self._patch_executor, name) for module, name in _EXECUTORS.items()}
        return {**executors, "multiprocessing.process": self._patch_process, "joblib.parallel": self._patch_joblib}

    def patch_python(self, patches: Patches) -> None:
        """What is loaded whenever anything is patched."""
        patches.wrap(threading.Thread, "start", self._start_thread)
        patches.wrap(os, "fork", self._fork)
        patches.wrap(multiprocessing.pool.Pool, "apply_async", self._submit)
        patches.wrap(multiprocessing.pool.Pool, "_guarded_task_generation", self._generate)

    def submitted(self, kind: str) -> Origin | None:
        """The origin of what is submitted now: the next of its line within the task that runs; None if no project's.

        Each kind is numbered by itself: how many threads a pool starts for its tasks depends on how fast they are.
        """
        asked = self._watcher.asked()
        if asked is None:
            return None
        key = f"{current_path()}/{kind} {asked.file}:{asked.line}"
        with self._lock:
            number = self._counts[key]
            self._counts[key] += 1
        return Origin(asked.file, asked.line, asked.function, numbered(key, number))

    def _task(self, function: Callable[..., Any]) -> Callable[..., Any]:
        origin = self.submitted("task")
        return function if origin is None else Task(origin, function)

    def _start_thread(self, original: Callable[[Any], None], thread: threading.Thread) -> None:
        origin = self.submitted("thread")
        if origin is not None:
            of_thread(thread, origin)
            _replace("function" if isinstance(thread, threading.Timer) else "_target", thread, origin)
        original(thread)

    def _start_process(self, original: Callable[[Any], None], process: Any) -> None:
        origin = self.submitted("process")
        if origin is not None:
            _replace("_target", process, origin)
        original(process)

    def _patch_executor(self, name: str, patches: Patches, module: ModuleType) -> None:
        patches.wrap(getattr(module, name), "submit", self._submit)

    def _submit(self, original: Callable[..., Any], pool: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        return original(pool, self._task(function), *args, **kwargs)

    def _generate(
        self, original: Any, pool: Any, job: Any, function: Callable[..., Any], tasks: Iterable[Any]
    ) -> Iterable[Any]:
        """What a pool of `multiprocessing` puts in its queue for one `map`; it asks for the tasks in another thread."""
        origin = self.submitted("task")
        made: Iterable[Any] = original(pool, job, function, tasks)
        return made if origin is None else _as_tasks(origin, made)

    def _patch_process(self, patches: Patches, module: ModuleType) -> None:
        patches.wrap(module.BaseProcess, "start", self._start_process)

    def _fork(self, original: Callable[[], int]) -> int:
        origin = self.submitted("process")
        number = original()
        if number == 0 and origin is not None:
            of_process(origin)
        return number

    def _patch_joblib(self, patches: Patches, module: ModuleType) -> None:
        def call(original: Callable[..., Any], parallel: Any, iterable: Iterable[Any]) -> Any:
            origin = self.submitted("task")
            if origin is None:
                return original(parallel, iterable)
            # One by one, whatever batches they are sent in: their size follows from how long tasks take.
            tasks = ((Task(origin.part(i), each[0]), *each[1:]) for i, each in enumerate(iterable))
            return original(parallel, list(tasks) if hasattr(iterable, "__len__") else tasks)

        patches.wrap(module.Parallel, "__call__", call)


def _replace(name: str, starter: Any, origin: Origin) -> None:
    """What a thread or process is to call becomes a task."""
    function = vars(starter).get(name)
    if function is not None:
        setattr(starter, name, Task(origin, function))


def _as_tasks(origin: Origin, made: Iterable[Any]) -> Iterator[Any]:
    for job, number, function, args, kwargs in made:
        part = origin.part(number)
        if function in _OF_MANY:
            # A chunk of them: it is the user's function that each of them is due to.
            ((inner, chunk),) = args
            yield job, number, function, ((Task(part, inner), chunk),), kwargs
        else:
            yield job, number, Task(part, function), args, kwargs
