"""Where the time of a session went: in work, replays, diagnosis and starting, and on the longest path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import CheckResult, Report, Subject


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds in one thing, over all workers."""

    what: str
    seconds: float
    note: str = ""


def spent(report: Report) -> tuple[Spent, ...]:
    """Return what took how long, over all workers; it is more than the session lasted where several ran at once."""
    by_kind: dict[str, float] = {}
    for check in report.checks:
        by_kind[check.kind] = by_kind.get(check.kind, 0.0) + check.seconds
    processes = [each for each in report.subjects if each.config]
    functions = [each for each in report.subjects if not each.config]
    items = by_kind.pop("process", 0.0) + by_kind.pop("chart", 0.0)
    replays = by_kind.pop("replay", 0.0)
    found = [
        Spent("work", _work(report.subjects), "the functions themselves, in their first run"),
        Spent("around it", items - _work(processes), "reading inputs, taking fingerprints of results, storing them"),
        Spent(
            "replays", replays - _diagnosis(processes), "running processes again in fresh interpreters, and comparing"
        ),
        Spent("diagnosis", _diagnosis(report.subjects), "finding out why replays differed"),
        Spent(
            "other checks",
            sum(by_kind.values()) - _work(functions) - _diagnosis(functions),
            "baselines, splits, properties, claims; and what tests did, replays of functions among it",
        ),
    ]
    first = _first(report)
    if first is not None:
        found.append(Spent("starting", first - report.session.began, "from the start of pytest to the first item"))
    return tuple(each for each in found if each.seconds > 0.0005)


def _work(subjects: Iterable[Subject]) -> float:
    return sum(each.seconds for each in subjects if each.outcome is not Outcome.BLOCKED)


def _diagnosis(subjects: Iterable[Subject]) -> float:
    return sum(each.judgement.diagnosis_seconds for each in subjects if each.judgement is not None)


def _first(report: Report) -> float | None:
    return min((each.started for each in report.checks if each.started), default=None)


def longest_path(subjects: Sequence[Subject]) -> tuple[tuple[Subject, ...], float]:
    """Return the chain of subjects, each depending on the one before, whose work took longest, and how long.

    No number of workers makes a session shorter than that.
    """
    known = {each.id: each for each in subjects}
    reached: dict[str, float] = {}
    before: dict[str, str] = {}
    for each in _after_upstream(subjects, known):
        last = max((name for name in each.upstream if name in reached), key=reached.__getitem__, default=None)
        reached[each.id] = each.seconds + (reached[last] if last is not None else 0.0)
        if last is not None:
            before[each.id] = last
    if not reached:
        return (), 0.0
    name: str | None = max(reached, key=reached.__getitem__)
    assert name is not None
    seconds, chain = reached[name], []
    while name is not None:
        chain.append(known[name])
        name = before.get(name)
    return tuple(reversed(chain)), seconds


def _after_upstream(subjects: Sequence[Subject], known: Mapping[str, Subject]) -> list[Subject]:
    """Return the subjects, each after all that it depends on; those of a circle, which no config has, are left out."""
    waiting = {each.id: sum(name in known for name in dict.fromkeys(each.upstream)) for each in subjects}
    downstream: dict[str, list[str]] = {}
    for each in subjects:
        for name in dict.fromkeys(each.upstream):
            downstream.setdefault(name, []).append(each.id)
    ready = [name for name, count in waiting.items() if not count]
    ordered = []
    while ready:
        name = ready.pop()
        ordered.append(known[name])
        for each_ in downstream.get(name, ()):
            waiting[each_] -= 1
            if not waiting[each_]:
                ready.append(each_)
    return ordered


def busy(checks: Sequence[CheckResult]) -> dict[str, float]:
    """Return how long each worker ran items, by its name, in the order of the names."""
    found: dict[str, float] = {}
    for each in checks:
        found[each.worker] = found.get(each.worker, 0.0) + each.seconds
    return {name: found[name] for name in sorted(found, key=lambda name: (len(name), name))}
