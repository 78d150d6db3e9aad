"""What Dask calls on its workers: functions that are found by name, and pass nothing of the user's.

Nothing of the user's runs in the process of a Dask worker. It starts one interpreter for the session, which makes what
is asked for, one after the other (`_agent.py`); a process that takes it down leaves the worker as it is.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from pytest_expops.execution.engines.base import WorkLost
from pytest_expops.plugin.cluster._agent import Agent
from pytest_expops.unpatched import UNPATCHED

_agents: dict[tuple[str, str], Agent] = {}
"""By the address of a worker, as several may live in one process, and by session, as several may use a cluster."""
_stopped: deque[str] = deque(maxlen=1000)
"""Sessions that have ended. A task of theirs may have been on its way."""
_lock = threading.Lock()
_ENDING = ("closing", "closed", "failed")


def perform(ticket: Mapping[str, Any], number: int, name: str, replays: bool, *_: str) -> str:
    """Make a first run, or a verdict, and return its name.

    Args:
        ticket: where the session is found.
        number: of the pipeline in the session.
        name: the expanded process.
        replays: whether it is to be replayed.

    Raises:
        WorkLost: nothing was left of it.
        WorkRefused: this worker can do nothing for the session.
    """
    import distributed

    worker = distributed.get_worker()
    key = worker.get_current_task()
    agent = _agent_for(ticket, worker)

    work = {"number": number, "name": name, "replays": replays}
    began = 0.0

    def begun() -> None:
        nonlocal began
        began = UNPATCHED.monotonic()
        worker.log_event(ticket["topic"], {**work, "worker": agent.name})

    def given_up() -> bool:
        """Whether Dask has dropped the task, as pytest is gone; or this worker ends, as the scheduler is."""
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled" or worker.status.name in _ENDING

    agent.ask(work, begun, given_up)
    worker.log_event(ticket["topic"], {**work, "worker": agent.name, "seconds": UNPATCHED.monotonic() - began})
    return name


async def prepare(ticket: Mapping[str, Any], dask_worker: Any) -> None:
    """Start the interpreter of a worker, which Dask passes, before there is anything to do, and do not wait for it."""
    await asyncio.to_thread(lambda: _agent_for(ticket, dask_worker).prepare())


async def stop(session: str) -> None:
    """End what runs for a session on this worker, and all that is kept for it; other sessions are not held up."""
    await asyncio.to_thread(_stop, session)


def _stop(session: str) -> None:
    with _lock:
        _stopped.append(session)
        found = [key for key in _agents if key[1] == session]
        stopped = [_agents.pop(key) for key in found]
    for agent in stopped:
        agent.stop()


def described(modules: list[str]) -> dict[str, Any]:
    """Return what this worker is, with Python and libraries."""
    from pytest_expops.execution.engines.environment_check import described as describe

    return describe(modules)


def _agent_for(ticket: Mapping[str, Any], worker: Any) -> Agent:
    key = (worker.address, ticket["session"])
    with _lock:
        if key[1] in _stopped:
            raise WorkLost("the session has ended")
        agent = _agents.get(key)
        if agent is None:
            for other in [each for each in _agents if each != key and _agents[each].is_left()]:
                _agents.pop(other).stop()
            name = str(worker.name)
            agent = _agents[key] = Agent(ticket, f"dask-{name}" if name.isalnum() else name, os.getpid())
        return agent
