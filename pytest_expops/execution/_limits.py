"""What each run of a pipeline may take: what its process says, or else what the session says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pytest_expops.execution.memory_limit import MemoryLimit
from pytest_expops.execution.records import Failure
from pytest_expops.execution.time_limit import TimeLimit
from pytest_expops.pipeline.model import ExpandedProcess


class Limits:
    """The limits of runs whose session has this folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.timeout = 0.0
        """How many seconds a run may take where its process does not say; 0 for as long as it likes."""
        self.memory = 0
        """How many bytes, likewise."""
        self.terminal: int | None = None
        """Where it is told that this interpreter is ended because of a run, if no other is there to tell it."""

    @contextmanager
    def kept(self, each: ExpandedProcess, attempt: int) -> Iterator[None]:
        """Let the block, one run of a process, take no more.

        Raises:
            ProcessTimeout, ProcessMemoryError: it has.
        """
        time_limit, memory_limit = self.time(each, attempt), self._memory(each, attempt)
        with ExitStack() as stack:
            if time_limit is not None:
                stack.enter_context(time_limit.kept(self.terminal))
            if memory_limit is not None:
                stack.enter_context(memory_limit.kept())
            yield

    def time(self, each: ExpandedProcess, attempt: int) -> TimeLimit | None:
        """Return how long a run may take, if there is a limit."""
        seconds = self.timeout if each.process.timeout is None else each.process.timeout
        return TimeLimit.of(seconds, self._folder, each.name, attempt) if seconds else None

    def _memory(self, each: ExpandedProcess, attempt: int) -> MemoryLimit | None:
        most = self.memory if each.process.memory is None else each.process.memory
        return MemoryLimit.of(most, self._folder, each.name, attempt) if most else None

    def ended_for_time(self, each: ExpandedProcess, attempt: int) -> Failure | None:
        """Return why a run failed whose interpreter was ended; None if that was not for its time."""
        limit = self.time(each, attempt)
        return limit.failure() if limit is not None else None

    def memory_in_force(self, each: ExpandedProcess, attempt: int) -> str:
        """Return the memory limit in words, if a run had one when its interpreter ended; empty if not."""
        limit = self._memory(each, attempt)
        return limit.in_force() if limit is not None else ""
