"""Which worker did what: beside a status under `-v`, and in a line at the end. Registered where xdist distributes."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from typing import Any

import pytest

from pytest_expops.execution.records import Outcome, RunRecord

NAME = "expops-worker-times"
MOST_NAMED = 4
"""With more workers than that, only the least and the most that any did."""
SHORTEST = 0.1
"""Seconds of a session below which there is nothing to report."""

WORTH = 10.0
"""Seconds that items took altogether, below which it does not matter that workers are in each other's way."""
THREADS = "expops_threads"
"""The key of a worker's `workeroutput` under which it says with how many threads its libraries compute."""

Status = Any
"""What `pytest_report_teststatus` gives: a category, a letter, and a word, which may come with its colour."""


class WorkerTimes:
    """Adds up for how long each worker was at items, and when the first began and the last ended."""

    def __init__(self) -> None:
        self.busy: dict[str, float] = {}
        """Seconds by worker, over all phases of all items."""
        self._begin, self._end = float("inf"), float("-inf")
        self._threads: dict[str, int] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended."""
        self._threads[node.gateway.id] = getattr(node, "workeroutput", {}).get(THREADS, 1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of an item is over."""
        node = getattr(report, "node", None)
        if node is None or not getattr(report, "start", 0.0):  # the controller makes that of a crash, without times
            return
        worker = node.gateway.id
        self.busy[worker] = self.busy.get(worker, 0.0) + report.duration
        self._begin, self._end = min(self._begin, report.start), max(self._end, report.stop)

    def line(self, records: Iterable[RunRecord]) -> str | None:
        """Return how much each worker did, and which part of the time they were busy; None if it was over at once."""
        elapsed = self._end - self._begin
        if elapsed < SHORTEST:
            return None
        count = Counter(each.worker for each in records if each.outcome is not Outcome.BLOCKED)
        shares = [(worker, count[worker], self.busy[worker]) for worker in sorted(self.busy, key=_number)]
        part = sum(self.busy.values()) / (len(shares) * elapsed)
        workers = f"{len(shares)} worker{'' if len(shares) == 1 else 's'}"
        return f"on {workers}, busy {min(part, 1.0):.0%} of {elapsed:.1f} s: {_listed(shares)}"

    def in_each_others_way(self, processors: int) -> str | None:
        """Return what to do where libraries computed with more threads than there are processors; None otherwise."""
        threads = max(self._threads.values(), default=1)
        if threads == 1 or sum(self._threads.values()) <= processors or sum(self.busy.values()) < WORTH:
            return None
        on = f"on {processors} processor{'' if processors == 1 else 's'}"
        advice = "`OMP_NUM_THREADS=1` may be much faster (last digits may differ)"
        return f"the libraries of each worker computed with {threads} threads, {on}: {advice}"


class NativeThreads:
    """Tells, at the end of a worker, with how many threads its libraries compute."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Ask those that were loaded."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[THREADS] = native_threads()


def native_threads() -> int:
    """Return the most threads that a library computes with, of those that say so; 1 if none was loaded that does."""
    found = [1]
    with contextlib.suppress(Exception):  # a library that is half loaded, or another of this name
        if "threadpoolctl" in sys.modules:
            found += [each["num_threads"] for each in sys.modules["threadpoolctl"].threadpool_info()]
    with contextlib.suppress(Exception):
        if "torch" in sys.modules:
            found.append(sys.modules["torch"].get_num_threads())
    return max(found)


class WhoRan:
    """Says with the status of a process that another worker has run it than the one that reports."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Generator[None, Status, Status]:
        """Amend the word that is shown under `-v`."""
        status = yield
        other = _run_by_another(report)
        if other is None or not status or not status[2]:
            return status
        category, letter, word = status
        told = f"run by {other}"
        shown = f"{word} ({told})" if isinstance(word, str) else (f"{word[0]} ({told})", word[1])
        return category, letter, shown


def _run_by_another(report: pytest.TestReport) -> str | None:
    node = getattr(report, "node", None)
    if node is None or report.when != "call":
        return None
    properties: Mapping[str, object] = dict(report.user_properties)
    worker = properties.get("expops_worker")
    return None if worker is None or worker == node.gateway.id else str(worker)


def _number(worker: str) -> tuple[int, str]:
    """`gw10` comes after `gw9`."""
    return len(worker), worker


def _listed(shares: list[tuple[str, int, float]]) -> str:
    if len(shares) <= MOST_NAMED:
        return "; ".join(f"{worker} {_processes(count)}, {seconds:.1f} s" for worker, count, seconds in shares)
    counts, times = [count for _, count, _ in shares], [seconds for _, _, seconds in shares]
    return f"{min(counts)} to {_processes(max(counts))}, {min(times):.1f} to {max(times):.1f} s each"


def _processes(count: int) -> str:
    return f"{count} process{'' if count == 1 else 'es'}"
