"""Replays made to find something out, and in what their results differ."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.errors import ReplayTimeout, ReplayTookTooLong, ReplicaDied
from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.execution.runner import Keep
from pytest_expops.execution.session import PipelineSession
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import SHARED, TRIAL, Replay, Request, hash_seed_number
from pytest_expops.replay.tracing import Target
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.verdicts.replay import differences_between, others, tells_time

OUTCOME = "outcome"
"""The path at which a run that failed differs from one that passed."""
CONTROLS = 3
"""So many trials with nothing held are made in two interpreters, with two hash seeds; later ones in two more."""


class OutOfTime(Exception):
    """The time given to a diagnosis has run out."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run, and the digest of every part of its results by path; none if it failed."""

    replay: Replay
    parts: Mapping[str, str]

    @property
    def record(self) -> RunRecord:
        return self.replay.record

    @property
    def passed(self) -> bool:
        return self.record.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True)
class Plan:
    """How a trial is made: which sources are `held` fixed, and what else is different.

    `only` narrows what is held of a source (see `Setting`). `before` are processes to run first on the same modules;
    None leaves that to what the session varies. `watch`, `trace`, `lines` and `alerts` are `Request`'s. A `fresh` trial
    has a new interpreter; others have children of one that has imported libraries. `numbers` sets sources to one of
    their values: the hash seed to that of a number, what the session varies to how it is (0) or to what it is in
    replays of a number. One made `in_place` finds the files as they are, where the session varies them.
    """

    held: frozenset[str] = frozenset()
    only: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    before: tuple[str, ...] | None = None
    watch: bool = False
    trace: bool = False
    lines: Target | None = None
    fresh: bool = False
    numbers: Mapping[str, int] = dataclasses.field(default_factory=dict)
    in_place: bool = False
    alerts: bool = False


class Trials:
    """The trials of one process. `vary` is what the session's replays vary besides the hash seed."""

    def __init__(
        self, session: PipelineSession, name: str, pool: ReplicaPool, vary: Sequence[str], deadline: float
    ) -> None:
        self.session = session
        self.name = name
        self.vary = tuple(vary)
        self.deadline = deadline
        self.runs = 0
        process = session.expanded[name].process
        self._exact = all(each.exact for each in process.tolerances.values())
        self._pool = pool
        self._latest: Trial | None = None
        """The last with nothing held."""
        self._tells_time = False
        self._by_seconds = False
        """Whether two of those agreed within one second, while the process reads the time of day."""
        self.first = self._first()

    @property
    def seconds_left(self) -> float:
        return self.deadline - UNPATCHED.monotonic()

    def make(self, plan: Plan, number: int) -> Trial:
        """Trial `number` (0, 1, ...) of a plan: under the hash seed of `interpreter_of(number)`, unless that is held.

        What the session varies is as in the first run in interpreter 0, and varied in the others; but the files are
        varied in all, since what they hide is to be found.

        Raises:
            OutOfTime: there is no time left for it.
        """
        if not plan.held and self._by_seconds and self._latest is not None:
            UNPATCHED.sleep(min(1, max(0, math.floor(self._latest.record.started) + 1 - UNPATCHED.time())))
        left = self.seconds_left
        if left <= 0:
            raise OutOfTime
        self.runs += 1
        conditions = self._conditions(plan, number)
        varied_order = conditions.get("order", NATURAL).mode is Mode.VARIED
        before = plan.before if plan.before is not None else others(self.session, self.name) if varied_order else ()
        keep = Keep(values=not self._exact, leaves=True)
        attempt = SHARED if "tmpdir" in plan.held else TRIAL + self.runs
        request = Request(attempt, conditions, keep, before, plan.watch, plan.trace, plan.lines, alerts=plan.alerts)
        try:
            replay = self._pool.replay(
                self.session,
                self.name,
                request,
                copy=_copy(plan, number),
                # Children of one interpreter find other addresses on purpose.
                fresh=plan.fresh or is_fixed(plan),
                timeout=left,
            )
        except ReplayTimeout:
            raise OutOfTime from None
        except (ReplicaDied, ReplayTookTooLong) as error:
            failure = Failure(type(error).__name__, str(error), str(error))
            replay = Replay(RunRecord(self.name, request.attempt, Outcome.CRASHED, failure=failure))
        trial = Trial(replay, _parts(replay.record))
        if not plan.held:
            self._see_seconds(trial)
        return trial

    def _see_seconds(self, trial: Trial) -> None:
        """Look whether trials are to be made in different seconds, for stamps in whole ones to differ."""
        latest, self._latest = self._latest, trial
        self._tells_time |= tells_time(trial.replay)
        if self._tells_time and latest is not None and not self.differing(latest, trial):
            self._by_seconds |= math.floor(latest.record.started) == math.floor(trial.record.started)

    def differing(self, one: Trial, other: Trial) -> frozenset[str]:
        """The paths at which two runs differ; two that failed alike do not.

        A part that only one of them has is told by the output or metric that it is in: its own path may be another in
        each run, as with a dict by `id()`.
        """
        if not (one.passed and other.passed):
            alike = not one.passed and not other.passed and _summary(one.record) == _summary(other.record)
            return frozenset() if alike else frozenset({OUTCOME})
        if self._exact:
            paths = one.parts.keys() | other.parts.keys()
            apart = [path for path in paths if one.parts.get(path) != other.parts.get(path)]
            both = one.parts.keys() & other.parts.keys()
            return frozenset(path if path in both else root_of(path) for path in apart)
        found = differences_between(self.session, self.name, one.record, other.record)
        return frozenset(difference.path for difference in found)

    def _conditions(self, plan: Plan, number: int) -> dict[str, Setting]:
        which = interpreter_of(number)
        conditions = {"hashseed": Setting(Mode.VARIED, hash_number_of(number))}
        for source in self.vary:
            conditions[source] = Setting(Mode.VARIED, which) if which else NATURAL
        if "files" in self.vary:
            conditions["files"] = NATURAL if plan.in_place else Setting(Mode.VARIED, 1)
        for source in plan.held:
            if SOURCES[source].can_hold or SOURCES[source].holds_unseeded:
                conditions[source] = dataclasses.replace(HELD, only=plan.only.get(source, ()))
            else:
                conditions[source] = NATURAL
        if is_fixed(plan):
            conditions["hashseed"] = HELD
        for source, value in plan.numbers.items():
            conditions[source] = Setting(Mode.VARIED, value) if value else NATURAL
        return conditions

    def _first(self) -> Trial:
        record = self.session.record(self.name)
        parts = dict(_metric_parts(record))
        if self._exact:
            values = self.session.load(record)
            with self.session.runner.project.entered():
                for key, value in values.items():
                    leaves = fingerprint(value, f"outputs[{key!r}]").leaves
                    parts.update((leaf.path, leaf.digest) for leaf in leaves)
        return Trial(Replay(record), parts)


def among(trials: Trials, made: Sequence[Trial]) -> frozenset[str]:
    """The paths at which any two of some trials differ."""
    found: set[str] = set()
    for one, other in itertools.combinations(made, 2):
        found |= trials.differing(one, other)
    return frozenset(found)


def agrees(differing: frozenset[str], paths: frozenset[str]) -> bool:
    """Return whether a run that differs from another at `differing` gives what that one gives at `paths`.

    One that has no such output does not, and one that passes as the other does has to give all that the other gave.
    """
    if OUTCOME in paths | differing:
        return not differing
    roots = {root_of(path) for path in paths}
    return not any(path in paths or path in roots or root_of(path) in paths for path in differing)


def interpreter_of(number: int) -> int:
    """Which of four interpreters a trial is made in: 0 and 1 in turn, and 2 and 3 once two have not shown enough."""
    return number % 2 if number < CONTROLS else 2 + number % 2


def hash_number_of(number: int) -> int:
    """Return the number of the hash seed of a trial, unless that is held."""
    return hash_seed_number(interpreter_of(number))


def is_fixed(plan: Plan) -> bool:
    """Whether a plan fixes all addresses, and not only those that some lines ask for: that takes the hash seed too."""
    return "addresses" in plan.held and not plan.only.get("addresses")


def root_of(path: str) -> str:
    """The output or metric that a path is in."""
    root, bracket, _ = path.partition("]")
    return root + bracket


def _copy(plan: Plan, number: int) -> int:
    """Which of several interpreters that are started alike."""
    # The second only where the first two trials, in one, agree.
    return number // 2 % 2 if "hashseed" in plan.held else 0


def _parts(record: RunRecord) -> dict[str, str]:
    parts = dict(_metric_parts(record))
    for output in record.outputs.values():
        parts.update(output.leaves)
    return parts


def _metric_parts(record: RunRecord) -> Iterable[tuple[str, str]]:
    for metric in record.metrics:
        name = f"{metric.source}/{metric.name}" if metric.source else metric.name
        yield f"metrics[{name!r}][{metric.step}]", repr(metric.value)


def _summary(record: RunRecord) -> str:
    return record.failure.summary if record.failure else record.outcome.value
