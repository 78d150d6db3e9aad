"""The project in an interpreter that makes one replay: its modules are imported for it, or ahead, while nobody waits.

What was imported ahead is as if the replay had done it: in the surroundings of that replay, which last until it has
ended. It is used if the replay turns out to have these surroundings, and is under no condition that concerns the
import. If not, the modules are imported anew.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_expops.errors import GONE, SessionFolderError
from pytest_expops.execution import scratch
from pytest_expops.execution.artifact_cache import ArtifactReader, PartCache
from pytest_expops.execution.runner import Runner
from pytest_expops.execution.user_code.handed_over import HandedOver
from pytest_expops.execution.user_code.run_environment import run_environment
from pytest_expops.execution.user_code.scripts import reserve_names
from pytest_expops.pipeline.check import check_from_json, check_pipeline
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.replay.nondeterminism import files
from pytest_expops.replay.nondeterminism.registry import keep_temporary_files_in
from pytest_expops.replay.nondeterminism.session_files import Scope, noting_reads, refusing_writes
from pytest_expops.replay.nondeterminism.use import noting_use
from pytest_expops.replay.project_copy import Move
from pytest_expops.replay.request import Request
from pytest_expops.replay.warning_filters import filtering
from pytest_expops.values.storage.store import ArtifactStore

SURROUNDINGS = (
    *(
        "config",
        "check",
        "scripts",
        "folder",
        "memory",
        "worker",
        "began",
        "move",
        "sys_path",
        "warning_filters",
        "watch",
    ),
)
"""What of a message concerns the import; the rest is the replay's own."""


@dataclass
class _Ahead:
    """What was imported ahead, and what is in force until it is used."""

    surroundings: dict[str, Any]
    runner: Runner
    stack: ExitStack


class ReplicaProject:
    """Opens the project of the messages of a worker."""

    def __init__(self) -> None:
        self._pipelines: dict[str, ExpandedPipeline] = {}
        self._ahead: _Ahead | None = None
        self.refused: list[str] = []
        """Files of the project that a replay in a copy of it wanted to write, and was not let to."""

    def prepare(self, message: Mapping[str, Any]) -> None:
        """Import what a replay of ``message["process"]`` needs. What goes wrong is left to the replay to meet."""
        self._discard()
        # A script may raise what it likes, SystemExit as well.
        with contextlib.suppress(BaseException), ExitStack() as stack:
            runner = self.runner(message, stack)
            stack.enter_context(run_environment(runner.pipeline))
            with runner.project.entered():
                runner.callee(runner.expanded[message["process"]].process)
            self._ahead = _Ahead(_surroundings(message), runner, stack.pop_all())

    @contextmanager
    def opened(self, message: Mapping[str, Any], request: Request) -> Iterator[Runner]:
        """The runner for the replay."""
        ahead = self._ahead
        if ahead is not None and (_concerns_import(request) or ahead.surroundings != _surroundings(message)):
            self._discard()
            ahead = None
        with ExitStack() as stack:
            if ahead is None:
                runner = self.runner(message, stack)
            else:
                self._ahead = None
                runner = ahead.runner
                stack.push(ahead.stack)
            yield runner

    def runner(self, message: Mapping[str, Any], stack: ExitStack) -> Runner:
        """A runner in its surroundings, until `stack` ends."""
        move = Move(*message["move"]) if message["move"] else None
        sys.path[:] = move.there(message["sys_path"]) if move else message["sys_path"]
        pipeline = self._pipeline(message, move)
        expanded = pipeline if move is None else move.relocated(pipeline)
        reserve_names(message["scripts"], expanded.pipeline)
        folder = Path(message["folder"])
        store, who = reader_of(message).store, f"replica of {message['worker']}"
        keep_temporary_files_in(str(folder.parent / scratch.TEMPORARY / message["worker"]))
        files.leave_out(folder.parent)
        # Modules for child processes, which name the scripts by path, must not be those of all other runs.
        children = Path(move.place).parent if move else None
        runner = Runner(expanded, store, folder, who, watch=message["watch"], child_modules=children)
        runner.limits.timeout, runner.limits.memory = message["timeout"], message["memory_limit"]
        stack.callback(_forget, runner)
        places = map(str, (expanded.pipeline.root, expanded.pipeline.working_directory))
        scope = Scope(runner.project.owns_file, places, str(folder.parent))
        own = (move.place, os.path.realpath(folder.parent)) if move else ()
        stack.enter_context(noting_reads(scope, message["began"]))
        if message["watch"]:
            stack.enter_context(noting_use())
        self.refused = stack.enter_context(refusing_writes(scope, move.base, *own)) if move else []
        stack.enter_context(filtering(message["warning_filters"]))
        return runner

    def _pipeline(self, message: Mapping[str, Any], move: Move | None) -> ExpandedPipeline:
        if message["check"] is not None:
            check = check_from_json(move.there(message["check"]) if move else message["check"])
            if check.modules:
                sys.meta_path.insert(0, HandedOver(check.modules))  # for the one replay that this interpreter makes
            return check_pipeline(check)
        config = message["config"]
        if config not in self._pipelines:
            self._pipelines[config] = expand(load_config(Path(config)))
        return self._pipelines[config]

    def _discard(self) -> None:
        if self._ahead is not None:
            self._ahead.stack.close()
            self._ahead = None


def reader_of(message: Mapping[str, Any]) -> ArtifactReader:
    """Return what reads the artifacts of the message's session as the worker does, but no partition ahead of its use.

    Raises:
        SessionFolderError: the session has ended, say; what would be made now, nobody would remove.
    """
    folder = Path(message["folder"])
    if not folder.is_dir():
        raise SessionFolderError(folder, GONE)
    return ArtifactReader(ArtifactStore(folder / "artifacts"), PartCache(min(message["memory"], 1)))


def _surroundings(message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in SURROUNDINGS}


def _concerns_import(request: Request) -> bool:
    """Whether the replay asks for more than the hash seed, which the interpreter was started with."""
    watched = request.watch or request.trace or request.lines or request.alerts
    return bool(request.conditions.keys() - {"hashseed"} or watched)


def _forget(runner: Runner) -> None:
    with contextlib.suppress(KeyError):
        runner.forget()
