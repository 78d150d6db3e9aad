"""Two runs of one process become a verdict: same outputs and metrics, or the places where they differ (S7)."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_expops.errors import CopyRefused, ReplayError
from pytest_expops.execution.records import Outcome, Output, RunRecord
from pytest_expops.execution.runner import Keep
from pytest_expops.execution.seen import Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess, Kind, Tolerance
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from pytest_expops.replay.nondeterminism.earlier_processes import unrelated
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Replay, Request
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.amounts import rounded
from pytest_expops.values.comparison import Difference, compare
from pytest_expops.verdicts._reading_back import files_found
from pytest_expops.verdicts.findings import Diagnosis, ReadBack

EXACT = Tolerance()
SLACK = 0.2
"""Seconds that a first run may take beside the call of its function."""
MEASURES = ("monotonic", "perf_counter", "process_time", "thread_time", "sleep")
"""In the names of clocks that begin anywhere, and are read to see how long something takes."""
MOST_KEPT = 20
"""How many differences of one replay a verdict keeps."""
ENOUGH = 10_000
"""How many differences of one output are looked for at most."""


class ReplayStatus(enum.Enum):
    """What came of the replays of one process."""

    MATCHED = "matched"
    DIFFERED = "differed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one expanded process after `replays` replays.

    `differences` are the most telling `MOST_KEPT` of the `count` differences of the first replay that differed, which
    is numbered `attempt` and was run under `hash_seed`, with the sources `varied` besides. `traceback` is what that
    replay raised, if it did, and `printed` what it printed. `seen` is what the replays were seen to use, if they were
    watched. `found` are the files of an earlier run that replays which matched have read. `without` are files that the
    copy of the project was without in which the replay differed. `unvaried` says why the files could not be varied, if
    they were to be. `drew` are the sources, of those watched and not varied, that replays which matched were seen to
    draw from, but for those that made no difference when they were varied. `earlier` is whether it is of an earlier
    session, whose result was reused. `machines` are the processors of two machines, where the first run was made on one
    and the replays on the other.
    """

    process: str
    status: ReplayStatus
    replays: int
    differences: tuple[Difference, ...] = ()
    count: int = 0
    attempt: int = 0
    hash_seed: int = 0
    traceback: str = ""
    printed: str = ""
    varied: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    seen: Seen | None = None
    found: tuple[ReadBack, ...] = ()
    without: tuple[str, ...] = ()
    unvaried: str = ""
    drew: tuple[str, ...] = ()
    earlier: bool = False
    machines: tuple[str, ...] = ()

    @property
    def reproducing_hash_seed(self) -> int | None:
        """A `PYTHONHASHSEED` for the first run under which the difference shows again, where it depends on that.

        The first run's own is not known: Python draws it at random unless it is given.
        """
        return self.diagnosis.hash_seed if self.diagnosis else None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        diagnosis = self.diagnosis.to_json() if self.diagnosis else None
        seen = self.seen.to_json() if self.seen else None
        plain = dataclasses.asdict(replace(self, diagnosis=None, seen=None))
        return {**plain, "status": self.status.value, "diagnosis": diagnosis, "seen": seen}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: `data` is not what `to_json` gives.
        """
        differences = tuple(Difference(**each) for each in data["differences"])
        diagnosis = Diagnosis.from_json(data["diagnosis"]) if data["diagnosis"] else None
        converted = {"status": ReplayStatus(data["status"]), "differences": differences, "diagnosis": diagnosis}
        found = tuple(map(ReadBack.from_json, data["found"]))
        plain = {key: tuple(data[key]) for key in ("varied", "without", "drew", "machines")}
        seen = Seen.from_json(data["seen"]) if data["seen"] else None
        return cls(**{**data, **converted, **plain, "found": found, "seen": seen})


def why_not_replayed(each: ExpandedProcess, mode: str, *, has_function: bool = False) -> str | None:
    """Return why a process is not replayed under ``--expops-replay=MODE`` (S7.1), or None where it is.

    Args:
        each: one process at one partition and seed.
        mode: ``all``, ``seeded`` or ``none``.
        has_function: of a split without code, whether its script has a function of its name all the same.
    """
    process = each.process
    if process.kind is Kind.CHART:
        return "draws a chart"
    if process.kind is Kind.PASS_THROUGH and not has_function:
        return "no function of it was replayed"
    if process.not_replayed is not None:
        return process.not_replayed
    if mode == "none" or (mode == "seeded" and not each.seeds):
        return "under no seed layer" if mode == "seeded" else "--expops-replay=none"
    return None


def judge(
    session: PipelineSession,
    name: str,
    pool: ReplicaPool,
    *,
    replays: int,
    vary: Sequence[str] = (),
    watch: Sequence[str] = (),
) -> Verdict:
    """Replay `name` until a replay differs from its first run, or `replays` of them matched.

    The first run must have passed. Each replay has a hash seed of its own, and varies the sources `vary` as well. One
    that reads the time of day in the second of the first run is made again by another clock; where that differs, once
    more by the true one, in a later second. Which of the sources `watch` it draws from is remembered, where these are
    not varied.

    Raises:
        ReplayError: a replay could not be made.
        StorageTrouble: it differs, but what it was made with, or is compared with, is not as it was stored.
    """
    vary, printed, unvaried = tuple(vary), "", ""
    seen: Seen | None = None
    found: dict[str, ReadBack] = {}
    drew: set[str] = set()
    for number in range(1, replays + 1):
        try:
            made = _made(session, name, pool, number, vary, watch)
        except CopyRefused as refused:
            vary, unvaried = _but_files(vary), str(refused)
            made = _made(session, name, pool, number, vary, watch)
        replay, printed, unvaried = made.replay, made.replay.printed, unvaried or made.unvaried
        if replay.record.seen is not None:
            seen = replay.record.seen | (seen or Seen())
        if made.differences:
            session.verify(name)
            failure = replay.record.failure
            return Verdict(
                name,
                ReplayStatus.DIFFERED,
                number,
                tuple(sorted(made.differences, key=_privacy)[:MOST_KEPT]),
                len(made.differences),
                replay.record.attempt,
                replay.hash_seed,
                failure.traceback if failure else "",
                printed,
                made.varied,
                without=made.without,
                unvaried=unvaried,
                seen=seen,
            )
        for file in files_found(session, name, replay):
            found.setdefault(file.path, file)
        natural = (each for each in watch if each not in vary and each not in made.indifferent)
        drew.update(each for each in natural if draws_from(each, replay))
    return Verdict(
        name,
        ReplayStatus.MATCHED,
        replays,
        printed=printed,
        found=tuple(found.values()),
        unvaried=unvaried,
        seen=seen,
        drew=tuple(sorted(drew)),
    )


def gives_the_same_under(session: PipelineSession, name: str, pool: ReplicaPool, vary: Sequence[str]) -> bool:
    """Return whether one more replay of `name` gives what its first run did where these sources are varied.

    Raises:
        ReplayError: it could not be made.
    """
    made = _made(session, name, pool, 1, tuple(vary))
    return not made.differences


@dataclass(frozen=True, slots=True)
class _Made:
    """A replay, where it differs from the first run, and what it varied. For the rest see `Verdict`.

    `indifferent` are the sources that a second replay varied, and gave the same again.
    """

    replay: Replay
    differences: tuple[Difference, ...]
    varied: tuple[str, ...]
    without: tuple[str, ...] = ()
    unvaried: str = ""
    indifferent: tuple[str, ...] = ()


def _made(
    session: PipelineSession,
    name: str,
    pool: ReplicaPool,
    number: int,
    vary: tuple[str, ...],
    watch: Sequence[str] = (),
) -> _Made:
    """Make replay `number`, and tell what is missing in a copy of the project from what else it is that differs."""
    first = session.record(name)

    def make(conditions: Mapping[str, Setting], varied: tuple[str, ...]) -> _Made:
        request = replay_request(session, name, number, vary)
        request = replace(request, conditions={**request.conditions, **conditions})
        soon = "clock" not in request.conditions and UNPATCHED.time() < _next_second(first)
        watched = dict.fromkeys([*(["clock"] if soon else []), *(each for each in watch if each not in varied)])
        request = replace(request, watch_only=tuple(watched))
        replay = pool.replay(session, name, request)
        differences = differences_between(session, name, first, replay.record)
        indifferent: tuple[str, ...] = ()
        if soon and not differences and tells_time(replay):
            # Two stamps of one second are alike.
            if _only_libraries_tell_time(replay) and _is_same_by_another_clock(session, name, pool, request):
                indifferent = ("clock",)
            else:
                UNPATCHED.sleep(max(0.0, _next_second(first) - UNPATCHED.time()))
                replay = pool.replay(session, name, request)
                differences = differences_between(session, name, first, replay.record)
        before = replay.first_call
        if before is not None and (found := differences_between(session, name, first, before)):
            # It needs no second call to differ.
            alone = tuple(each for each in varied if each != "order")
            return _Made(replace(replay, record=before), found, alone)
        return _Made(replay, differences, varied, indifferent=indifferent)

    made = make({}, vary)
    if not made.differences or "files" not in vary:
        return made
    in_place = make({"files": NATURAL}, _but_files(vary))
    if in_place.differences:
        return in_place
    elsewhere = {each.path for each in make({"files": HELD}, vary).differences}
    left = tuple(each for each in made.differences if each.path not in elsewhere)
    read = {each.path for each in in_place.replay.met}
    without = tuple(each for each in made.replay.without if each in read) or made.replay.without
    unvaried = "in a copy of the project with all files it differs, too (its results hold the path of the project, say)"
    return replace(made, differences=left, without=without, unvaried="" if left else unvaried)


def _is_same_by_another_clock(session: PipelineSession, name: str, pool: ReplicaPool, request: Request) -> bool:
    """Return whether a replay by a clock that shows another time gives what the first run gave, as far as one tells."""
    clock = Setting(Mode.VARIED, request.attempt)
    request = replace(request, conditions={**request.conditions, "clock": clock}, watch_only=())
    try:
        replay = pool.replay(session, name, request)
    except ReplayError:  # not by the true clock
        return False
    return not differences_between(session, name, session.record(name), replay.record)


def _only_libraries_tell_time(replay: Replay) -> bool:
    """Return whether a library read the time of day on its own account, and nothing else is known to have.

    Programs and servers have clocks that nobody varies. A line of the project that asks for the time itself may well
    ask where it is not varied either (`numpy.datetime64("now")`, a database).
    """
    seen = replay.record.seen
    names = ((site, site.what.rpartition(".")[2].removesuffix("()")) for site in replay.sites.get("clock", ()))
    return seen is not None and not seen.beyond and not any(name in site.code for site, name in names)


def _but_files(vary: Sequence[str]) -> tuple[str, ...]:
    return tuple(each for each in vary if each != "files")


def _next_second(first: RunRecord) -> float:
    """Return when the whole second is over in which a first run, its outputs stored, has ended."""
    return math.floor(first.started + first.duration + SLACK) + 1


def draws_from(source: str, replay: Replay) -> bool:
    """Return whether the process, or a library on its behalf, was seen to draw from a source that was watched."""
    return tells_time(replay) if source == "clock" else bool(replay.sites.get(source))


def tells_time(replay: Replay) -> bool:
    """Return whether the process, or a library on its behalf, was seen to read the time of day."""
    return any(not any(name in site.what for name in MEASURES) for site in replay.sites.get("clock", ()))


def _privacy(difference: Difference) -> int:
    """Return a key that sorts what people know, ``.coef_``, before what a library keeps to itself, ``._optimizer``."""
    return difference.path.count("._")


def replay_request(session: PipelineSession, name: str, number: int, vary: Sequence[str]) -> Request:
    """Return how replay `number` (1, 2, ...) of `name` is made: the same in every session."""
    conditions = replay_conditions(number, vary)
    equal = {key: output.digest for key, output in session.record(name).outputs.items()}
    before = others(session, name) if "order" in conditions else ()
    return Request(number, conditions, Keep(equal=equal), before)


def replay_conditions(number: int, vary: Sequence[str]) -> dict[str, Setting]:
    """Return what replay `number` varies against the first run: the hash seed, and the sources `vary`."""
    return dict.fromkeys(("hashseed", *vary), Setting(Mode.VARIED, number))


def others(session: PipelineSession, name: str) -> tuple[str, ...]:
    """Return the processes that run before a replay that varies the order."""
    chosen = unrelated(name, session.expanded)
    if session.expanded.pipeline.check is not None:
        return chosen
    # Their inputs must be there, and their own run would fail a replay as well as another's.
    return tuple(each for each in chosen if session.record(each).outcome is Outcome.PASSED)


def differences_between(
    session: PipelineSession, name: str, first: RunRecord, second: RunRecord
) -> tuple[Difference, ...]:
    """Return where two runs of `name` that kept their outputs differ, by what the config takes for equal (S7.2)."""
    process = session.expanded[name].process
    if second.outcome is not Outcome.PASSED:
        summary = second.failure.summary if second.failure else second.outcome.value
        return (Difference("outcome", "passed", summary, "the replay raised, the first run did not"),)
    # Metrics first: they say at once how much it matters.
    found = series_differences(series_of(first), series_of(second), process.tolerances.get(None, EXACT))
    for key in sorted(first.outputs.keys() | second.outputs.keys()):
        path = f"outputs[{key!r}]"
        expected, obtained = first.outputs.get(key), second.outputs.get(key)
        if expected is None or obtained is None:
            found.append(Difference(path, _presence(expected), _presence(obtained), "key in one run only"))
        elif expected.digest != obtained.digest:
            tolerance = process.tolerances.get(key, process.tolerances.get(None, EXACT))
            found += _output_differences(session, path, expected, obtained, tolerance)
    return tuple(found)


def _presence(output: Output | None) -> str:
    return "missing" if output is None else "a value"


def _output_differences(
    session: PipelineSession, path: str, expected: Output, obtained: Output, tolerance: Tolerance
) -> tuple[Difference, ...]:
    assert expected.artifact is not None
    assert obtained.artifact is not None
    with session.runner.project.entered():
        found = compare(
            session.store.get(expected.artifact),
            session.store.get(obtained.artifact),
            rtol=tolerance.rtol,
            atol=tolerance.atol,
            path=path,
            limit=ENOUGH,
        )
    if not found and tolerance.exact:
        # The fingerprints are the judge; the comparison only says where and how much.
        return (Difference(path, expected.digest, obtained.digest, "the fingerprints differ"),)
    return found


def series_differences(
    expected: Series, obtained: Series, tolerance: Tolerance, sides: tuple[str, str] = ("the first run", "the replay")
) -> list[Difference]:
    """Return where logged metrics differ; of a series the first reading that does, with how many do, and how far.

    Args:
        expected: the readings of each metric, by step.
        obtained: the same of the other run.
        tolerance: what numbers are granted.
        sides: what the two are called.
    """
    if expected.keys() != obtained.keys():
        return list(compare(expected, obtained, rtol=tolerance.rtol, atol=tolerance.atol, path="metrics"))
    found: list[Difference] = []
    for name in expected:
        path, one, other = f"metrics[{name!r}]", expected[name], obtained[name]
        each = compare(one, other, rtol=tolerance.rtol, atol=tolerance.atol, path=path, limit=ENOUGH)
        found += _summed_up(each, path, one, other, sides)
    return found


def _summed_up(
    found: tuple[Difference, ...],
    path: str,
    expected: Mapping[int | None, Any],
    obtained: Mapping[int | None, Any],
    sides: tuple[str, str],
) -> tuple[Difference, ...]:
    """Sum up the differences of a series of several readings in the first: how many differ, and by how much."""
    if len(found) < 2 or any(type(value) is not float for value in [*expected.values(), *obtained.values()]):
        return found
    shared = [step for step in expected if step in obtained]
    places = {each.path: each for each in found}
    differing = [step for step in shared if f"{path}[{step}]" in places]
    if not differing:
        return found
    delta = max((abs(expected[step] - obtained[step]) for step in differing), key=lambda gap: (gap == gap, gap))
    detail = f"{len(differing)} of {len(shared)} readings differ; max |delta| = {rounded(delta)}"
    if len(expected) != len(obtained):
        detail += f"; {len(expected)} readings in {sides[0]}, {len(obtained)} in {sides[1]}"
    return (replace(places[f"{path}[{differing[0]}]"], detail=detail),)


Series = Mapping[str, Mapping[int | None, Any]]


def series_of(record: RunRecord) -> dict[str, dict[int | None, Any]]:
    """Return the metrics as ``{"step/name": {step: value}}``."""
    series: dict[str, dict[int | None, Any]] = {}
    for metric in record.metrics:
        name = f"{metric.source}/{metric.name}" if metric.source else metric.name
        series.setdefault(name, {})[metric.step] = metric.value
    return series
