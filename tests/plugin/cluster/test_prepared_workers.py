"""What a worker does of a session before it has been given any work, without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.engines.base import WorkRefused
from pytest_expops.plugin.cluster._agent import Agent
from pytest_expops.plugin.cluster._worker_session import WorkerSession
from pytest_expops.urls import KEY_VARIABLE


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sessions for which an interpreter would have been started."""
    found: list[str] = []
    monkeypatch.setattr(Agent, "_started", lambda self: found.append(self.session))
    return found


@pytest.fixture
def agent() -> Agent:
    return Agent({"session": "this", "variables": {}}, "dask-1", 7)


def test_an_interpreter_is_started_before_there_is_work(agent: Agent, started: list[str]) -> None:
    agent.prepare()
    assert started == ["this"]


def test_none_is_started_for_a_session_that_has_ended(agent: Agent, started: list[str]) -> None:
    agent.stop()
    agent.prepare()
    assert started == []


def test_a_worker_that_is_at_work_is_not_waited_for(agent: Agent, started: list[str]) -> None:
    with agent._asking:
        agent.prepare()
    assert started == []


def test_whether_it_can_be_started_is_told_to_whoever_asks(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def fail(self: Agent) -> None:
        tried.append(self.session)
        raise OSError("no more processes")

    monkeypatch.setattr(Agent, "_start", fail)
    agent.prepare()
    assert tried == ["this"]
    with pytest.raises(WorkRefused, match="worker dask-1 can start no interpreter for the session: no more processes"):
        agent.ask({"number": 0, "name": "a", "replays": False}, lambda: None)


def test_a_worker_without_the_secret_says_so(tmp_path: Path) -> None:
    ticket = {"session": "this", "store": str(tmp_path / "store"), "key": "", "name": "dask-1", "folder": str(tmp_path)}
    with pytest.raises(ExpopsError, match=f"the environment of the worker has no {KEY_VARIABLE}") as caught:
        WorkerSession.opened(ticket, None)
    assert caught.value.hint == "fix: start the workers with the secret that this session has"
    assert not (tmp_path / "store").exists()
