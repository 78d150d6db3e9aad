"""The hooks that feed the live line. At `-n 0` they draw it too; under xdist a thread of the controller does.

There is no thread in a process that runs the user's code: where that forks, the child might find a lock held.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import pytest

from pytest_expops.plugin.durations import Durations
from pytest_expops.plugin.progress._line import LiveLine, watchable
from pytest_expops.plugin.progress._plan import plan
from pytest_expops.plugin.progress._reporter import may_draw
from pytest_expops.plugin.progress._tally import Tally
from pytest_expops.plugin.progress._time_left import TimeLeft
from pytest_expops.plugin.state import SessionState
from pytest_expops.unpatched import UNPATCHED

INTERVAL = 0.1
"""Seconds between two drawings."""
PHASES = ("setup", "call", "teardown")


class LiveProgress:
    """To be registered in the process that reports. Nothing is drawn before the first item starts."""

    def __init__(self, config: pytest.Config, state: SessionState, durations: Durations, *, any_reporter: bool) -> None:
        """`any_reporter`: also where another plugin has replaced pytest's reporter."""
        self._config = config
        self._state = state
        self._durations = durations
        self._any_reporter = any_reporter
        # A thread may draw where the user's code runs in other processes.
        self._distributes = config.getoption("dist", "no") != "no" or state.options.engine.name != "local"
        self._lock = threading.RLock()
        self._line: LiveLine | None = None
        self._tally: Tally | None = None
        self._workers: set[Any] = set()
        self._begun = False
        self._drawn = float("-inf")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """The line lives as long as the loop."""
        if not may_draw(self._config, any_reporter=self._any_reporter):
            self._config.pluginmanager.unregister(self)
            return (yield)
        streams = dict.fromkeys(each for each in (sys.stdout, sys.stderr) if watchable(each))
        end = threading.Event()
        with LiveLine(*streams, lock=self._lock) as self._line:
            ticker = threading.Thread(target=self._tick, args=(end,), name="expops-progress", daemon=True)
            if self._distributes:
                ticker.start()
            try:
                return (yield)
            finally:
                end.set()
                if self._distributes:
                    ticker.join(timeout=1)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the line, as all items are known; a controller collects nothing."""
        self._collected(session, [item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """A worker has collected, and will run items."""
        self._collected(node, ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended, or has died."""
        with self._lock:
            self._workers.discard(node)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """An item starts."""
        if self._tally is None:
            return
        with self._lock:
            self._tally.started(nodeid)
            self._begun = True
        if not self._distributes:
            # Who draws only when something happens must have drawn before a long item, or one that might be.
            due = UNPATCHED.monotonic() - self._drawn >= INTERVAL
            if due or not self._tally.time_left.short(nodeid, INTERVAL):
                self._draw()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An item may have failed; or its worker has died, and it will not be heard of again."""
        if self._tally is None or not report.failed:
            return
        with self._lock:
            self._tally.failed(report.nodeid)
            if report.when not in PHASES:
                self._tally.over(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """An item is over."""
        if self._tally is not None:
            with self._lock:
                self._tally.over(nodeid)

    def begun_elsewhere(self, node_id: str, workers: Iterable[str]) -> None:
        """What an item waits for has begun; all workers of a cluster that are known by now."""
        with self._lock:
            self._workers = set(workers)
            if self._tally is not None:
                self._tally.started(node_id)
                self._begun = True

    def _collected(self, worker: Any, ids: Sequence[str]) -> None:
        with self._lock:
            self._workers.add(worker)
            if self._tally is None:
                planned = plan(ids, self._config.rootpath, self._state.sessions)
                self._tally = Tally(planned, TimeLeft(planned, self._durations.history))
                self._durations.listeners.append(self._measured)

    def _measured(self, node_id: str, seconds: float) -> None:
        with self._lock:
            if self._tally is not None:
                self._tally.time_left.measured(node_id, seconds)

    def _tick(self, end: threading.Event) -> None:
        while not end.wait(INTERVAL):
            try:
                self._draw()
            except (OSError, ValueError):  # the terminal is gone
                return

    def _draw(self) -> None:
        with self._lock:
            if self._line is not None and self._tally and self._begun:
                self._line.show(self._tally.line(len(self._workers)))
                self._drawn = UNPATCHED.monotonic()
