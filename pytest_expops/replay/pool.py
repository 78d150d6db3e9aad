"""The replicas of one worker: for each way of starting an interpreter one that is kept and used again."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay._replica import Replica
from pytest_expops.replay.nondeterminism.base import Conditions, Mode
from pytest_expops.replay.nondeterminism.registry import interpreter_environment
from pytest_expops.replay.project_copy import Keeps, Snapshot, copied, found_by_first_run
from pytest_expops.replay.request import Replay, Request

Key = tuple[frozenset[tuple[str, str]], int]


class ReplicaPool:
    """At most `most` interpreters, of which the one unused for longest gives way.

    `environment` is what the first runs found, before any script changed it. `snapshots` are by folder of a session:
    where there is one, replays that vary the files can be made.
    """

    def __init__(
        self, environment: Mapping[str, str], most: int, snapshots: Mapping[Path, Snapshot] | None = None
    ) -> None:
        self.snapshots = snapshots or {}
        self.environment = environment
        self.most = most
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

        Args:
            session: the session of its pipeline.
            name: an expanded process.
            request: how it is replayed.
            copy: tells apart interpreters that are started alike.
            fresh: whether the interpreter must be one that nothing has run in, and nothing will.
            timeout: in seconds.

        Raises:
            ReplayError: as `Replica.replay`.
        """
        if "files" in request.conditions and request.move is None:
            return self._moved(session, name, request, copy=copy, fresh=fresh, timeout=timeout)
        environment = interpreter_environment(request.conditions, self.environment)
        if fresh:
            replica = Replica(environment)
            try:
                return replica.replay(session, name, request, timeout=timeout)
            finally:
                replica.close()
        key = frozenset(environment.items()), copy
        replica = self._replicas.pop(key) if key in self._replicas else Replica(environment)
        self._replicas[key] = replica  # the last in order is the last used
        while len(self._replicas) > self.most:
            self._replicas.pop(next(iter(self._replicas))).close()
        return replica.replay(session, name, request, timeout=timeout)

    def _moved(
        self, session: PipelineSession, name: str, request: Request, *, copy: int, fresh: bool, timeout: float
    ) -> Replay:
        """Replay in a copy of the project: of all of it where the files are held, else as the first run found it."""
        setting = request.conditions["files"]
        if setting.mode is Mode.NATURAL:
            rest = {each: setting for each, setting in request.conditions.items() if each != "files"}
            request = replace(request, conditions=rest)
            return self.replay(session, name, request, copy=copy, fresh=fresh, timeout=timeout)
        snapshot = self.snapshots[session.folder]
        keeps: Keeps = (lambda *_: True) if setting.mode is Mode.HELD else found_by_first_run(session, name)
        # The same for all replays of a worker, so that results which hold the path differ from the first run's alone.
        place = Path(snapshot.folder).parent / session.worker / os.path.basename(snapshot.base)
        with copied(snapshot, place, keeps) as (move, without):
            request = replace(request, move=move)
            replay = self.replay(session, name, request, copy=copy, fresh=fresh, timeout=timeout)
        return replace(replay, without=without)

    def prepare(self, session: PipelineSession, name: str, conditions: Conditions) -> None:
        """Start the interpreter for replays under `conditions`, `name` the first of them, before it is needed.

        Returns at once. With no other condition than the hash seed it imports what `name` needs as well.
        """
        environment = interpreter_environment(conditions, self.environment)
        key = frozenset(environment.items()), 0
        if key not in self._replicas:
            self._replicas[key] = Replica(environment)
        self._replicas[key].prepare(session, None if conditions.keys() - {"hashseed"} else name)

    def close(self) -> None:
        """End all interpreters. There can be no more replays."""
        while self._replicas:
            self._replicas.popitem()[1].close()
