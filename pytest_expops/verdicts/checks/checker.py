"""Check calls that tests hand over: run each once here, and again in fresh interpreters, and compare."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_expops.errors import CheckError, CopyRefused, FingerprintError, StoreError
from pytest_expops.execution import scratch
from pytest_expops.execution.calls.checked_call import CheckedCall, named_arguments
from pytest_expops.execution.raised import first_user_frame
from pytest_expops.execution.records import Outcome, Output, RunRecord
from pytest_expops.execution.runner import Keep, Runner
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.installed import is_under
from pytest_expops.pipeline.check import ARGUMENTS, CALL, check_pipeline, names_of
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.nondeterminism.session_files import Scope, noting_writes
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.project_copy import Snapshot, take_snapshot
from pytest_expops.replay.request import Replay, Request
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.verdicts.checks.described import checked_number
from pytest_expops.verdicts.checks.listening import tell_checked
from pytest_expops.verdicts.checks.text import shown_path
from pytest_expops.verdicts.diagnosis.diagnosis import diagnose
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, judge
from pytest_expops.wording import did_you_mean

SPARE = 4
"""So many interpreters are kept for diagnoses, besides one for each replay."""
_TOLD_APART = frozenset({"PYTEST_CURRENT_TEST"})
"""Variables that are another for each test, and that no run finds."""


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How often a call is replayed, what is varied besides the hash seed, and whether a difference is diagnosed."""

    replays: int = 1
    vary: tuple[str, ...] = ()
    diagnose: bool = True
    diagnose_timeout: float = 120.0


def thoroughness(replays: Any, vary: tuple[str, ...], diagnose: bool, diagnose_timeout: Any) -> Thoroughness:
    """Return how thoroughly to check, from arguments.

    Raises:
        CheckError: one of the numbers is not within its bounds.
    """
    seconds = checked_number("diagnose_timeout", diagnose_timeout)
    return Thoroughness(checked_number("replays", replays), vary, diagnose, seconds)


VARIABLE = tuple(name for name, source in SOURCES.items() if source.can_vary)
"""What checks can vary."""
FOR_PROGRAMS = tuple(name for name in VARIABLE if name != "files")
"""What those of programs can: which files are a program's own, and which are the project's, is not known."""


def sources(vary: str | Sequence[str], known: Sequence[str] = VARIABLE) -> tuple[str, ...]:
    """Return the sources of ``"clock,env"``, ``["clock", "env"]`` or ``"all"`` that can be varied here.

    Raises:
        CheckError: there is no such source, or it is not among the `known`.
    """
    names = [name.strip() for name in (vary.split(",") if isinstance(vary, str) else vary)]
    for name in names:
        if name and name in VARIABLE and name not in known:
            hint = "give it `{out}` to write to, which is empty in each run, or run it in a fresh checkout"
            raise CheckError(f"vary: `{name}` cannot be varied for a program", hint=hint)
        if name and name not in known and name != "all":
            hint = did_you_mean(name, known) or f"known are {', '.join(known)} and all"
            raise CheckError(f"vary: there is no source {name!r}", hint=hint)
    chosen = known if "all" in names else names
    available = (name for name in known if name in chosen and SOURCES[name].unavailable() is None)
    return tuple(name for name in available if name != "hashseed")


class Checker:
    """Checks calls, one after the other. What one check has learnt of libraries, the next one need not import again.

    `folder` takes records, results and temporary files; whoever makes the checker removes it.
    """

    def __init__(self, folder: Path, worker: str = "main") -> None:
        self._folder = folder / "checks"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._worker = worker
        self._pool: ReplicaPool | None = None
        # Beside the folder of the sessions, which a replay in a copy must not take for its project's.
        self._copies = folder.with_name(folder.name + scratch.COPIES)
        self._snapshots: dict[str, Snapshot | CopyRefused] = {}

    def keep_files(self, root: str, directory: str) -> None:
        """Copy a project as it is now, once; to be called before a first run whose replays are to vary the files.

        Args:
            root: the project.
            directory: where its functions run. If that is not in the project, it alone is copied.
        """
        base = _base(root, directory)
        if base not in self._snapshots:
            scratch.hold(self._copies)
            place = self._copies / str(len(self._snapshots)) / "before"
            try:
                self._snapshots[base] = take_snapshot(Path(base), place, [self._folder.parent, self._copies])
            except CopyRefused as refused:
                self._snapshots[base] = refused

    @property
    def out(self) -> str:
        """The path of the folder in which each run of a program finds nothing, and writes."""
        return str(self._folder / "out")

    def opened(self, check: FunctionCheck, call: CheckedCall) -> PipelineSession:
        """Return a session in which `call` can be run.

        Raises:
            CheckError: the function, or an argument, cannot be stored.
        """
        session = PipelineSession(check_pipeline(check), self._folder, worker=self._worker, watching=watched)
        try:
            given = {CALL: Output("", session.store.put(call, CALL))}
        except StoreError as error:
            raise _not_storable(session, check, call, error) from None
        session.adopt(RunRecord(ARGUMENTS, 0, Outcome.PASSED, given, started=UNPATCHED.time()))
        return session

    def verdicts(
        self,
        session: PipelineSession,
        check: FunctionCheck,
        how: Thoroughness,
        environment: Mapping[str, str] | None = None,
    ) -> list[Verdict]:
        """Return the verdict for each seed, or the one that there is; each first run must have passed.

        Args:
            session: what `opened` returned.
            check: what is checked.
            how: how thoroughly.
            environment: the variables that replays find; by default those that there are now.

        Raises:
            ReplayError: a replay could not be made.
        """
        found: list[Verdict] = []
        known = None
        pool = self.pool(how.replays, environment)
        how, unvaried = self._with_files(session, check, how, pool)
        for name in names_of(check):
            verdict = judge(session, name, pool, replays=how.replays, vary=how.vary)
            if verdict.status is ReplayStatus.DIFFERED and how.diagnose:
                diagnosis = diagnose(
                    session,
                    name,
                    pool,
                    vary=verdict.varied,
                    seconds=how.diagnose_timeout,
                    differences=verdict.differences,
                    known=known,
                )
                known = diagnosis if diagnosis.causes else known
                verdict = replace(verdict, diagnosis=diagnosis)
            found.append(replace(verdict, unvaried=verdict.unvaried or unvaried))
        tell_checked(session, check, found)
        return found

    def _with_files(
        self, session: PipelineSession, check: FunctionCheck, how: Thoroughness, pool: ReplicaPool
    ) -> tuple[Thoroughness, str]:
        """Return what can be varied, and why the files cannot be, if they were to."""
        pool.snapshots = {}
        if "files" not in how.vary:
            return how, ""
        snapshot = self._snapshots[_base(check.folders[0], check.directory)]
        if isinstance(snapshot, CopyRefused):
            return replace(how, vary=tuple(each for each in how.vary if each != "files")), str(snapshot)
        pool.snapshots = {session.folder: snapshot}
        return how, ""

    def elsewhere(self, session: PipelineSession, name: str, environment: Mapping[str, str] | None = None) -> RunRecord:
        """Run `name` in a fresh interpreter, as it is, and not here; return the record. `environment` is `verdicts`'s.

        Raises:
            ReplayError: it could not be made.
        """
        return self.run_elsewhere(session, name, environment).record

    def run_elsewhere(
        self, session: PipelineSession, name: str, environment: Mapping[str, str] | None = None
    ) -> Replay:
        """Run it as `elsewhere` does; return also what it printed."""
        return self.pool(1, environment).replay(session, name, Request(0, keep=Keep()), fresh=True)

    def pool(self, replays: int, environment: Mapping[str, str] | None = None) -> ReplicaPool:
        """Return the interpreters, which find these variables of the environment, or those that there are now."""
        found = os.environ if environment is None else environment
        environment = {name: value for name, value in found.items() if name not in _TOLD_APART}
        if self._pool is None:
            self._pool = ReplicaPool(environment, replays + SPARE)
        self._pool.environment = environment
        self._pool.most = max(self._pool.most, replays + SPARE)
        return self._pool

    def close(self) -> None:
        """End the interpreters, and remove the copies of projects."""
        scratch.remove(self._copies)
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _base(root: str, directory: str) -> str:
    """Return what is copied where the files are varied."""
    root, directory = os.path.realpath(root), os.path.realpath(directory)
    return root if directory == root or is_under(directory, root) else directory


def first_run(session: PipelineSession, name: str) -> Mapping[str, Any]:
    """Run `name` here, and return its outputs. What the user's function raises is raised."""
    __tracebackhide__ = True
    record = session.record(name)
    if record.outcome is not Outcome.PASSED:
        error = session.errors.get(name)
        assert error is not None
        if isinstance(error, FingerprintError | StoreError):  # of what was returned, which is no frame of the user's
            where = f"{shown_path(error.path)}: " if isinstance(error, FingerprintError) else ""
            message = error.message.removeprefix(where)
            raise CheckError(f"{name} cannot be checked: {shown_path(message)}", hint=error.hint)
        raise error.with_traceback(first_user_frame(error.__traceback__))
    return session.load(record)


def watched(runner: Runner) -> AbstractContextManager[Callable[[], Mapping[str, int]]]:
    """Note which files a first run writes; see `PipelineSession`."""
    places = map(str, (runner.pipeline.root, runner.pipeline.working_directory))
    return noting_writes(Scope(runner.project.owns_file, places, str(runner.folder.parent)))


def _not_storable(session: PipelineSession, check: FunctionCheck, call: CheckedCall, error: StoreError) -> CheckError:
    """Return the error that names which argument cannot be stored."""
    for name, value in named_arguments(call.function, call.args, call.kwargs).items():
        try:
            session.store.put(value, f"argument `{name}`")
        except StoreError as refused:
            hint = "make it within the function, which is run again in another interpreter"
            return CheckError(f"{check.name} cannot be checked: {refused.message}", hint=hint)
    return CheckError(f"{check.name} cannot be checked: the function cannot be stored: {error.message}")
