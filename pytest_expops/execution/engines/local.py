"""The engine of sessions without a cluster: what is asked for is made by the process that asks, or a child of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_expops.execution.engines.base import Work
from pytest_expops.execution.records import RunRecord


class LocalEngine:
    """Makes runs by `run` and verdicts by `judge`, when they are asked for; pytest-xdist's workers each have one."""

    def __init__(self, run: Callable[[Work], RunRecord | None], judge: Callable[[Work], Mapping[str, Any]]) -> None:
        self._run = run
        self._judge = judge

    def begin(self, work: Iterable[Work]) -> None:
        """Nothing is begun before it is asked for."""

    def ended(self, seconds: float) -> list[Work]:
        """Nothing ends but for whom has asked."""
        return []

    def run(self, work: Work) -> RunRecord | None:
        """Return the record of a first run, if it was made in a child."""
        return self._run(work)

    def verdict(self, work: Work) -> Mapping[str, Any]:
        """Replay a process now."""
        return self._judge(work)

    def cancel(self) -> None:
        """Nothing runs when nobody waits for it."""

    def close(self) -> None:
        """There is nothing to let go of."""
