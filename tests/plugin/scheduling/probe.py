"""A conftest with a scheduler that plays a fixed part, and writes down in `log.json` what it is told, and when."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

LOG: list[tuple[Any, ...]] = []
EXTRA = 5
IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ


def log(*entry: Any) -> None:
    LOG.append(entry)
    Path("log.json").write_text(json.dumps(LOG), encoding="utf-8")


class Extra(pytest.Item):
    """Appended by the worker after its ids were sent."""

    def runtest(self) -> None:
        with open("extra.txt", "a", encoding="utf-8") as file:
            file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")


class Probe:
    """Plays its part with the first worker, an event at a time; the second one is idle."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.collected: list[Any] = []
        self.finished = False
        self.part: Iterator[None] | None = None

    def tell(self, *event: Any) -> None:
        log(*event)
        if self.part is not None:
            next(self.part, None)

    @property
    def collection_is_completed(self) -> bool:
        return len(self.collected) >= 2

    @property
    def has_pending(self) -> bool:
        return not self.finished

    @property
    def tests_finished(self) -> bool:
        log("tests_finished?")
        return self.finished

    def add_node(self, node: Any) -> None:
        log("add_node", node.gateway.id)
        self.nodes.append(node)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        log("add_node_collection", node.gateway.id, list(collection))
        self.collected.append(node)

    def schedule(self) -> None:
        log("schedule", len(self.collected))
        if self.part is None:
            self.first = self.collected[0]
            self.part = self.play_first(self.first)
        else:
            self.part = self.play_last(self.collected[-1])
        next(self.part)

    def play_first(self, node: Any) -> Iterator[None]:
        node.send_runtest_some([0])
        for _ in range(4):
            node.send_steal([4])
            yield
            time.sleep(0.05)
        log("send the next")
        node.send_runtest_some([EXTRA])
        while LOG[-1][0] != "complete":
            yield
        node.send_runtest_some([1, 2, 4, EXTRA])
        while LOG[-1] != ("logstart", "test_it.py::test_second"):
            yield
        node.send_steal([4, 2])
        yield
        node.send_steal([4])
        yield
        Path("go").touch()
        while list(LOG[-1][:3]) != ["complete", node.gateway.id, 2]:
            yield
        node.send_runtest_some([3, EXTRA])
        while True:
            yield

    def play_last(self, node: Any) -> Iterator[None]:
        node.send_runtest_some([4, EXTRA, EXTRA, EXTRA])
        node.shutdown()
        log("shutting_down", node.shutting_down)
        try:
            self.first.send_runtest_some([0])
        except OSError:
            log("OSError")
        while [entry[:3] for entry in LOG].count(("complete", node.gateway.id, EXTRA)) < 3:
            yield
        self.finished = True
        yield

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        self.tell("complete", node.gateway.id, item_index, duration >= 0)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        self.tell("unscheduled", node.gateway.id, list(indices))

    def remove_node(self, node: Any) -> str | None:
        log("remove_node", node.gateway.id, node.shutting_down)
        if node not in self.nodes:
            raise KeyError(node)
        self.nodes.remove(node)
        return "test_it.py::test_deadly" if node is self.first else None


PROBE = Probe()


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler() -> Probe:
    return PROBE


def pytest_xdist_setupnodes(specs: Sequence[Any]) -> None:
    log("setupnodes", len(specs))


def pytest_configure_node(node: Any) -> None:
    node.workerinput["probe"] = {"a": [1, node.gateway.id]}


def pytest_configure(config: pytest.Config) -> None:
    if IN_WORKER and config.workerinput["workerid"] == "gw2":  # type: ignore[attr-defined] # xdist's
        os._exit(3)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> Iterator[None]:
    yield
    if IN_WORKER:
        given = session.config.workerinput  # type: ignore[attr-defined] # xdist's
        Path(f"{given['workerid']}.json").write_text(json.dumps(given["probe"]), encoding="utf-8")
        session.items.append(Extra.from_parent(session, name="extra"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    report.probe_attribute = item.name
    return report


def pytest_runtest_logstart(nodeid: str) -> None:
    if not IN_WORKER:
        PROBE.tell("logstart", nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    if not IN_WORKER:
        PROBE.tell("logfinish", nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not IN_WORKER:
        log("report", report.nodeid, report.when, getattr(report, "probe_attribute", None))


def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    log("handlecrashitem", crashitem, report.outcome, sched is PROBE)
