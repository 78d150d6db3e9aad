"""The interpreters of two workers that share nothing but the store, asked as Dask would have them asked."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.engines.base import WorkLost, WorkRefused
from pytest_expops.execution.engines.environment_check import described
from pytest_expops.execution.engines.shared_store import SharedStore
from pytest_expops.plugin.cluster._agent import Agent
from pytest_expops.plugin.cluster._connection import _write_description
from pytest_expops.plugin.cluster._description import DESCRIPTION, key_of, options_from_json
from pytest_expops.plugin.state import Seat, start
from pytest_expops.urls import KEY_VARIABLE
from tests.conftest import Project

KEY = "0123456789abcdef0123456789abcdef"
GIVEN = {"option": "", "value": "rtol=1e-6 atol=1e-9", "source": ""}
OPTIONS: dict[str, Any] = {
    "replay": "all",
    "replays": 1,
    "vary": [],
    "diagnose": False,
    "diagnose_timeout": 10.0,
    "timeout": 0.0,
    "memory_limit": 0,
    "isolate": False,
    "memory": 0,
    "tolerances": [],
    "baseline": {
        "mode": "off",
        "strict": False,
        "force": False,
        "file": {**GIVEN, "value": "x.json"},
        "tolerance": GIVEN,
    },
}
SCRIPT = """
    import os

    import numpy as np

    def ends(data):
        os._exit(3)

    def large(data):
        return {"x": np.arange(100_000.0)}

    def user(x):
        return {"sum": float(x.sum())}

    def last(sum):
        return {"twice": 2 * sum}
"""
MakeAgent = Callable[..., Agent]


@pytest.fixture
def store(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> SharedStore:
    """The store of a session that has been described in it."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    project.write("large user\nuser last\nends", SCRIPT)
    found = SharedStore(str(tmp_path / "store"), "session", KEY.encode())
    state = start(options_from_json(OPTIONS, (project.root / project.config,)), Seat())
    try:
        _write_description(state, found, {"modules": ["numpy"], "environment": described(["numpy"]), "filters": []})
    finally:
        state.close()
    return found


@pytest.fixture
def agents(tmp_path: Path, store: SharedStore) -> Iterator[MakeAgent]:
    made: list[Agent] = []

    def make(name: str, session: str = "session") -> Agent:
        where = {"session": session, "store": str(tmp_path / "store"), "topic": "t", "folder": None}
        ticket = {**where, "variables": {}, "options": []}
        made.append(Agent(ticket, name, os.getpid()))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def ask(agent: Agent, name: str, *, replays: bool = False) -> None:
    agent.ask({"number": 0, "name": name, "replays": replays}, lambda: None)


def test_what_was_only_compared_is_there_for_what_needs_it(agents: MakeAgent, store: SharedStore) -> None:
    one, other = agents("dask-0"), agents("dask-1")
    ask(one, "large")
    ask(one, "user")
    ask(other, "large", replays=True)
    ask(other, "user", replays=True)
    verdicts = [store.read("verdicts", key_of(0, name, replays=True)) for name in ("large", "user")]
    assert [each["status"] for each in verdicts] == ["matched", "matched"]


def end_interpreter(agent: Agent) -> None:
    assert agent._child is not None
    agent._child.kill()
    agent._child.wait()


def test_what_an_interpreter_has_not_fetched_the_next_one_does(
    agents: MakeAgent, store: SharedStore, tmp_path: Path
) -> None:
    one, other = agents("dask-0"), agents("dask-1")
    ask(one, "large")
    ask(one, "user")
    ask(other, "large", replays=True)
    assert other._folder is not None
    assert not [path for path in other._folder.glob("session/*/artifacts/*") if path.stat().st_size > 100_000]
    end_interpreter(other)
    ask(other, "user", replays=True)
    assert store.read("verdicts", key_of(0, "user", replays=True))["status"] == "matched"


def test_on_which_machine_it_was_run_the_next_interpreter_knows_too(agents: MakeAgent, store: SharedStore) -> None:
    one, other = agents("dask-0"), agents("dask-1")
    for each in ("large", "user", "last"):
        ask(one, each)
    record = store.read("records", key_of(0, "user"))
    store.write("records", key_of(0, "user"), {**record, "machine": ["elsewhere", "Other 9000"]})
    ask(other, "last", replays=True)
    end_interpreter(other)
    ask(other, "user", replays=True)
    here = record["machine"][1]
    assert store.read("verdicts", key_of(0, "user", replays=True))["machines"] == ["Other 9000", here]
    assert store.read("verdicts", key_of(0, "last", replays=True))["machines"] == []


def test_what_another_has_made_is_not_made_again(agents: MakeAgent, store: SharedStore) -> None:
    one, other = agents("dask-0"), agents("dask-1")
    ask(one, "large")
    ask(other, "large")
    assert store.read("records", key_of(0, "large"))["record"]["worker"] == "dask-0"


def test_what_another_has_begun_and_not_ended_is_lost(agents: MakeAgent, store: SharedStore) -> None:
    store.claim(key_of(0, "large"), {"worker": "dask-9"})
    with pytest.raises(WorkLost, match="worker dask-9 had begun with it, and was lost"):
        ask(agents("dask-0"), "large")
    assert store.read("records", key_of(0, "large")) is None


def test_a_worker_without_the_key_takes_no_part(agents: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(WorkRefused, match="worker dask-0 cannot take part"):
        ask(agents("dask-0"), "large")


def test_a_session_of_which_the_store_has_nothing_here_is_refused(agents: MakeAgent) -> None:
    with pytest.raises(
        WorkRefused, match=rf"has nothing of session other on {re.escape(platform.node())}\n    fix: see "
    ):
        ask(agents("dask-0", session="other"), "large")


@pytest.mark.parametrize("name", ["dask-0", "tcp://127.0.0.1:41001", "a\\1 b"])
def test_what_a_process_did_to_its_interpreter_is_told_whatever_its_worker_is_called(
    agents: MakeAgent, store: SharedStore, name: str
) -> None:
    ask(agents(name), "ends")
    record = store.read("records", key_of(0, "ends"))["record"]
    assert (record["outcome"], record["worker"]) == ("crashed", name)
    assert f"worker {name} died while it ran `ends`: it ended with exit status 3" in record["failure"]


@pytest.mark.parametrize("check", [True, False])
def test_a_worker_with_another_library_that_comes_late_takes_part_only_where_it_may(
    agents: MakeAgent, store: SharedStore, check: bool
) -> None:
    description = store.read(DESCRIPTION, DESCRIPTION)
    description["environment"]["distributions"]["numpy"] = "0.0.1"
    store.write(DESCRIPTION, DESCRIPTION, {**description, "check": check})
    if check:
        with pytest.raises(WorkRefused, match=r"numpy 0\.0\.1 here, "):
            ask(agents("dask-0"), "large")
    else:
        ask(agents("dask-0"), "large")
    assert (store.read("records", key_of(0, "large")) is None) == check
