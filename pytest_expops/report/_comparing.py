"""Two sessions side by side: which verdicts, causes, results, metrics, times and libraries are not what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.report.model import Report, SharedCause, Subject
from pytest_expops.report.page.marks import VerdictMark, mark_of, mark_of_check
from pytest_expops.report.page.metrics import last_value
from pytest_expops.report.page.showing import number_of
from pytest_expops.report.page.times import spent
from pytest_expops.report.text import headline

MOST_ROWS = 2_000
"""So many rows of a kind are shown."""


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """Subjects, or items, whose verdict was `before` and is `after`; None where a session has none of them."""

    before: VerdictMark | None
    after: VerdictMark | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CauseChange:
    """A cause in the sessions that have it; in the one that does not, `tried` of its results were run again."""

    before: SharedCause | None
    after: SharedCause | None
    tried: int = 0


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One value of `what`, as text; `difference` where both are numbers."""

    what: str
    of: str
    before: str
    after: str
    difference: float | None = None


@dataclass(frozen=True, slots=True)
class ComparedSessions:
    """What is not the same in two sessions. `common` subjects are in both, `same_metrics` have the same value."""

    before: Report
    after: Report
    headlines: tuple[str, str]
    sentence: str
    common: int
    verdicts: tuple[VerdictChange, ...]
    items: tuple[VerdictChange, ...]
    causes: tuple[CauseChange, ...]
    results: tuple[ValueChange, ...]
    metrics: tuple[ValueChange, ...]
    same_metrics: int
    baseline: tuple[ValueChange, ...]
    times: tuple[ValueChange, ...]
    environment: tuple[ValueChange, ...]


def compare_sessions(before: Report, after: Report) -> ComparedSessions:
    """Return what changed from one session to another."""
    pairs = _pairs(before, after)
    both = {name: (one, other) for name, (one, other) in pairs.items() if one is not None and other is not None}
    verdicts = _verdict_changes({name: (_mark(one), _mark(other)) for name, (one, other) in pairs.items()})
    causes = tuple(_cause_changes(before, after))
    metrics = list(_metrics(both))
    changed = sum(len(each.names) for each in verdicts if each.before is not None and each.after is not None)
    return ComparedSessions(
        before=before,
        after=after,
        headlines=(headline(before), headline(after)),
        sentence=_sentence(changed, len(both), causes),
        common=len(both),
        verdicts=verdicts,
        items=_items(before, after),
        causes=causes,
        results=tuple(_results(both)),
        metrics=tuple(each for each in metrics if each.before != each.after),
        same_metrics=sum(each.before == each.after for each in metrics),
        baseline=tuple(_baseline(both)),
        times=tuple(_times(before, after)),
        environment=tuple(_environment(before, after)),
    )


def _sentence(changed: int, common: int, causes: Sequence[CauseChange]) -> str:
    if not common:
        return "The sessions have no result in common"
    gone = sum(each.after is None for each in causes)
    new = sum(each.before is None for each in causes)
    said = f"{changed or 'None'} of {common} verdicts changed"
    if gone:
        said += f"; {gone} cause{' is' if gone == 1 else 's are'} not seen any more"
    if new:
        said += f"; {new} cause{' is' if new == 1 else 's are'} new"
    return said


def _mark(subject: Subject | None) -> VerdictMark | None:
    return mark_of(subject) if subject is not None else None


_Pair = tuple[Subject | None, Subject | None]
_Both = Mapping[str, tuple[Subject, Subject]]


def _pairs(before: Report, after: Report) -> dict[str, _Pair]:
    """Return all subjects by what they are called: if there is one config, an expanded process by its own name."""
    single = len({each.config for report in (before, after) for each in report.subjects}) == 1
    one, other = (
        {each.name if single and each.config else each.id: each for each in report.subjects}
        for report in (before, after)
    )
    return {name: (one.get(name), other.get(name)) for name in {**one, **other}}


def _verdict_changes(
    pairs: Mapping[str, tuple[VerdictMark | None, VerdictMark | None]],
) -> tuple[VerdictChange, ...]:
    found: dict[tuple[VerdictMark | None, VerdictMark | None], list[str]] = {}
    for name, (one, other) in pairs.items():
        if one != other:
            found.setdefault((one, other), []).append(name)
    most_first = sorted(found.items(), key=lambda each: (None in each[0], -len(each[1])))
    return tuple(VerdictChange(*pair, tuple(names)) for pair, names in most_first)


def _items(before: Report, after: Report) -> tuple[VerdictChange, ...]:
    """Return the changed items that are about no single subject: splits, properties, claims."""
    sides = []
    for report in (before, after):
        subjects = {each.id for each in report.subjects}
        sides.append(
            {each.id: mark_of_check(each) for each in report.checks if not subjects.intersection(each.subjects)}
        )
    one, other = sides
    return _verdict_changes({name: (one.get(name), other.get(name)) for name in {**one, **other}})


def _cause_changes(before: Report, after: Report) -> Iterator[CauseChange]:
    """Yield the causes: new ones first, then those that are not seen any more, then those of both sessions."""
    one, other = ({_cause_key(each, report): each for each in report.causes} for report in (before, after))
    judged = [{subject.id for subject, _ in report.judged()} for report in (before, after)]
    for key, cause in other.items():
        if key not in one:
            yield CauseChange(None, cause, len(judged[0].intersection(cause.subjects)))
    for key, cause in one.items():
        if key not in other:
            yield CauseChange(cause, None, len(judged[1].intersection(cause.subjects)))
    for key, cause in one.items():
        if key in other:
            yield CauseChange(cause, other[key])


def _cause_key(cause: SharedCause, report: Report) -> tuple[object, ...]:
    """Return what a cause is known by though its line has moved: its sources, and the text of the line."""
    sources = tuple(each.source for each in cause.why) or (cause.title,)
    if cause.where is not None:
        return (cause.declared, sources, cause.where.file, cause.where.function, cause.where.code)
    groups = {each.id: each.group for each in report.subjects}
    return (cause.declared, sources, groups.get(cause.example, cause.example))


def _results(both: _Both) -> Iterator[ValueChange]:
    for called, (one, other) in both.items():
        before, after = ({each.key: each.digest for each in subject.outputs} for subject in (one, other))
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                yield ValueChange(key, called, before.get(key, ""), after.get(key, ""))


def _metrics(both: _Both) -> Iterator[ValueChange]:
    for called, (one, other) in both.items():
        before, after = ({each.name: last_value(each) for each in subject.metrics} for subject in (one, other))
        for name in {**before, **after}:
            then, now = before.get(name), after.get(name)
            numbers = number_of(then), number_of(now)
            difference = numbers[1] - numbers[0] if numbers[0] is not None and numbers[1] is not None else None
            yield ValueChange(
                name, called, str(then) if name in before else "", str(now) if name in after else "", difference
            )


def _baseline(both: _Both) -> Iterator[ValueChange]:
    for called, (one, other) in both.items():
        before, after = (each.baseline.agreement.value if each.baseline else "" for each in (one, other))
        if before != after:
            yield ValueChange("baseline", called, before, after)


def _times(before: Report, after: Report) -> Iterator[ValueChange]:
    """Yield all times in seconds, as `before` and `after` of each: the session's, and what they were spent in."""
    one, other = before.session.seconds, after.session.seconds
    yield ValueChange("the session", "", str(one), str(other), other - one)
    sides = [{each.what: each.seconds for each in spent(report)} for report in (before, after)]
    for what in {**sides[0], **sides[1]}:
        then, now = (side.get(what, 0.0) for side in sides)
        yield ValueChange(what, "", str(then), str(now), now - then)
    groups = [_by_group(report) for report in (before, after)]
    for name in groups[0]:
        if name in groups[1]:
            (then, count), (now, others) = groups[0][name], groups[1][name]
            if count == others:  # of other partitions or seeds, the sum says nothing
                yield ValueChange(f"work of {name}", "", str(then), str(now), now - then)


def _by_group(report: Report) -> dict[str, tuple[float, int]]:
    found: dict[str, tuple[float, int]] = {}
    for each in report.subjects:
        seconds, count = found.get(each.group, (0.0, 0))
        found[each.group] = (seconds + each.seconds, count + 1)
    return found


def _environment(before: Report, after: Report) -> Iterator[ValueChange]:
    one, other = before.session, after.session
    for of, then, now in (
        ("version", one.versions, other.versions),
        ("machine", one.machine, other.machine),
        ("option", one.options, other.options),
        ("git", {"commit": one.commit}, {"commit": other.commit}),
    ):
        for name in {**then, **now}:
            if then.get(name) != now.get(name):
                yield ValueChange(name, of, then.get(name, ""), now.get(name, ""))
