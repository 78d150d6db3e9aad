"""What one pytest process knows of the configured pipelines, kept in the config's stash."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_expops.errors import ConfigError
from pytest_expops.execution.artifact_cache import PartCache
from pytest_expops.execution.records import JsonFolder
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.plugin.baselines import Locks, Written
from pytest_expops.plugin.options.options import Options
from pytest_expops.plugin.options.tolerances import with_tolerances
from pytest_expops.replay.folder import sweep
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.diagnosis.diagnosis import diagnose
from pytest_expops.verdicts.findings import Diagnosis
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, judge, replay_conditions

STATE: pytest.StashKey[SessionState] = pytest.StashKey()

SPARE = 4
"""So many interpreters are kept for diagnoses, besides one for each replay of a process."""


@dataclass
class SessionState:
    """The pipelines of this pytest session. `folder` is common to the controller and all workers."""

    options: Options
    folder: Path
    sessions: dict[Path, PipelineSession]
    owns_folder: bool
    item_names: set[tuple[Path, str]] = field(default_factory=set)
    """Of the process items that are to run: config and expanded name."""
    replicas: ReplicaPool | None = None
    environment: dict[str, str] | None = None
    """The environment variables as they were before any script was imported."""
    lock_paths: Mapping[Path, Path] = field(default_factory=dict)
    """The lock file of each config, there or not."""
    baselines: Mapping[Path, Baseline] = field(default_factory=dict)
    """By config, where there is a lock file or may be one."""
    written: Mapping[Path, Written] = field(default_factory=dict)
    """What became of the lock files at the end."""

    @property
    def varied(self) -> tuple[str, ...]:
        """What replays vary besides the hash seed: of what was asked for, what can be varied on this machine."""
        return tuple(name for name in self.options.vary if SOURCES[name].unavailable() is None)

    def remember_environment(self) -> None:
        """To be called before scripts are imported; what they set is set again in a replica, when they are."""
        if self.environment is None:
            self.environment = dict(os.environ)

    def verdict(self, session: PipelineSession, name: str) -> Verdict:
        """The verdict on one process; its replays are made once, whoever asks and however often.

        So a plugin that retries failed tests cannot turn a failed replay into a passed one.
        """
        verdicts = verdicts_of(session)
        # With `--dist each` several workers come to the same process, perhaps at once.
        with session.lock(f"{name}[replay]"):
            known = verdicts.read(name)
            if known is not None:
                return Verdict.from_json(known)
            options = self.options
            verdict = judge(session, name, self._pool(), replays=options.replays, vary=self.varied)
            declared = session.expanded[name].process.nondeterministic is not None
            if verdict.status is ReplayStatus.DIFFERED and options.diagnose and not declared:
                verdict = replace(verdict, diagnosis=self._diagnosis(session, verdict))
            verdicts.write(name, verdict.to_json())
            return verdict

    def _diagnosis(self, session: PipelineSession, verdict: Verdict) -> Diagnosis:
        # Duplicates of one process mostly differ for one reason: what was found for the first is tried first.
        found, base = JsonFolder(session.folder / "causes"), session.expanded[verdict.process].process.name
        hints = found.read(base) or ()
        diagnosis = diagnose(
            session,
            verdict.process,
            self._pool(),
            vary=self.varied,
            seconds=self.options.diagnose_timeout,
            differences=verdict.differences,
            hints=hints,
        )
        if diagnosis.causes:
            found.write(base, list(dict.fromkeys([*(cause.source for cause in diagnosis.causes), *hints])))
        return diagnosis

    def prepare_replays(self, session: PipelineSession, name: str) -> None:
        """Have the interpreter for first replays start, and import what `name` needs, while nobody waits for it."""
        self._pool().prepare(session, name, replay_conditions(1, self.varied))

    def _pool(self) -> ReplicaPool:
        if self.replicas is None:
            self.replicas = ReplicaPool(self.environment or os.environ, self.options.replays + SPARE)
        return self.replicas

    def close(self) -> None:
        """End the replicas, and remove the folder if it is temporary and this process made it."""
        if self.replicas is not None:
            self.replicas.close()
        if self.owns_folder:
            sweep()  # what a worker that was killed has left
        if self.owns_folder and self.options.artifacts is None:
            shutil.rmtree(self.folder, ignore_errors=True)


def verdicts_of(session: PipelineSession) -> JsonFolder:
    """Where the verdicts on the processes of one pipeline are kept."""
    return JsonFolder(session.folder / "verdicts")


def start(options: Options, *, folder: Path | None, shared: bool, worker: str) -> SessionState:
    """Load the configs and set up their sessions, in `folder` if another process has made it already.

    Raises:
        pytest.UsageError: a config cannot be run, all problems of all configs; or a lock file cannot be used.
    """
    pipelines = with_tolerances(load_pipelines(options.configs), options.tolerances)
    locks = Locks(options.baseline, pipelines)
    if folder is None:
        sweep()  # what an earlier session has left that was killed
    made = folder or _new_folder(options.artifacts)
    sessions, cache = {}, PartCache(options.memory)
    for number, (path, pipeline) in enumerate(pipelines.items(), start=1):
        place = made / f"{number}-{path.stem}"
        place.mkdir(exist_ok=True)
        sessions[path] = PipelineSession(pipeline, place, shared=shared, worker=worker, cache=cache)
    baselines = locks.baselines(sessions)
    return SessionState(
        options, made, sessions, owns_folder=folder is None, lock_paths=locks.paths, baselines=baselines
    )


def load_pipelines(paths: tuple[Path, ...]) -> dict[Path, ExpandedPipeline]:
    """The expanded pipelines of the configs.

    Raises:
        pytest.UsageError: as `start`.
    """
    pipelines, errors = {}, []
    for path in paths:
        try:
            pipelines[path] = expand(load_config(path))
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise pytest.UsageError("\n".join(errors))
    return pipelines


def _new_folder(keep_under: Path | None) -> Path:
    if keep_under is None:
        return Path(tempfile.mkdtemp(prefix="pytest-expops-"))
    keep_under.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = keep_under / f"session-{number}"
        try:
            os.mkdir(folder, mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder
