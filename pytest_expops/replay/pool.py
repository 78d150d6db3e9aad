"""The replicas of one worker: for each way of starting an interpreter one that is kept and used again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay._replica import Replica
from pytest_expops.replay.folder import ReplicaFolder
from pytest_expops.replay.nondeterminism.base import Conditions
from pytest_expops.replay.nondeterminism.registry import interpreter_environment
from pytest_expops.replay.request import Replay, Request

Key = tuple[frozenset[tuple[str, str]], int]


class ReplicaPool:
    """At most `most` interpreters, of which the one unused for longest gives way.

    `environment` is what the first runs found, before any script changed it.
    """

    def __init__(self, environment: Mapping[str, str], most: int) -> None:
        self.environment = environment
        self.most = most
        self._folder = ReplicaFolder()
        self._replicas: dict[Key, Replica] = {}

    def replay(
        self,
        session: PipelineSession,
        name: str,
        request: Request,
        *,
        copy: int = 0,
        fresh: bool = False,
        timeout: float = math.inf,
    ) -> Replay:
        """Replay `name` as `request` says.

        :param copy: interpreters that are started alike are told apart by it.
        :param fresh: in an interpreter that nothing has run in, and nothing will.
        :param timeout: in seconds.
        :raises ReplayError: as `Replica.replay`.
        """
        environment = interpreter_environment(request.conditions, self.environment)
        if fresh:
            replica = self._new(environment)
            try:
                return replica.replay(session, name, request, timeout=timeout)
            finally:
                replica.close()
        key = frozenset(environment.items()), copy
        replica = self._replicas.pop(key) if key in self._replicas else self._new(environment)
        self._replicas[key] = replica  # the last in order is the last used
        while len(self._replicas) > self.most:
            self._replicas.pop(next(iter(self._replicas))).close()
        return replica.replay(session, name, request, timeout=timeout)

    def prepare(self, session: PipelineSession, name: str, conditions: Conditions) -> None:
        """Start the interpreter for replays under `conditions`, `name` the first of them, before it is needed.

        Returns at once. With no other condition than the hash seed it imports what `name` needs as well.
        """
        environment = interpreter_environment(conditions, self.environment)
        key = frozenset(environment.items()), 0
        if key not in self._replicas:
            self._replicas[key] = self._new(environment)
        self._replicas[key].prepare(session, None if conditions.keys() - {"hashseed"} else name)

    def close(self) -> None:
        """End all interpreters. There can be no more replays."""
        while self._replicas:
            self._replicas.popitem()[1].close()
        self._folder.remove()

    def _new(self, environment: Mapping[str, str]) -> Replica:
        return Replica(environment, self._folder.new_aside())
