"""The interpreter that a worker has for a session: watched, ended when nobody waits, and never waited for in vain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.engines.base import WorkLost
from pytest_expops.plugin.cluster import _agent, _tasks
from pytest_expops.plugin.cluster._agent import Agent
from pytest_expops.urls import KEY_VARIABLE

WORK = {"number": 0, "name": "a", "replays": True}
ANSWERS = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if "name" in message and "number" in message:
        {what}
        print("{{}}", flush=True)
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    found = Agent({"session": "s", "variables": {}, "options": [], "folder": str(tmp_path)}, "w", 1)
    yield found
    found.stop()
    assert not list(tmp_path.iterdir())


def does(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Have interpreters do something else when they are asked for anything."""
    monkeypatch.setattr(_agent, "_MAIN", ANSWERS.format(what=what))


def test_what_it_answers_ends_the_asking(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "pass")
    begun: list[int] = []
    agent.ask(WORK, lambda: begun.append(1))
    agent.ask(WORK, lambda: begun.append(1))
    assert begun == [1, 1]


def test_one_that_dies_and_leaves_others_with_its_pipe_has_died(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "os.fork() and os._exit(3); import time; time.sleep(60)")
    with pytest.raises(WorkLost, match="the interpreter that replayed it ended with exit status 3"):
        agent.ask(WORK)


def test_one_that_closes_its_pipe_and_lives_on_is_ended(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_agent, "SECONDS_TO_END", 0.2)
    does(monkeypatch, "os.close(1); import time; time.sleep(60)")
    with pytest.raises(WorkLost, match="the interpreter that replayed it was killed by SIGKILL"):
        agent.ask(WORK)


def test_what_nobody_waits_for_is_ended(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(WorkLost, match="nobody waits for it any more"):
        agent.ask(WORK, given_up=lambda: True)
    does(monkeypatch, "pass")
    agent.ask(WORK)


def test_it_can_be_stopped_in_the_midst(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "import time; time.sleep(60)")
    said: list[str] = []

    def ask() -> None:
        try:
            agent.ask(WORK, begun.set)
        except WorkLost as lost:
            said.append(str(lost))

    begun = threading.Event()
    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(60)
    agent.stop()
    thread.join(60)
    assert said == ["the session has ended"]


def test_an_interpreter_has_the_variables_of_the_session_and_not_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "LANG", "OTHER", KEY_VARIABLE):
        monkeypatch.setenv(name, "of the worker")
    expected = {"OMP_NUM_THREADS": "3", "LANG": None, "OTHER": "of the worker", KEY_VARIABLE: None}
    does(monkeypatch, f"all(os.environ.get(name) == each for name, each in {expected}.items()) or os._exit(9)")
    variables = {"OMP_NUM_THREADS": "3", "LANG": None}
    agent = Agent({"session": "s", "variables": variables, "options": [], "folder": str(tmp_path)}, "w", 1)
    try:
        agent.ask(WORK)
    finally:
        agent.stop()


class DaskWorker:
    address = "tcp://x"
    name = "w"


@pytest.fixture
def stopping() -> Iterator[None]:
    yield
    for session in ("s1", "s2"):
        asyncio.run(_tasks.stop(session))
    _tasks._stopped.clear()


def ticket(session: str) -> dict[str, Any]:
    return {"session": session, "variables": {}, "options": [], "folder": None}


@pytest.mark.usefixtures("stopping")
def test_two_sessions_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "pass")
    first, second = (_tasks._agent_for(ticket(session), DaskWorker()) for session in ("s1", "s2"))
    assert first is not second
    first.ask(WORK)
    second.ask(WORK)
    asyncio.run(_tasks.stop("s2"))
    first.ask(WORK)
    assert _tasks._agent_for(ticket("s1"), DaskWorker()) is first


@pytest.mark.usefixtures("stopping")
def test_a_session_that_was_left_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, "pass")
    first = _tasks._agent_for(ticket("s1"), DaskWorker())
    first.ask(WORK)
    monkeypatch.setattr(_agent, "LEFT_SECONDS", -1.0)
    _tasks._agent_for(ticket("s2"), DaskWorker())
    with pytest.raises(WorkLost, match="the session has ended"):
        first.ask(WORK)


@pytest.mark.usefixtures("stopping")
def test_a_task_that_comes_after_the_end_of_its_session_begins_nothing() -> None:
    asyncio.run(_tasks.stop("s1"))
    with pytest.raises(WorkLost, match="the session has ended"):
        _tasks._agent_for(ticket("s1"), DaskWorker())


@pytest.mark.usefixtures("stopping")
def test_a_session_that_ends_does_not_hold_up_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask calls what it is given in its event loop, which answers all sessions."""
    goes_on, seen = threading.Event(), []
    monkeypatch.setattr(Agent, "stop", lambda _: seen.append(goes_on.wait(10)))
    _tasks._agent_for(ticket("s1"), DaskWorker())

    async def both() -> None:
        await asyncio.gather(_tasks.stop("s1"), asyncio.to_thread(goes_on.set))

    asyncio.run(both())
    assert seen == [True]
