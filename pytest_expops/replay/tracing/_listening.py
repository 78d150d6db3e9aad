"""What the two ways of watching an interpreter tell, and whom: a listener hears of the calls of project functions."""

from __future__ import annotations

import enum
import threading
from collections import Counter
from types import FrameType
from typing import Any, Protocol

from pytest_expops.replay.tracing._codes import CodeInfo, Key

UNKNOWN = "exception"
"""The name of an exception that the interpreter does not tell."""


class Watch(enum.Enum):
    """What a listener wants to hear of a call that has begun."""

    CALL = enum.auto()
    """How it goes on."""
    LINES = enum.auto()
    """That, and every line that it runs."""
    NOTHING = enum.auto()
    """Nothing, neither of this call nor of any later one of the same code."""


class Listener(Protocol):
    """Called in the thread where it happens, while the interpreter tells nobody of anything in that thread."""

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        """A call begins; a generator at its first `next`."""

    def resumed(self, frame: FrameType, info: CodeInfo) -> Watch:
        """A generator or coroutine goes on."""

    def yielded(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        """A generator or coroutine hands out a value, and is suspended."""

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        """A call ends."""

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        """A call ends by an exception of this name."""

    def line(self, frame: FrameType) -> None:
        """A frame of which the lines are wanted is about to run its line `frame.f_lineno`."""


class Backend(Protocol):
    """One way of watching the interpreter, from `start` to `stop`."""

    def start(self) -> bool:
        """Begin; False where this way is not open."""

    def stop(self) -> str:
        """End, and leave the interpreter's hooks as they were found; says what came between, if anything did."""


class Numbers:
    """Numbers the calls of each function (see `Target`). The thread that makes this is the first one."""

    def __init__(self) -> None:
        self._first = threading.get_ident()
        self._counts: Counter[tuple[Key, str]] = Counter()
        self._lock = threading.Lock()

    def in_first_thread(self) -> bool:
        """Whether the thread that asks is the one that began."""
        return threading.get_ident() == self._first

    def next(self, key: Key, inputs: str) -> int:
        """The number of a call that begins."""
        with self._lock:
            self._counts[key, inputs] += 1
            return self._counts[key, inputs]


def inputs_digest(arguments: dict[str, str]) -> str:
    """One text for all arguments of a call."""
    return ";".join(f"{name}={digest.partition('~')[0]}" for name, digest in sorted(arguments.items()))
