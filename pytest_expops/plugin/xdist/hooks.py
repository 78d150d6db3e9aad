"""The hooks of a distributed session; registered only where pytest-xdist is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_expops.execution.interpreter_end import OomKills, since
from pytest_expops.plugin.durations import Durations
from pytest_expops.plugin.scheduling.collected import graph_of, write_collected
from pytest_expops.plugin.scheduling.scheduler import GraphScheduling
from pytest_expops.plugin.state import SessionState

GRAPH_MODES = ("load", "worksteal")
"""Values of `--dist` under which any worker may run any item; the others say which worker runs what, and keep it."""


class ControllerHooks:
    """Sends each worker the path of the session's folder, and says how one has died."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._oom_kills: dict[str, OomKills | None] = {}
        """What the kernel had counted when each item began that runs at the moment."""

    def pytest_configure_node(self, node: Any) -> None:
        """Runs in the controller for every worker that is about to start, replacements included."""
        node.workerinput["expops_folder"] = str(self._state.folder)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """An item has started on some worker."""
        self._oom_kills[nodeid] = OomKills.now()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """An item has reported everything."""
        self._oom_kills.pop(nodeid, None)

    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """A worker died of an item: say how, and if it was ended for a process that ran too long, where that was."""
        code, oom_kills = _exit_status(report.node), since(self._oom_kills.get(crashitem))
        known = self._state.died(crashitem, report.node.gateway.id, code, oom_kills)
        if known:
            report.longrepr = f"{known}\n{report.longrepr}"


def _exit_status(node: Any) -> int | None:
    """Return the exit status of the process of a worker, which has ended or is about to; None for one elsewhere."""
    process = getattr(getattr(node.gateway, "_io", None), "popen", None)
    if process is None or not node.gateway.spec.popen:
        return None
    try:
        status: int = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return None
    return status


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
