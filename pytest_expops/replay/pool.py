"""The interpreters of one worker that make replays: for each way of starting one, that which was started before."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.scripts import common_path
from pytest_expops.replay._described import described
from pytest_expops.replay._import_server import CAN_FORK
from pytest_expops.replay._leading_imports import Import, leading_imports
from pytest_expops.replay._replica import Replica, command, surroundings_of
from pytest_expops.replay._shared_interpreter import SharedInterpreter, terms_of
from pytest_expops.replay._test_imports import imports_of_tests
from pytest_expops.replay.nondeterminism.base import Conditions, Mode
from pytest_expops.replay.nondeterminism.registry import interpreter_environment
from pytest_expops.replay.project_copy import Keeps, Snapshot, copied, found_by_first_run
from pytest_expops.replay.request import Replay, Request
from pytest_expops.replay.telling import tell_begun


class ReplicaPool:
    """At most `most` interpreters, of which the one unused for longest gives way.

    `environment` is what the first runs found, before any script changed it. `snapshots` are by folder of a session:
    where there is one, replays that vary the files can be made. `shared` is the session's folder, where there may be an
    interpreter that all workers share.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        most: int,
        snapshots: Mapping[Path, Snapshot] | None = None,
        shared: Path | None = None,
    ) -> None:
        self.snapshots = snapshots or {}
        self._shared = shared
        self._sharing: SharedInterpreter | None = None
        self.environment = environment
        self.most = most
        self._replicas: dict[tuple[str, int], Replica] = {}
        """By what two replays must have in common to be made by children of one interpreter, and a number."""
        self._bearable: dict[tuple[Import, ...], tuple[Import, ...]] = {}
        """Of the libraries that a script imports first, and those of its data, those that it can be forked with."""
        self._unbearable: set[str] = set()

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
        """Replay `name` as `request` says, in a process that nothing of the user's has run in, and nothing will.

        Args:
            session: the session of its pipeline.
            name: an expanded process.
            request: how it is replayed.
            copy: tells apart interpreters that are started alike.
            fresh: whether it must be a new interpreter, and not the child of one that has imported libraries.
            timeout: in seconds.

        Raises:
            ReplayError: as `Replica.replay`.
        """
        if "files" in request.conditions and request.move is None:
            return self._moved(session, name, request, copy=copy, fresh=fresh, timeout=timeout)
        tell_begun(described(name, request))
        if fresh:
            environment = interpreter_environment(request.conditions, self.environment)
            replica = Replica(environment, surroundings_of(session), forks=False)
            try:
                return replica.replay(session, name, request, timeout=timeout)
            finally:
                replica.end()
        libraries = self._libraries(session, name)
        replica = self._replica(session, request.conditions, libraries, copy)
        try:
            return replica.replay(session, name, request, timeout=timeout)
        finally:
            self._bearable[libraries] = replica.libraries

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

    def prepare(self, session: PipelineSession, name: str, conditions: Conditions, *, all_of_it: bool = True) -> None:
        """Start the interpreter for replays under `conditions`, `name` the first of them, before it is needed.

        Returns at once. With no other condition than the hash seed it imports all that `name` needs, if `all_of_it` is
        wanted, else libraries; then it may be asked for the rest later.
        """
        replica = self._replica(session, conditions, self._libraries(session, name))
        replica.prepare(session, name if all_of_it and not conditions.keys() - {"hashseed"} else None)

    def share(self, folder: Path, session: PipelineSession, name: str, conditions: Conditions) -> None:
        """Start an interpreter for the workers to share, as `prepare` would start one for itself. Returns at once.

        Args:
            folder: the session's folder.
            session: the session of its pipeline.
            name: the first process to be replayed.
            conditions: those of its replay.

        Raises:
            OSError: it cannot be started.
        """
        if CAN_FORK:
            environment = interpreter_environment(conditions, self.environment)
            surroundings, libraries = surroundings_of(session), self._libraries(session, name)
            self._sharing = SharedInterpreter(folder, command, environment, surroundings, libraries)

    def close(self) -> None:
        """End all interpreters. There can be no more replays."""
        if self._sharing is not None:
            self._sharing.close()
        while self._replicas:
            self._replicas.popitem()[1].end()

    def _replica(
        self, session: PipelineSession, conditions: Conditions, libraries: tuple[Import, ...], copy: int = 0
    ) -> Replica:
        environment = interpreter_environment(conditions, self.environment)
        surroundings = surroundings_of(session)
        key = (terms_of(environment, surroundings, libraries), copy)
        if key in self._replicas:
            replica = self._replicas.pop(key)
        else:
            bearable = self._bearable.get(libraries, libraries)
            shared = None if copy else self._shared
            replica = Replica(environment, surroundings, bearable, unbearable=self._unbearable, shared=shared)
        self._replicas[key] = replica  # the last in order is the last used
        while len(self._replicas) > self.most:
            self._replicas.pop(next(iter(self._replicas))).end()
        return replica

    @staticmethod
    def _libraries(session: PipelineSession, name: str) -> tuple[Import, ...]:
        project = session.runner.project
        code = session.expanded[name].process.code
        script = project.file(code.script)
        check = project.pipeline.check
        if check is not None and check.test_files:
            return imports_of_tests(check.test_files, common_path(), check.rewritten)
        if script is None or check is not None:
            return ()  # what all checks have met, one interpreter imports for them
        path = common_path()
        path = [*(each for each in project.import_path if each not in path), *path, *project.last_path]
        return leading_imports(script, path, module=code.module, package=project.packages.get(code.script, ""))
