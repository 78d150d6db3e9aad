"""What an engine must do: make the runs and replays of a session, here or elsewhere, and tell what has become of them.

Whoever wants a result asks for it by its `Work`, and waits. An engine that works elsewhere may be told ahead what will
be asked for, so that it begins with it, and tells what has ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.records import RunRecord

NOBODY = "no worker"
"""In place of the name of a worker, in the record of a process with which none is known to have begun."""


class EngineLost(ExpopsError):
    """An engine can do nothing any more: the scheduler is gone, say, or no worker comes."""


class WorkLost(ExpopsError):
    """A worker could not make what it was asked for, and has left nothing."""


class OwnerLost(WorkLost):
    """Another worker had begun with it, and has left nothing."""


class WorkRefused(WorkLost):
    """A worker can make nothing for this session: it has other libraries, say."""


@dataclass(frozen=True, slots=True)
class Work:
    """The first run of the expanded process `name` of the pipeline in `config`, or, if `replays`, the verdict on it."""

    config: Path
    name: str
    replays: bool = False


class Engine(Protocol):
    """Makes runs and replays."""

    def begin(self, work: Iterable[Work]) -> None:
        """Take note of what will be asked for, upstream first, and begin with it where that is done elsewhere."""

    def ended(self, seconds: float) -> list[Work]:
        """Wait at most so long for something to end, and return what has ended since this was asked last.

        Raises:
            EngineLost: nothing will.
        """

    def run(self, work: Work) -> RunRecord | None:
        """Return the record of a first run whose upstream has passed; None if whoever asks is to make it himself.

        Raises:
            EngineLost: there will be none.
        """

    def verdict(self, work: Work) -> Mapping[str, Any]:
        """Return the verdict on a process, as plain data, with its diagnosis.

        Raises:
            EngineLost: there will be none.
        """

    def cancel(self) -> None:
        """End all that runs elsewhere, and wait until it has ended."""

    def close(self) -> None:
        """Let go of all that was started for this session."""
