"""How long each item took when it last did its work, remembered between sessions in pytest's cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any

import pytest

from pytest_expops.plugin.node_ids import split_node_id

MakesReport = Generator[None, pytest.TestReport, pytest.TestReport]

KEY = "expops/durations"
DIGITS = 4


class Durations:
    """Registered in the process that reports: the controller, or the only one.

    Only real work counts: not what was skipped or failed, nor a process whose record was there already.
    `listeners` are called with every measurement: node id and seconds.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.history = read_history(config)
        self.listeners: list[Callable[[str, float], None]] = []
        self._measured: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the phases of an item."""
        node_id = report.nodeid
        if report.when == "setup":
            if report.passed:
                self._running[node_id] = report.duration
            return
        seconds = self._running.get(node_id)
        if seconds is None:
            return
        seconds += report.duration
        if report.when == "call" and report.passed and getattr(report, "expops_worked", True):
            self._running[node_id] = seconds
        elif report.when == "teardown" and report.passed:
            del self._running[node_id]
            self.measured(node_id, seconds)
        else:
            del self._running[node_id]

    def measured(self, node_id: str, seconds: float) -> None:
        """An item has done its work, here or elsewhere, in so many seconds."""
        self._measured[node_id] = round(seconds, DIGITS)
        for listener in self.listeners:
            listener(node_id, seconds)

    def pytest_sessionfinish(self) -> None:
        """Keep what was measured, beside what is known of items that did not run and whose file is still there."""
        cache = getattr(self._config, "cache", None)
        if cache is None or not self._measured:
            return

        @functools.cache
        def is_there(name: str) -> bool:
            return (self._config.rootpath / name).is_file()

        kept = {each: seconds for each, seconds in self.history.items() if is_there(split_node_id(each, is_there)[0])}
        cache.set(KEY, kept | self._measured)


class WorkMarks:
    """Says in the report of an item of ours that it found its work done, by setting `expops_worked` to false."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> MakesReport:
        """Attributes of a report reach the controller with it."""
        report = yield
        if call.when == "call" and not getattr(item, "worked", True):
            report.expops_worked = False  # type: ignore[attr-defined] # pytest's reports take extra attributes
        return report


def read_history(config: pytest.Config) -> dict[str, float]:
    """Return seconds by node id, of earlier sessions; empty without pytest's cache, or if that holds something else."""
    cache = getattr(config, "cache", None)
    found: Any = cache.get(KEY, {}) if cache is not None else {}
    if not isinstance(found, dict):
        return {}
    return {
        node_id: float(seconds)
        for node_id, seconds in found.items()
        if isinstance(seconds, int | float) and 0 <= seconds < float("inf")
    }
