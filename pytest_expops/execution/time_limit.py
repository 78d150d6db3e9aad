"""How long a process may run: it is interrupted, and where it cannot be, its interpreter is ended.

A signal interrupts Python code, and calls of the system that wait. Compiled code that does not come back to Python it
does not; then `faulthandler` writes where all threads are, and ends the interpreter.
"""

from __future__ import annotations

import bdb
import faulthandler
import functools
import itertools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter  # the true one, whatever becomes of `time.perf_counter`

from pytest_expops.errors import ProcessTimeout
from pytest_expops.execution.records import Failure, file_name

GRACE = 5.0
"""So many seconds after it was to be interrupted, an interpreter is ended. Who has caught it is interrupted again."""
_OURS = str(Path(__file__).parents[1])
MOST_FRAMES = 15
"""So many of the latest calls of another thread are shown."""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The seconds that one run may take, and the file that says where it was if its interpreter had to be ended."""

    seconds: float
    place: Path

    @classmethod
    def of(cls, seconds: float, folder: Path, name: str, attempt: int) -> TimeLimit:
        """Return that of one run of the process `name`, whose session has this folder."""
        return cls(seconds, folder / "stacks" / f"{file_name(name)}-{attempt}")

    @contextmanager
    def kept(self, terminal: int | None = None) -> Iterator[None]:
        """Let the block take no longer, in the thread that signals interrupt.

        Args:
            terminal: where it is told that the interpreter is ended, in place of the file, if nobody will read that.

        Raises:
            ProcessTimeout: it has taken longer.
        """
        self.place.parent.mkdir(parents=True, exist_ok=True)
        with open(self.place, "wb") as file:
            faulthandler.dump_traceback_later(
                self.seconds + GRACE, exit=True, file=file.fileno() if terminal is None else terminal
            )
            try:
                with self._interrupting():
                    yield
            finally:
                faulthandler.cancel_dump_traceback_later()
        self.place.unlink(missing_ok=True)

    @contextmanager
    def _interrupting(self) -> Iterator[None]:
        before = set(sys._current_frames())
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or 0 < left < self.seconds:  # what another has set comes first, and interrupts as well
            yield
            return
        begin = perf_counter()

        def interrupt(*_: object) -> None:
            if _is_debugged():
                faulthandler.cancel_dump_traceback_later()
                return
            raise ProcessTimeout(self.text + stacks_of(set(sys._current_frames()) - before))

        handler = signal.signal(signal.SIGALRM, interrupt)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, self.seconds, GRACE)
                yield
            except ProcessTimeout as error:
                _end_where_it_was(error)
                raise
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.signal(signal.SIGALRM, handler)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - (perf_counter() - begin), 0.001), interval)

    @property
    def text(self) -> str:
        """Say what happened, in one line."""
        return f"it ran longer than the {self.seconds:g} s that it may take"

    def failure(self) -> Failure | None:
        """Return why a run failed whose interpreter was ended; None if that was not for its time."""
        try:
            stacks = self.place.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        if not stacks:
            return None
        message = f"{self.text}, and could not be interrupted: its interpreter was ended"
        return Failure(ProcessTimeout.__name__, message, _without_ours(stacks))


def _without_ours(stacks: str) -> str:
    """Return the stacks of `faulthandler`, the latest call first, up to where ours begin."""
    told = []
    for thread in stacks.rstrip().split("\n\n"):
        head, *calls = [line for line in thread.splitlines() if not line.startswith("Timeout (")]
        told += [head, *itertools.takewhile(lambda call: f'"{_OURS}' not in call, calls)]
    return "\n".join(told)


def _is_debugged() -> bool:
    """Whether somebody looks at the process in a debugger, who may take longer."""
    return isinstance(getattr(sys.gettrace(), "__self__", None), bdb.Bdb) or "pydevd" in sys.modules


def _end_where_it_was(error: ProcessTimeout) -> None:
    """Take the last call off the traceback, which is ours, and not the process's."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None and last.tb_next.tb_next is not None:
        last = last.tb_next
    if last is not None:
        last.tb_next = None


@functools.cache
def terminal() -> int | None:
    """Return a descriptor that goes on to lead where standard error leads now, whatever is captured later."""
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return None


def stacks_of(threads: set[int]) -> str:
    """Say where some threads are, each on lines of its own; empty without any."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    told = ""
    for ident in sorted(threads & frames.keys()):
        calls = "".join(traceback.format_stack(frames[ident])[-MOST_FRAMES:])
        told += f"\nthread {names.get(ident, ident)}, which it started, is at:\n{calls.rstrip()}"
    return told
