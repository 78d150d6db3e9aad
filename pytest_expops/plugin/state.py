"""What one pytest process knows of the configured pipelines, and how that is set up in one pass."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import GONE, ConfigError, SessionFolderError, StorageTrouble
from pytest_expops.execution import scratch
from pytest_expops.execution.artifact_cache import PartCache
from pytest_expops.execution.engines.base import Engine, Work
from pytest_expops.execution.engines.local import LocalEngine
from pytest_expops.execution.interpreter_end import ended
from pytest_expops.execution.records import JsonFolder, RunRecord
from pytest_expops.execution.runner import Runner
from pytest_expops.execution.session import CLAIMS, PipelineSession
from pytest_expops.execution.time_limit import terminal
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import ExpandedPipeline, Pipeline, Process
from pytest_expops.plugin._copies import Copies
from pytest_expops.plugin.baselines import Locks, Written
from pytest_expops.plugin.options.baseline import WRITING
from pytest_expops.plugin.options.given import Given
from pytest_expops.plugin.options.options import Options
from pytest_expops.plugin.options.tolerances import with_tolerances
from pytest_expops.plugin.reuse import UNKEYED, SessionReuse
from pytest_expops.replay.first_run import run_apart
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.nondeterminism.session_files import Scope, noting_writes
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.diagnosis.diagnosis import diagnose
from pytest_expops.verdicts.findings import Diagnosis
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, judge, replay_conditions
from pytest_expops.verdicts.session_verdicts import verdicts_of

TOLD_SECONDS = 1.0
"""So long a worker that finds what another has left waits to be told how that one ended."""
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
    copies: Copies = field(default_factory=Copies)
    reuse: SessionReuse = field(default_factory=SessionReuse)

    def __post_init__(self) -> None:
        """Make all runs and replays here, until there is another engine."""
        self.engine: Engine = LocalEngine(self.run_here, self.judge_here)

    def varied(self, session: PipelineSession) -> tuple[str, ...]:
        """Return what replays vary besides the hash seed: of what was asked for, what can be varied here."""
        available = (name for name in self.options.vary if SOURCES[name].unavailable() is None)
        return tuple(name for name in available if name != "files" or session.folder in self.copies.snapshots)

    def remember_environment(self) -> None:
        """Copy the environment variables before scripts are imported; a replica starts from these."""
        if self.environment is None:
            self.environment = dict(os.environ)
            if self.replicas is not None:
                self.replicas.environment = self.environment

    def verdict(self, session: PipelineSession, name: str) -> Verdict:
        """Return the verdict on one process; its replays are made once, whoever asks and however often.

        So a plugin that retries failed tests cannot turn a failed replay into a passed one.
        """
        verdicts = verdicts_of(session)
        # With `--dist each` several workers come to the same process, perhaps at once.
        with session.lock(f"{name}[replay]"):
            known = verdicts.read(name)
            if known is not None:
                return Verdict.from_json(known)
            made = self.engine.verdict(Work(session.expanded.pipeline.path, name, replays=True))
            verdicts.write(name, made)
            return Verdict.from_json(made)

    def judge_here(self, work: Work) -> dict[str, Any]:
        """Return the verdict on one process as plain data, with its diagnosis; its replays are made by this worker."""
        session, name = self.sessions[work.config], work.name
        verdict = self.reuse.verdict(session, name) or self._judged(session, name)
        declared = session.expanded[name].process.nondeterministic is not None
        if verdict.status is ReplayStatus.DIFFERED and self.options.diagnose and not declared:
            verdict = replace(verdict, diagnosis=self._diagnosis(session, verdict))
        return verdict.to_json()

    def _judged(self, session: PipelineSession, name: str) -> Verdict:
        """Replay a process, and keep its result for later sessions if it is one that repeats."""
        vary, keeps = self.varied(session), self.reuse.keeps(session, name)
        began = UNPATCHED.monotonic()
        watch = UNKEYED if keeps else ()
        verdict = judge(session, name, self._pool(), replays=self.options.replays, vary=vary, watch=watch)
        if keeps and verdict.status is ReplayStatus.MATCHED:
            seconds = UNPATCHED.monotonic() - began
            baseline = self.baselines.get(session.expanded.pipeline.path)
            self.reuse.keep(session, verdict, vary, seconds, self._pool(), baseline)
        return verdict

    def _diagnosis(self, session: PipelineSession, verdict: Verdict) -> Diagnosis:
        # Duplicates of one process mostly differ for one reason: what was found for the first is tried first.
        found, base = JsonFolder(session.folder / "causes"), session.expanded[verdict.process].process.name
        known = found.read(base)
        diagnosis = diagnose(
            session,
            verdict.process,
            self._pool(),
            vary=verdict.varied,
            seconds=self.options.diagnose_timeout,
            differences=verdict.differences,
            known=Diagnosis.from_json(known) if known is not None else None,
        )
        if diagnosis.causes:
            found.write(base, diagnosis.to_json())
        return diagnosis

    def isolates(self, process: Process) -> bool:
        """Return whether the first run of a process is to have a child of its own."""
        return self.options.isolate if process.isolate is None else process.isolate

    def run_here(self, work: Work) -> RunRecord | None:
        """Make the first run of a process in a child of its own, and return its record; None if it is to have none.

        Raises:
            ReplayError: as `run_apart`.
        """
        session = self.sessions[work.config]
        if self.options.in_place or not self.isolates(session.expanded[work.name].process):
            return None
        return run_apart(self._pool(), session, work.name)

    def _run(self, config: Path, name: str) -> RunRecord | None:
        return self.engine.run(Work(config, name))

    def died(self, nodeid: str, worker: str, code: int | None, oom_kills: str) -> str:
        """Take note of how a worker has died that ran an item, and return what is known of it; empty if nothing is."""
        with suppress(StorageTrouble):
            self._ends.write(worker, [code, oom_kills])
        file, _, name = nodeid.rpartition("::")
        limit = ""
        for path, session in self.sessions.items():
            if name in session.expanded.processes and file.endswith(path.name):
                limits, process = session.runner.limits, session.expanded[name]
                failure = limits.ended_for_time(process, 0)
                if failure is not None:
                    return f"{failure.summary}\n{failure.traceback}"
                limit = limits.memory_in_force(process, 0)
        how = ended(code, limit, oom_kills)
        return f"it {how}" if how else ""

    def end_of(self, worker: str) -> tuple[int | None, str]:
        """Return what `died` was told of a worker; a worker waits a moment for the controller to tell."""
        deadline = UNPATCHED.monotonic() + (0 if self.owns_folder else TOLD_SECONDS)
        while (told := self._ends.read(worker)) is None and UNPATCHED.monotonic() < deadline:
            UNPATCHED.sleep(0.01)
        return tuple(told) if told is not None else (None, "")

    @functools.cached_property
    def _ends(self) -> JsonFolder:
        return JsonFolder(self.folder / "ends")

    def prepare_replays(self, session: PipelineSession, name: str, *, all_of_it: bool = True) -> None:
        """Have the interpreter for first replays start, and import what `name` needs, while nobody waits for it.

        What is not `all_of_it` is libraries: modules of the project it does not import before they are imported here.
        """
        self._pool().prepare(session, name, replay_conditions(1, self.varied(session)), all_of_it=all_of_it)

    def share_replays(self, session: PipelineSession, name: str) -> None:
        """Start an interpreter of which workers fork theirs for first replays, beginning with that of `name`.

        Raises:
            OSError: it cannot be started.
        """
        self._pool().share(self.folder, session, name, replay_conditions(1, self.varied(session)))

    def _pool(self) -> ReplicaPool:
        if self.replicas is None:
            most = self.options.replays + SPARE
            environment, shared = self.environment or dict(os.environ), None if self.owns_folder else self.folder
            self.replicas = ReplicaPool(environment, most, self.copies.snapshots, shared)
        return self.replicas

    def close(self) -> None:
        """End the replicas, and remove the folder if it is temporary and this process made it."""
        if self.replicas is not None:
            self.replicas.close()
        self.reuse.close()
        if self.owns_folder:
            self.copies.remove()
            self.reuse.shrink(self.options.cache.size)
            temporary = self.options.artifacts is None
            scratch.remove(self.folder if temporary else self.folder / scratch.TEMPORARY)


@dataclass(frozen=True, slots=True)
class Seat:
    """Which process of a pytest session this is.

    `worker` is ``main`` for the controller and for a session without workers, else pytest-xdist's id. `folder` is the
    session's folder where the controller has made it already, and `shared` says that other processes run processes of
    the same pipelines. `copies` says that this process makes the copies for replays that vary the files, too.
    """

    worker: str = "main"
    folder: Path | None = None
    shared: bool = False
    copies: bool = False


def start(options: Options, seat: Seat) -> SessionState:
    """Load, expand and set up every pipeline of the session.

    Raises:
        pytest.UsageError: a config or a line of tolerances cannot be used, with all their problems; or a lock file.
        StoreError: the session's folder cannot be made, or is not there any more.
    """
    pipelines = expanded_pipelines(options.configs, options.tolerances)
    locks = Locks(options.baseline, pipelines)
    folder = seat.folder or _new_folder(options.artifacts)
    problem = scratch.stood_in_for(folder)
    if problem:
        raise StorageTrouble(problem)
    if folder.exists():
        scratch.hold(folder if options.artifacts is None else folder / scratch.TEMPORARY)
    sessions, cache = {}, PartCache(options.memory)
    watch = options.baseline.mode in WRITING or options.cache.enabled
    for number, (path, pipeline) in enumerate(pipelines.items(), start=1):
        place = folder / f"{number}-{path.stem}"
        if seat.folder is None:
            place.mkdir(exist_ok=True)
        elif not (place / CLAIMS).exists():
            raise SessionFolderError(place / CLAIMS, GONE)
        sessions[path] = PipelineSession(
            pipeline,
            place,
            shared=seat.shared,
            worker=seat.worker,
            cache=cache,
            watch=watch,
            watching=_unwatched if options.replay == "none" else _watched,
        )
        limits = sessions[path].runner.limits
        limits.timeout, limits.memory = options.timeout, options.memory_limit
        if seat.worker == "main":
            limits.terminal = terminal()
    copies = Copies()
    if "files" in options.vary and options.replay != "none":
        copies = Copies.of(sessions.values(), folder, make=seat.folder is None or seat.copies)
    reuse = SessionReuse.of(options, sessions)
    state = SessionState(
        options,
        folder,
        sessions,
        owns_folder=seat.folder is None,
        lock_paths=locks.paths,
        baselines=locks.baselines(sessions, reuse.sketches),
        copies=copies,
        reuse=reuse,
    )
    for path, session in sessions.items():
        if seat.shared:
            session.end_of = state.end_of
        session.apart = functools.partial(state._run, path)
        session.earlier = functools.partial(state.reuse.take, session)
    return state


def _unwatched(_: Runner) -> AbstractContextManager[Callable[[], Mapping[str, int]]]:
    return nullcontext(dict)


def _watched(runner: Runner) -> AbstractContextManager[Callable[[], Mapping[str, int]]]:
    places = map(str, (runner.pipeline.root, runner.pipeline.working_directory))
    return noting_writes(Scope(runner.project.owns_file, places, str(runner.folder.parent)))


def expanded_pipelines(paths: Iterable[Path], tolerances: Iterable[Given] = ()) -> dict[Path, ExpandedPipeline]:
    """Load each config, give its processes the tolerances of the ini file where it has none, and expand it.

    Raises:
        pytest.UsageError: a config or a line of tolerances cannot be used; all problems together.
    """
    loaded: dict[Path, Pipeline] = {}
    expanded: dict[Path, ExpandedPipeline] = {}
    errors = []
    for path in paths:
        try:
            loaded[path] = load_config(path)
        except ConfigError as error:
            errors.append(str(error))
    if not errors:  # or else a line may name a process of a config that could not be read
        try:
            loaded = with_tolerances(loaded, tolerances)
        except pytest.UsageError as error:
            errors.append(str(error))
    for path, pipeline in loaded.items():
        try:
            expanded[path] = expand(pipeline)
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise pytest.UsageError("\n".join(errors))
    return expanded


def _new_folder(keep_under: Path | None) -> Path:
    scratch.remove_abandoned(scratch.left_behind([keep_under] if keep_under is not None else []))
    if keep_under is None:
        return scratch.new_folder("session")
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
