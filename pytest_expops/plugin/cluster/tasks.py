"""What Dask calls on its workers: functions that are found by name, and pass nothing of the user's.

Nothing of the user's runs in the process of a Dask worker. It starts one interpreter for the session, which makes what
is asked for, one after the other (`_agent.py`); a process that takes it down leaves the worker as it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from pytest_expops.plugin.cluster._agent import Agent

_agents: dict[str, Agent] = {}
"""By the address of a worker: several may live in one process."""
_lock = threading.Lock()


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
    agent = _agent_for(ticket, worker)

    def begun() -> None:
        worker.log_event(ticket["topic"], {"number": number, "name": name, "replays": replays, "worker": agent.name})

    agent.ask({"number": number, "name": name, "replays": replays}, begun)
    return name


def prepare(ticket: Mapping[str, Any], dask_worker: Any) -> None:
    """Start the interpreter of a worker, which Dask passes, before there is anything to do, and do not wait for it."""
    _agent_for(ticket, dask_worker).prepare()


def stop(session: str) -> None:
    """End what runs for a session on this worker, and all that is kept for it."""
    with _lock:
        found = [address for address, agent in _agents.items() if agent.session == session]
        stopped = [_agents.pop(address) for address in found]
    for agent in stopped:
        agent.stop()


def described(modules: list[str]) -> dict[str, Any]:
    """Return what this worker is, with Python and libraries."""
    from pytest_expops.execution.engines.environment_check import described as describe

    return describe(modules)


def _agent_for(ticket: Mapping[str, Any], worker: Any) -> Agent:
    with _lock:
        agent = _agents.get(worker.address)
        if agent is None or agent.session != ticket["session"]:
            if agent is not None:
                agent.stop()
            name = str(worker.name)
            agent = _agents[worker.address] = Agent(ticket, f"dask-{name}" if name.isalnum() else name, os.getpid())
        return agent
