"""All that the page of a report shows, ready for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import CheckResult, Report, SharedCause, Subject
from pytest_expops.report.page._graph import Node, graph
from pytest_expops.report.page._groups import Shown, SubjectGroup, groups_of, of_pipeline, other_checks
from pytest_expops.report.page._lanes import Lane, lanes
from pytest_expops.report.page._svg import Svg
from pytest_expops.report.page.marks import DRIFTED, VerdictMark, counted, mark_of_replay
from pytest_expops.report.page.metrics import Metrics, metrics_of
from pytest_expops.report.page.times import Spent, longest_path, spent
from pytest_expops.report.text import CountsOfReport, headline, numbers
from pytest_expops.verdicts.baseline.baseline import Agreement

FIRST_DIFFERENCES = 5
"""Of one subject so many are shown at once, and the rest of what the report keeps when asked for."""
MOST_DIFFERENCES = 10_000
MOST_PRINTED = 3_000_000
"""So many differences, and characters that items printed or failed with, are on the whole page."""
MOST_PATH = 100


@dataclass(frozen=True, slots=True)
class Drawn:
    """The graph of one pipeline, and its base processes."""

    config: str
    expanded: int
    lock: str
    base_seed: str
    chart: Svg
    groups: tuple[SubjectGroup, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong besides replays that differ: once, with the items of which it is told."""

    what: str
    gist: str
    members: tuple[Shown, ...]
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What the templates get. `differences` and `printed` are how much each item may show."""

    report: Report
    headline: str
    numbers: CountsOfReport
    running: bool
    shown: Mapping[str, Shown]
    causes: tuple[tuple[SharedCause, tuple[Shown, ...]], ...]
    troubles: tuple[Trouble, ...]
    skipped: tuple[tuple[str, tuple[CheckResult, ...]], ...]
    failed: tuple[Shown, ...]
    verdicts: tuple[tuple[VerdictMark, int], ...]
    pipelines: tuple[Drawn, ...]
    groups: tuple[SubjectGroup, ...]
    others: tuple[CheckResult, ...]
    metrics: Metrics
    lanes: tuple[Lane, ...]
    spent: tuple[Spent, ...]
    path: tuple[Shown, ...]
    path_seconds: float
    differences: int
    printed: int


def page_of(report: Report) -> Page:
    """Return the page of a report."""
    groups = groups_of(report)
    shown = {each.subject.id: each for group in groups for each in group.members}
    chain, seconds = longest_path([each for each in report.subjects if each.config])
    differing = sum(bool(each.differences) for _, each in report.judged())
    others = other_checks(report)
    telling = sum(bool(each.printed or each.text) for each in report.checks)
    return Page(
        report=report,
        headline=headline(report),
        numbers=numbers(report),
        running=report.session.state == "running",
        shown=shown,
        causes=tuple((each, tuple(shown[name] for name in each.subjects if name in shown)) for each in report.causes),
        troubles=_troubles(report.subjects, report.checks, shown),
        skipped=_skipped(report),
        failed=tuple(each for each in shown.values() if each.subject.outcome in (Outcome.FAILED, Outcome.CRASHED)),
        verdicts=tuple(counted(map(mark_of_replay, report.subjects))),
        pipelines=tuple(
            Drawn(
                facts.config, facts.expanded, facts.lock, facts.base_seed,
                _drawn(of_pipeline(groups, facts), facts.config), of_pipeline(groups, facts),
            )
            for facts in report.pipelines
        ),
        groups=groups,
        others=others,
        metrics=metrics_of(report),
        lanes=lanes(report.checks, report.session.began, report.session.seconds),
        spent=spent(report),
        path=tuple(shown[each.id] for each in chain),
        path_seconds=seconds,
        differences=max(1, MOST_DIFFERENCES // max(1, differing)),
        printed=max(200, MOST_PRINTED // max(1, telling)),
    )  # fmt: skip


def _drawn(groups: Sequence[SubjectGroup], config: str) -> Svg:
    nodes = [Node(each.name, each.upstream, each.count, each.marks, each.anchor) for each in groups]
    return graph(nodes, f"what depends on what in {config}")


def _troubles(
    subjects: Sequence[Subject], checks: Sequence[CheckResult], shown: Mapping[str, Shown]
) -> tuple[Trouble, ...]:
    """Return failed processes, results that left the baseline, and failed checks: what is the same, once."""
    found: dict[tuple[str, str], tuple[list[Shown], list[CheckResult]]] = {}

    def told(what: str, gist: str) -> tuple[list[Shown], list[CheckResult]]:
        return found.setdefault((what, gist), ([], []))

    for each in subjects:
        if each.outcome in (Outcome.FAILED, Outcome.CRASHED):
            told("failed", each.failure)[0].append(shown[each.id])
        if _drifted_alone(each):
            told(DRIFTED.word, each.group)[0].append(shown[each.id])
    covered = {each.subject.id for members, _ in found.values() for each in members}
    covered |= {each.id for each in subjects if each.judgement is not None and each.judgement.cause}
    for check in checks:
        if check.result in ("failed", "error") and not covered.intersection(check.subjects):
            how = "failed" if check.result == "failed" else "ended with an error"
            told(f"{check.kind} {how}", check.gist)[1].append(check)
    most_first = sorted(
        found.items(), key=lambda each: (each[0][0] == DRIFTED.word, -len(each[1][0]) - len(each[1][1]))
    )
    return tuple(
        Trouble(what, _gist(gist, members), tuple(members), tuple(items))
        for (what, gist), (members, items) in most_first
    )


def _drifted_alone(each: Subject) -> bool:
    """Whether a subject left the baseline, and no cause that is told already makes it differ from itself."""
    drifted = each.baseline is not None and each.baseline.agreement is Agreement.DIFFERS
    return drifted and not (each.judgement is not None and each.judgement.cause)


def _gist(gist: str, members: Sequence[Shown]) -> str:
    return next(
        (each.subject.baseline.gist for each in members if each.subject.baseline and each.subject.baseline.gist), gist
    )


def _skipped(report: Report) -> tuple[tuple[str, tuple[CheckResult, ...]], ...]:
    """Return the items that were skipped, by why, but for those of which `Report.not_checked` tells."""
    told = {each.id for each in report.subjects if each.not_replayed or each.outcome is not Outcome.PASSED}
    found: dict[str, list[CheckResult]] = {}
    for each in report.checks:
        if each.result == "skipped" and each.kind != "stability" and not told.intersection(each.subjects):
            found.setdefault(each.gist, []).append(each)
    return tuple((why, tuple(checks)) for why, checks in found.items())
