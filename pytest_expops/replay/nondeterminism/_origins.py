"""On whose behalf a thread or child process runs: the line of the project that started it or gave it its task.

The stack of a pool's thread has no line of the project where the task is a library's own function, and the line that
it has where it is the project's says nothing of which task it is. So each task carries its origin with it, also into a
child process. This module imports nothing of the package, since such a child imports it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CodeType
from typing import Any, NamedTuple


class Origin(NamedTuple):
    """The line that submitted a task, and the number of the task as a text: one for each task of a replay.

    The number follows from the order in which one line submits tasks, and not from when or where they run.
    """

    file: str
    line: int
    function: str
    path: str

    def part(self, number: int) -> Origin:
        """The origin of one of several tasks that were submitted together."""
        return self._replace(path=numbered(self.path, number))


def numbered(path: str, number: int | str) -> str:
    """The number of the task that `path` submits as its `number`; of one length, however deep tasks lie in tasks."""
    return hashlib.sha256(f"{path}/{number}".encode()).hexdigest()[:24]


class Task:
    """A function that is called on behalf of the line that submitted it; in all else its double."""

    __slots__ = ("__weakref__", "function", "origin")

    around: Callable[[Origin], AbstractContextManager[object]] | None = None
    """What is done around each task of this process, if anything; a child process has something."""

    def __init__(self, origin: Origin, function: Callable[..., Any]) -> None:
        self.origin = origin
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before = getattr(_here, "origin", None)
        _here.origin = self.origin
        try:
            if Task.around is None:
                return self.function(*args, **kwargs)
            with Task.around(self.origin):
                return self.function(*args, **kwargs)
        finally:
            _here.origin = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return repr(self.function)

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, (self.origin, self.function)


BOUNDARY: CodeType = Task.__call__.__code__
"""Above its frame lies the task, below it what runs tasks: no line there asked for what the task does."""

_ATTRIBUTE = "_expops_origin"
_here = threading.local()
_process: list[Origin] = []


def current() -> Origin | None:
    """The origin of what runs in this thread; None in a thread that nobody was seen to start, as the main thread."""
    found: Origin | None = getattr(_here, "origin", None)
    if found is None:
        # Kept by the thread: the dictionaries of `weakref` may be stood in for by what asks here.
        found = vars(threading.current_thread()).get(_ATTRIBUTE)
    return found or (_process[-1] if _process else None)


def current_path() -> str:
    """The number of the task that runs in this thread; empty where there is none."""
    found = current()
    return found.path if found is not None else ""


def of_thread(thread: threading.Thread, origin: Origin) -> None:
    """From now on a thread runs on behalf of `origin`."""
    vars(thread)[_ATTRIBUTE] = origin


def of_process(origin: Origin) -> None:
    """From now on this process runs on behalf of `origin`."""
    _process[:] = [origin]
    _here.origin = None
