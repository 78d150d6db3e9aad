"""What a worker tells of our items comes as one message, and makes the controller do what the many would."""

from __future__ import annotations

import contextlib
import enum
import json
import pickle
import queue
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.plugin.items._process import ProcessItem
from pytest_expops.plugin.xdist.messages import NAME, NotPlain, Outbox, accept, packed, unpacked
from tests.conftest import Project

atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
plain = st.recursive(
    atoms,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@given(arguments=st.dictionaries(st.text(), plain))
def test_plain_data_arrives_as_it_was_sent(arguments: dict[str, Any]) -> None:
    events = [("testreport", arguments), ("logfinish", {})]
    arrived = unpacked(packed(events))
    assert arrived == events
    assert repr(arrived) == repr(events), "a tuple is no list, True is no 1"


@pytest.mark.parametrize(
    "value",
    [Number.ONE, Text("a"), np.float64(1.0), np.ones(2), Path("a"), len, Number, object(), deque()],
    ids=lambda value: type(value).__name__,
)
def test_what_xdist_would_refuse_or_change_is_not_packed(value: object) -> None:
    """A NumPy number is a float, and of an IntEnum only the number would arrive."""
    with pytest.raises(NotPlain):
        packed([("testreport", {"data": {"user_properties": [("a", value)]}})])


def test_bytes_that_name_a_function_are_not_followed() -> None:
    with pytest.raises(pickle.UnpicklingError, match="in a message of plain data"):
        unpacked(pickle.dumps([("logfinish", {"nodeid": exit})]))


class Lockable:
    """As xdist's worker has one since 3.7."""

    def __init__(self) -> None:
        self.items: deque[int] = deque()

    def put(self, index: int) -> None:
        self.items.append(index)

    @contextlib.contextmanager
    def lock(self) -> Iterator[deque[int]]:
        yield self.items


class Told:
    """A worker of two items, one of ours and an ordinary test, and what it sent: lists of the names of events."""

    OURS, TEST = 0, 1

    def __init__(self, make_queue: type[Any]) -> None:
        self.sent: list[list[str]] = []
        self.torun = make_queue()
        self.item_index = self.OURS
        ours = ProcessItem.__new__(ProcessItem)
        self._outbox = Outbox(self, [ours, SimpleNamespace()])  # type: ignore[list-item]

    def sendevent(self, name: str, **arguments: Any) -> None:
        self.sent.append([each for each, _ in unpacked(arguments["data"])] if name == NAME else [name])

    def tell(self, name: str, outcome: str = "passed", **arguments: Any) -> None:
        data = {"outcome": outcome, **arguments}
        self._outbox.sendevent(name, **({"data": data} if name == "testreport" else {}))

    def run(self, index: int) -> None:
        self.item_index = index
        for name in ("logstart", "testreport", "testreport", "testreport", "logfinish", "runtest_protocol_complete"):
            self.tell(name)


@pytest.fixture(params=[Lockable, queue.Queue])
def told(request: pytest.FixtureRequest) -> Told:
    """A worker of the one and of the other xdist."""
    return Told(request.param)


ALL = ["testreport", "testreport", "testreport", "logfinish", "runtest_protocol_complete"]


def test_all_of_an_item_comes_with_the_start_of_the_next(told: Told) -> None:
    told.torun.put(Told.OURS)
    told.run(Told.OURS)
    assert told.sent == [["logstart"]]
    told.run(Told.OURS)
    assert told.sent == [["logstart"], [*ALL, "logstart"]]


def test_nothing_is_held_while_the_worker_waits(told: Told) -> None:
    told.run(Told.OURS)
    assert told.sent == [["logstart"], ALL]


def test_what_is_asked_of_the_worker_meanwhile_it_answers_after_what_it_held(told: Told) -> None:
    """Without this the controller might wait for an item that the worker has ended, and the worker for another."""
    told.torun.put(Told.OURS)
    told.run(Told.OURS)
    told.torun = type(told.torun)()  # by another thread, that of xdist's receiver
    told.tell("unscheduled")
    assert told.sent == [["logstart"], [*ALL, "unscheduled"]]


def test_a_failure_is_told_at_once(told: Told) -> None:
    told.torun.put(Told.OURS)
    for name, outcome in (("logstart", ""), ("testreport", "passed"), ("testreport", "failed")):
        told.tell(name, outcome)
    assert told.sent == [["logstart"], ["testreport", "testreport"]]


def test_of_an_ordinary_test_everything_is_told_at_once(told: Told) -> None:
    told.torun.put(Told.OURS)
    told.run(Told.TEST)
    assert told.sent == [["logstart"], *([each] for each in ALL)]
    told.run(Told.OURS)
    told.run(Told.TEST)
    assert told.sent[6:] == [["logstart"], [*ALL, "logstart"], *([each] for each in ALL)]


def test_what_is_not_plain_goes_xdists_own_way(told: Told) -> None:
    told.tell("logstart")
    told.tell("testreport", extra=np.float64(1.0))
    told.tell("logfinish")
    told.tell("workerfinished")
    assert told.sent == [["logstart"], ["testreport"], ["logfinish"], ["workerfinished"]]


def test_the_controller_takes_a_message_apart_and_passes_on_all_others() -> None:
    got: list[Any] = []
    node = SimpleNamespace(process_from_remote=got.append, workerinput={})
    accept(node)
    assert node.workerinput == {NAME: True}
    events = [("logstart", {"nodeid": "a"}), ("logfinish", {"nodeid": "a"})]
    end = object()
    for event in ((NAME, {"data": packed(events)}), events[0], end, broken := (NAME, {"data": b"no pickle"})):
        node.process_from_remote(event)
    assert got == [*events, events[0], end, broken]


def test_a_controller_that_is_not_as_we_know_it_is_left_alone() -> None:
    node = SimpleNamespace(workerinput={})
    accept(node)
    assert vars(node) == {"workerinput": {}}


SCRIPT = """
import os, signal, sys

def load():
    return {"x": 1}

def seeds(x):
    print("printed", x)
    return {"x": x}

def train(x, random_seed):
    if random_seed == 2:
        raise ValueError("no such model")
    if random_seed == 3 and os.environ.get("KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"w": x}
"""
SEEDS = {"seeds": {"seed_parallelism": {"seeds": [1, 2, 3]}}}
WATCH = """
import json, os, pytest
from pytest_expops.plugin.xdist import messages

TOLD, WIRE = [], []

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if "PLAIN" in os.environ:
        messages.accept = None
        import pytest_expops.plugin.xdist.hooks as hooks
        hooks.accept = lambda node: None

@pytest.hookimpl(trylast=True, optionalhook=True)
def pytest_configure_node(node):
    process = node.process_from_remote
    def note(event):
        if isinstance(event, tuple):
            WIRE.append(event[0])
        process(event)
    node.process_from_remote = note

def pytest_runtest_logstart(nodeid, location):
    TOLD.append(["start", nodeid, location])

def pytest_runtest_logfinish(nodeid, location):
    TOLD.append(["finish", nodeid, location])

def pytest_runtest_logreport(report):
    TOLD.append([
        report.when, report.nodeid, report.outcome, sorted(report.keywords), report.sections, report.location,
        [name for name, _ in report.user_properties], report.longreprtext, getattr(report, "mark", None),
        type(report.location).__name__, getattr(report, "worker_id", None),
    ])

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.mark = {"of": (item.name, 1)}
    return report

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        with open("told.json", "w") as file:
            json.dump([TOLD, WIRE], file)
"""


@pytest.fixture
def watched(project: Project) -> Project:
    """load -> seeds 1, 2, 3 -> train, which fails with the second."""
    project.write("load seeds\nseeds train", SCRIPT, SEEDS)
    project.pytester.makeconftest(WATCH)
    return project


def told_by(project: Project, *args: str) -> tuple[list[list[Any]], list[str]]:
    """By a single worker in the order of collection, so that the order is not one of durations."""
    project.run("-n1", "--expops-schedule=xdist", *args, subprocess=True)
    told, wire = json.loads((project.root / "told.json").read_text(encoding="utf-8"))
    return told, wire


@pytest.mark.parametrize(
    "args",
    [(), ("-rA", "-v", "--expops-replay=none"), ("--dist", "loadfile", "--expops-replay=none"), ("-x",)],
    ids=" ".join,
)
def test_the_controller_is_told_the_same_in_the_same_order(
    watched: Project, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, wire = told_by(watched, *args)
    monkeypatch.setenv("PLAIN", "1")
    plainly, many = told_by(watched, *args)
    assert told == plainly
    assert NAME in wire
    assert NAME not in many
    assert "testreport" not in wire, "all of them are in other messages"
    assert many.count("testreport") == sum(entry[0] in ("setup", "call", "teardown") for entry in told)


def test_what_a_worker_died_of_is_known(watched: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILL", "1")
    told, _ = told_by(watched, "--max-worker-restart=1", "--expops-replay=none")
    phases: dict[str, list[str]] = {}
    for entry in told:
        phases.setdefault(entry[1].rpartition("::")[2], []).append(entry[0])
    whole = ["start", "setup", "call", "teardown", "finish"]
    assert phases.pop("train_seed3") == ["start", "???"]
    assert set(map(tuple, phases.values())) == {tuple(whole)}
    assert len(phases) == 4


def test_a_property_that_cannot_be_sent_is_refused_by_xdist(watched: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.pytester.makeconftest(WATCH.replace('{"of": (item.name, 1)}', "object()"))
    found = []
    for _ in range(2):
        text = watched.run("-n1", "--expops-replay=none", subprocess=True).text
        found.append(re.findall(r"DumpError: .*", text)[:1])
        monkeypatch.setenv("PLAIN", "1")
    assert found[0] == found[1] != []
