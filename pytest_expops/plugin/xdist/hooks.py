"""The hooks of a distributed session; registered only where pytest-xdist is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_expops.plugin.durations import Durations
from pytest_expops.plugin.scheduling.collected import graph_of, write_collected
from pytest_expops.plugin.scheduling.scheduler import GraphScheduling
from pytest_expops.plugin.state import SessionState

GRAPH_MODES = ("load", "worksteal")
"""Values of `--dist` under which any worker may run any item; the others say which worker runs what, and keep it."""


class ControllerHooks:
    """Sends each worker the path of the session's folder."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def pytest_configure_node(self, node: Any) -> None:
        """Runs in the controller for every worker that is about to start, replacements included."""
        node.workerinput["expops_folder"] = str(self._state.folder)

    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """A worker died of an item: if it was ended for a process that ran too long, say so, and where that was."""
        failure = self._state.ended_for_time(crashitem)
        if failure is not None:
            report.longrepr = f"{failure.summary}\n{failure.traceback}\n{report.longrepr}"


class SchedulerHooks:
    """Makes the scheduler, and passes on to it what xdist's own calls do not."""

    def __init__(self, state: SessionState, durations: Durations) -> None:
        self._state = state
        self._durations = durations
        self._workers = 0
        self._scheduler: GraphScheduling | None = None

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """So many workers begin the session."""
        self._workers = len(specs)

    def pytest_configure_node(self, node: Any) -> None:
        """Have the worker append the filler."""
        node.workerinput["expops_filler"] = True

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> GraphScheduling:
        """In place of xdist's own."""
        self._scheduler = GraphScheduling(
            config,
            log,
            graph=lambda ids: graph_of(self._state.folder, self._state.sessions, ids),
            workers=self._workers,
            history=self._durations.history,
            report_difference=lambda *found: _report_difference(config, *found),
        )
        self._durations.listeners.append(self._scheduler.measured)
        return self._scheduler

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """An item has started on some worker."""
        if self._scheduler is not None:
            self._scheduler.started(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """An item has reported everything."""
        if self._scheduler is not None:
            self._scheduler.ended(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_handlecrashitem(self) -> Iterator[Any]:
        """When all plugins have had the chance to ask for another run of an item that a worker died of."""
        result = yield
        if self._scheduler is not None:
            self._scheduler.release_crashed()
        return result


class WorkerHooks:
    """Writes down what the controller needs to know of a worker's items."""

    def __init__(self, state: SessionState, fixtures: Mapping[str, str]) -> None:
        self._state = state
        self._fixtures = fixtures

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Before xdist sends the ids."""
        write_collected(self._state.folder, session.items, self._fixtures)


def graph_scheduling(config: pytest.Config) -> bool:
    """Return whether the mode of distribution leaves it to the scheduler which worker runs what."""
    return config.getoption("dist", "no") in GRAPH_MODES


def _report_difference(
    config: pytest.Config, first: Any, expected: Sequence[str], other: Any, obtained: Sequence[str]
) -> None:
    from xdist.report import report_collection_diff  # type: ignore[import-untyped] # it ships no types

    message = report_collection_diff(expected, obtained, first.gateway.id, other.gateway.id)
    if message:
        report = pytest.CollectReport(nodeid=other.gateway.id, outcome="failed", longrepr=message, result=[])
        config.hook.pytest_collectreport(report=report)
