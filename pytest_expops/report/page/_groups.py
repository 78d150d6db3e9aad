"""The subjects of a session by base process, or by test, each with its items, its grid and its anchor on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.report.model import CheckResult, PipelineFacts, Report, Subject
from pytest_expops.report.page.marks import VerdictMark, counted, mark_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A subject as it stands on the page: `anchor` is where a link to it leads."""

    subject: Subject
    anchor: str
    mark: VerdictMark
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Partitions down, seeds across; where a place has several or no subjects, its cell has as many."""

    seeds: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Shown, ...], ...]], ...]


@dataclass(frozen=True, slots=True)
class SubjectGroup:
    """A base process of a config, or a test with what it checked. `count` is how many there are once expanded."""

    name: str
    config: str
    kind: str
    anchor: str
    members: tuple[Shown, ...]
    marks: tuple[tuple[VerdictMark, int], ...]
    count: int
    upstream: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """Its members by partition and seed."""
        return _grid(self.members)


def groups_of(report: Report) -> tuple[SubjectGroup, ...]:
    """Return the base processes of all pipelines in topological order, what has not run included; then the tests."""
    checks = _by_subject(report.checks)
    members: dict[tuple[str, str], list[Shown]] = {}
    for number, each in enumerate(report.subjects):
        shown = Shown(each, f"s{number}", mark_of(each), tuple(checks.get(each.id, ())))
        members.setdefault((each.config, each.group), []).append(shown)
    nodes = {(facts.config, node.name): node for facts in report.pipelines for node in facts.nodes}
    found = []
    for number, (config, name) in enumerate({**dict.fromkeys(nodes), **dict.fromkeys(members)}):
        node, own = nodes.get((config, name)), tuple(members.get((config, name), ()))
        kind = node.kind if node is not None else own[0].subject.kind
        marks = tuple(counted(each.mark for each in own))
        count = node.count if node is not None else len(own)
        upstream = node.upstream if node is not None else ()
        found.append(SubjectGroup(name, config, kind, f"g{number}", own, marks, count, upstream))
    return tuple(found)


def of_pipeline(groups: Sequence[SubjectGroup], facts: PipelineFacts) -> tuple[SubjectGroup, ...]:
    """Return the groups of one pipeline."""
    return tuple(each for each in groups if each.config == facts.config)


def other_checks(report: Report) -> tuple[CheckResult, ...]:
    """Return the items that are about no single subject: splits, properties, claims over seeds."""
    known = {each.id for each in report.subjects}
    return tuple(each for each in report.checks if not known.intersection(each.subjects))


def _by_subject(checks: Iterable[CheckResult]) -> Mapping[str, Sequence[CheckResult]]:
    found: dict[str, list[CheckResult]] = {}
    for each in checks:
        for name in each.subjects:
            found.setdefault(name, []).append(each)
    return found


def _grid(members: Sequence[Shown]) -> Grid:
    seeds = tuple(dict.fromkeys(each.subject.seed for each in members))
    cells: dict[str, dict[str, list[Shown]]] = {}
    for each in members:
        cells.setdefault(each.subject.partition, {}).setdefault(each.subject.seed, []).append(each)
    rows = [(partition, tuple(tuple(by_seed.get(seed, ())) for seed in seeds)) for partition, by_seed in cells.items()]
    return Grid(seeds, tuple(rows))
