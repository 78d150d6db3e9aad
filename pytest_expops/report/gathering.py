"""A session's records, verdicts and findings become one `Report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.report._causes import Differing, shared_causes
from pytest_expops.report._claims import claimed_metric
from pytest_expops.report._lines import line_of_file
from pytest_expops.report._not_checked import what_was_not_checked
from pytest_expops.report._numbers import series
from pytest_expops.report.model import (
    AgainstBaseline,
    CheckResult,
    GraphNode,
    Judgement,
    MetricSeries,
    OutputFacts,
    PipelineFacts,
    Replayed,
    Report,
    SessionFacts,
    SharedCause,
    ShownDifference,
    Subject,
)
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.baseline.lock_file import recorded_metrics
from pytest_expops.verdicts.baseline.text import drift_gist
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, series_of, why_not_replayed
from pytest_expops.verdicts.replay_gist import gist
from pytest_expops.verdicts.replay_text import found_by
from pytest_expops.verdicts.session_verdicts import NO_ITEM, all_verdicts, repeating_of
from pytest_expops.verdicts.stability.spread import spreads_of
from pytest_expops.wording import cut_middle, listed, short_path, short_place

MOST_DIFFERENCES = 20
"""So many differences of one subject are in the report."""
LONGEST_TRACEBACK = 10_000


@dataclass(frozen=True, slots=True)
class PipelinePart:
    """One pipeline of a session, and what else is to be told of it.

    `mode` is that of ``--expops-replay``; `baseline` what it is compared with, from the file `lock`. `commands` show
    again what was found, by expanded process.
    """

    session: PipelineSession
    mode: str
    baseline: Baseline | None = None
    lock: str = ""
    commands: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckedSubject:
    """A function, program or test that was checked without a config: its first run, and what replays gave."""

    subject: Subject
    verdict: Verdict | None = None
    command: str = ""


def gather(
    facts: SessionFacts,
    parts: Sequence[PipelinePart],
    checks: Sequence[CheckResult] = (),
    others: Iterable[CheckedSubject] = (),
) -> Report:
    """Return the report of a session as it stands.

    Args:
        facts: where, when and how it runs.
        parts: its pipelines; only what was recorded so far is told.
        checks: its items.
        others: what was checked without a config.

    Raises:
        StorageTrouble: the session's folder cannot be read.
    """
    directory = Path(facts.directory)
    pipelines = {_config(part, directory): part.session.expanded for part in parts}
    told = [each for part in parts for each in _of_pipeline(part, directory)]
    told += [_judged(each, directory) for each in others]
    differing = [each for _, each in told if each is not None]
    causes, cause_of = shared_causes(differing, directory)
    subjects = tuple(_with_cause(subject, cause_of) for subject, _ in told)
    return Report(
        session=facts,
        pipelines=tuple(_facts(part, directory) for part in parts),
        subjects=subjects,
        checks=tuple(checks),
        causes=causes,
        not_checked=tuple(what_was_not_checked(pipelines, subjects, checks)),
        claims=tuple(
            claimed_metric(spread, _config(part, directory)) for part in parts for spread in spreads_of(part.session)
        ),
    )


def _config(part: PipelinePart, directory: Path) -> str:
    return short_path(part.session.expanded.pipeline.path, directory)


def judged_subjects(
    found: Iterable[tuple[PipelineSession, Mapping[str, Verdict]]], directory: Path
) -> tuple[tuple[Subject, ...], tuple[SharedCause, ...]]:
    """Return what was replayed of some pipelines, and the causes of what differed, without the rest of a report.

    Args:
        found: each pipeline with the verdicts on its processes.
        directory: files are named from there.

    Raises:
        StorageTrouble: the session's folder cannot be read.
    """
    told = []
    for session, verdicts in found:
        config, records = short_path(session.expanded.pipeline.path, directory), session.all_records()
        for name, verdict in verdicts.items():
            subject = _subject(session.expanded[name], records[name], config, directory)
            told.append(_judged(CheckedSubject(subject, verdict), directory))
    causes, _ = shared_causes([each for _, each in told if each is not None], directory)
    return tuple(subject for subject, _ in told), causes


def subject_id(config: str, name: str) -> str:
    """Return how a report calls an expanded process: as pytest calls its item."""
    return f"{config}::{name}"


def outputs_and_metrics(record: RunRecord) -> tuple[tuple[OutputFacts, ...], tuple[MetricSeries, ...]]:
    """Return what a run gave, for a report."""
    outputs = tuple(
        OutputFacts(key, each.digest, each.artifact.size if each.artifact is not None else 0, each.what)
        for key, each in record.outputs.items()
    )
    return outputs, tuple(series(name, readings) for name, readings in series_of(record).items())


def _of_pipeline(part: PipelinePart, directory: Path) -> Iterator[tuple[Subject, Differing | None]]:
    session = part.session
    config = _config(part, directory)
    verdicts = all_verdicts(session)
    baselines = _against_baseline(part)
    for name, record in session.all_records().items():
        each = session.expanded[name]
        subject = _subject(each, record, config, directory)
        verdict = verdicts.get(name)
        if record.outcome is Outcome.PASSED and verdict is None:
            subject = replace(subject, not_replayed=why_not_replayed(each, part.mode) or NO_ITEM)
        if part.baseline is not None:
            recorded = recorded_metrics(part.baseline.lock, name) or {}
            told = tuple(series(metric, dict(pairs)) for metric, pairs in recorded.items())
            subject = replace(subject, baseline=baselines.get(name), recorded=told)
        yield _judged(CheckedSubject(subject, verdict, part.commands.get(name, "")), directory)


def _subject(each: ExpandedProcess, record: RunRecord, config: str, directory: Path) -> Subject:
    outputs, metrics = outputs_and_metrics(record)
    failure = record.failure
    return Subject(
        id=subject_id(config, each.name),
        name=each.name,
        kind="chart" if each.process.kind is Kind.CHART else "process",
        group=each.process.name,
        config=config,
        partition=_coordinates(each.partitions),
        seed=_coordinates(each.seeds),
        upstream=tuple(subject_id(config, name) for name in each.upstream),
        outcome=record.outcome,
        failure=failure.summary if failure is not None else _blocked(record),
        traceback=cut_middle(failure.traceback, LONGEST_TRACEBACK) if failure is not None else "",
        failed_at=line_of_file(failure.file, failure.line, directory) if failure is not None and failure.file else None,
        started=record.started,
        seconds=record.duration,
        worker=record.worker,
        outputs=outputs,
        metrics=metrics,
        declared=each.process.nondeterministic or "",
    )


def _blocked(record: RunRecord) -> str:
    return f"{listed(record.roots, 3, quote='`')} did not pass" if record.roots else ""


def _coordinates(layers: tuple[int, ...]) -> str:
    return ", ".join(map(str, layers))


def _judged(each: CheckedSubject, directory: Path) -> tuple[Subject, Differing | None]:
    subject, verdict = each.subject, each.verdict
    if verdict is None:
        return subject, None
    differed = verdict.status is ReplayStatus.DIFFERED
    diagnosis = verdict.diagnosis
    notes = tuple(found_by(verdict, directory))
    if verdict.unvaried:
        notes += (f"its files were not varied: {verdict.unvaried}",)
    if verdict.machines:
        notes += (f"first run on {verdict.machines[0]}, replayed on another machine, {verdict.machines[1]}",)
    judgement = Judgement(
        result=result_of_replays(differed=differed, declared=bool(subject.declared)),
        replays=verdict.replays,
        hash_seed=verdict.hash_seed,
        varied=verdict.varied,
        differences=shown_differences(verdict.differences),
        count=verdict.count,
        gist=gist(verdict) if differed else "",
        diagnosis_runs=diagnosis.runs if diagnosis is not None else 0,
        diagnosis_seconds=diagnosis.seconds if diagnosis is not None else 0.0,
        notes=notes,
        earlier=verdict.earlier,
    )
    subject = replace(subject, judgement=judgement)
    return subject, Differing(subject, verdict, each.command) if differed else None


def result_of_replays(*, differed: bool, declared: bool) -> Replayed:
    """Return how a report calls it that a replay differed, or none did, of what is declared nondeterministic or not."""
    return _RESULTS[differed, declared]


_RESULTS: Mapping[tuple[bool, bool], Replayed] = {
    (False, False): "matched",
    (True, False): "differed",
    (True, True): "differed as declared",
    (False, True): "matched though declared",
}
"""By whether a replay differed, and whether that is declared."""


def shown_differences(found: Iterable[Difference]) -> tuple[ShownDifference, ...]:
    """Return the first differences, as a report has them."""
    return tuple(ShownDifference(short_place(each.path), each.expected, each.obtained, each.detail) for each in found)[
        :MOST_DIFFERENCES
    ]


def _with_cause(subject: Subject, cause_of: Mapping[str, str]) -> Subject:
    if subject.judgement is None or subject.id not in cause_of:
        return subject
    return replace(subject, judgement=replace(subject.judgement, cause=cause_of[subject.id]))


def _against_baseline(part: PipelinePart) -> dict[str, AgainstBaseline]:
    if part.baseline is None:
        return {}
    session = part.session
    found = {}
    for name, each in part.baseline.comparisons().items():
        told = AgainstBaseline(each.agreement, elsewhere=each.elsewhere)
        if each.differences:
            repeating = repeating_of(session, name, part.mode)
            told = replace(
                told,
                gist=drift_gist(each, session.expanded[name].process.code.function, repeating),
                differences=shown_differences(each.differences),
                count=each.count,
            )
        found[name] = told
    return found


def _facts(part: PipelinePart, directory: Path) -> PipelineFacts:
    expanded = part.session.expanded
    processes = expanded.pipeline.processes
    order = Counter(each.process.name for each in expanded.processes.values())
    nodes = tuple(
        GraphNode(name, processes[name].kind.value, processes[name].upstream, count) for name, count in order.items()
    )
    return PipelineFacts(_config(part, directory), str(expanded.pipeline.base_seed), nodes, len(expanded), part.lock)
