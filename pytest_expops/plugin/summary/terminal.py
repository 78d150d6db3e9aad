"""What a person reads of a session: the header and the summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.provenance.environments import cores
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.progress.workers import NAME
from pytest_expops.plugin.state import SessionState
from pytest_expops.plugin.summary._baseline_summary import baseline_lines
from pytest_expops.plugin.summary._checks import checks_in
from pytest_expops.plugin.summary._stability_table import list_stability
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.report.gathering import judged_subjects
from pytest_expops.report.model import SharedCause, Subject
from pytest_expops.report.terminal import TerminalLine, cause_lines, check_lines, matched_though_declared
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, why_not_replayed
from pytest_expops.verdicts.session_verdicts import NO_ITEM, all_verdicts
from pytest_expops.wording import and_more, listed, short_path

MOST_SHOWN = 10
"""How many processes of one kind the summary names."""


def header(state: SessionState, directory: Path) -> list[str]:
    """Return a line per config: what one needs to understand the run, or to repeat it."""
    lines = []
    for path, session in state.sessions.items():
        pipeline = session.expanded.pipeline
        seeds = dict.fromkeys(seed for each in session.expanded.processes.values() for seed in each.seeds)
        count, expanded = len(pipeline.processes), len(session.expanded)
        line = f"expops: {short_path(path, directory)}: {_plural(count, 'process')}, {expanded} expanded"
        if seeds:
            line += f"; seeds {listed(map(str, seeds), 8)}"
        lines.append(f"{line}; base seed {pipeline.base_seed}; replay {state.options.replay}")
        if pipeline.document.get("environment"):
            lines.append(f"expops: its `environment` has no effect: processes run in {sys.executable}")
        if state.options.in_place and any(map(state.isolates, pipeline.processes.values())):
            lines.append("expops: for --pdb and --trace, no process is run in a child of its own (`isolate`)")
    if state.options.vary and state.options.replay != "none":
        lines.append(f"expops: replays vary {', '.join(('hashseed', *_varied(state)))}")
        lines += [f"expops: {line}" for line in state.copies.lines(directory)]
        for name in state.options.vary:
            reason = SOURCES[name].unavailable()
            if reason is not None:
                lines.append(f"expops: replays cannot vary {name} here: {reason}")
    if state.options.cache.off:
        lines.append(f"expops: no results are kept or reused, {state.options.cache.off}")
    lines += [f"expops: {problem}" for problem in state.reuse.header()]
    return lines


def _varied(state: SessionState) -> list[str]:
    """Return what can be varied for at least one of the pipelines."""
    varied = set().union(*(state.varied(session) for session in state.sessions.values()))
    return [name for name in state.options.vary if name in varied]


@dataclass(frozen=True, slots=True)
class _ConfigFound:
    """What is known of one config at the end."""

    session: PipelineSession
    records: Mapping[str, RunRecord]
    verdicts: Mapping[str, Verdict]


def summarize(reporter: pytest.TerminalReporter, state: SessionState, directory: Path) -> None:
    """Write a few lines per config of which anything ran: what ran, was replayed, differed or was blocked."""
    found: dict[Path, _ConfigFound] = {}
    for path, session in state.sessions.items():
        with _telling_trouble(reporter, path, directory):
            found[path] = _ConfigFound(session, session.all_records(), all_verdicts(session))
    told = judged_subjects([(each.session, each.verdicts) for each in found.values()], directory)
    checks = checks_in(reporter)
    for path, each in found.items():
        if each.records:
            with _telling_trouble(reporter, path, directory):
                reporter.section(f"expops: {short_path(path, directory)}")
                _summarize_one(reporter, state, path, each)
                config = short_path(path, directory)
                _write(reporter, _what_differs(told, config))
                _list_failures(reporter, each.records)
                _write(reporter, check_lines(checks.get(path, ())))
                list_stability(reporter, each.session)
                for line, colour in baseline_lines(state, path, directory):
                    reporter.line(line, **({colour: True} if colour else {}))
                if state.options.artifacts is not None:
                    reporter.line(f"outputs and records are kept in {each.session.folder}")
    all_records = [record for each in found.values() for record in each.records.values()]
    workers = reporter.config.pluginmanager.get_plugin(NAME)
    if workers is not None and all_records:
        for line in filter(None, (workers.line(all_records), workers.in_each_others_way(cores()))):
            reporter.line(line)


@contextmanager
def _telling_trouble(reporter: pytest.TerminalReporter, path: Path, directory: Path) -> Iterator[None]:
    try:
        yield
    except StorageTrouble as error:
        reporter.section(f"expops: {short_path(path, directory)}")
        reporter.line(f"what was run cannot be told: {error}", red=True)


def _summarize_one(reporter: pytest.TerminalReporter, state: SessionState, path: Path, found: _ConfigFound) -> None:
    """Write how much of one config ran, and was replayed."""
    session, verdicts = found.session, found.verdicts
    reporter.line(_what_ran(session, found.records))
    for line in state.reuse.lines(session, found.records):
        reporter.line(line)
    if verdicts:
        reporter.line(_what_matched(session, verdicts, "files" in state.varied(session)))
    skipped = _what_was_not_replayed(session, found.records, verdicts, state.options.replay)
    if skipped:
        reporter.line(skipped)


def _what_differs(told: tuple[Sequence[Subject], Sequence[SharedCause]], config: str) -> Iterator[TerminalLine]:
    """Yield lines on the causes that were first met in one config, and on what matched though it need not."""
    subjects = {each.id: each for each in told[0]}
    yield from cause_lines([each for each in told[1] if subjects[each.example].config == config], subjects)
    yield from matched_though_declared([each for each in told[0] if each.config == config])


def _write(reporter: pytest.TerminalReporter, lines: Iterable[TerminalLine]) -> None:
    for line in lines:
        reporter.line(line.text, **({line.colour: True} if line.colour else {}))


def _what_ran(session: PipelineSession, records: Mapping[str, RunRecord]) -> str:
    count = Counter(record.outcome for record in records.values() if record.saved is None)
    ran = sum(count.values()) - count[Outcome.BLOCKED]
    seconds = sum(record.duration for record in records.values())
    parts = [f"{count[outcome]} {outcome.value}" for outcome in Outcome if count[outcome]]
    of = f"ran {ran} of {_plural(len(session.expanded), 'process')}"
    return f"{of} in {seconds:.2f} s of work: {', '.join(parts)}" if parts else of


def _what_matched(session: PipelineSession, verdicts: Mapping[str, Verdict], varied_files: bool) -> str:
    count = Counter(verdict.status for verdict in verdicts.values() if not verdict.earlier)
    parts = [f"{count[status]} {status.value}" for status in ReplayStatus if count[status]]
    as_declared = sum(
        verdict.status is ReplayStatus.DIFFERED and _declared(session, name) is not None
        for name, verdict in verdicts.items()
    )
    declared = f" ({as_declared} as declared)" if as_declared else ""
    reading = sum(bool(verdict.found) for verdict in verdicts.values())
    see = "see the warnings" if varied_files else "see the warnings, and --expops-vary=files"
    found = f"; {reading} of them on files that were written in this session ({see})" if reading else ""
    earlier = sum(verdict.earlier for verdict in verdicts.values())
    replayed = f"replayed {sum(count.values())}: {', '.join(parts)}{declared}{found}" if count else "replayed 0"
    return replayed + (f"; {earlier} matched in earlier sessions" if earlier else "") + _on_machines(session, verdicts)


def _on_machines(session: PipelineSession, verdicts: Mapping[str, Verdict]) -> str:
    """Return how many results were the same on another machine than that of the first run; without any tolerance."""
    exact = [each for name, each in verdicts.items() if not session.expanded[name].process.tolerances]
    matched = [each for each in exact if each.machines and each.status is ReplayStatus.MATCHED]
    pairs = dict.fromkeys(each.machines for each in matched)
    told = [f"the same bits on 2 machines: {', '.join(pair)}" for pair in pairs]
    return f"; {len(matched)} of them {listed(told, 2)}" if matched else ""


def _what_was_not_replayed(
    session: PipelineSession, records: Mapping[str, RunRecord], verdicts: Mapping[str, Verdict], mode: str
) -> str:
    """Return ``not replayed 4: load, split (under no seed layer); plot (draws a chart)``; empty where all was replayed.

    A process with many duplicates is named once.
    """
    reasons: dict[str, dict[str, None]] = {}
    count = 0
    for name, record in records.items():
        if record.outcome is Outcome.PASSED and name not in verdicts:
            each = session.expanded[name]
            reason = why_not_replayed(each, mode) or NO_ITEM
            reasons.setdefault(reason, {})[each.process.name] = None
            count += 1
    parts = [f"{listed(names, 4)} ({reason})" for reason, names in reasons.items()]
    return f"not replayed {count}: {'; '.join(parts)}" if count else ""


def _declared(session: PipelineSession, name: str) -> str | None:
    """Return the reason for which an expanded process is declared nondeterministic, if it is (S7.3)."""
    return session.expanded[name].process.nondeterministic


def _list_failures(reporter: pytest.TerminalReporter, records: Mapping[str, RunRecord]) -> None:
    failed = [record for record in records.values() if record.outcome in (Outcome.FAILED, Outcome.CRASHED)]
    for record in failed[:MOST_SHOWN]:
        summary = record.failure.summary if record.failure else ""
        reporter.line(f"  {record.process} {record.outcome.value}: {summary}", red=True)
    _more(reporter, len(failed), "failed")
    blocked: dict[tuple[str, ...], list[str]] = {}
    for record in records.values():
        if record.outcome is Outcome.BLOCKED:
            blocked.setdefault(record.roots, []).append(record.process)
    for roots, names in list(blocked.items())[:MOST_SHOWN]:
        reporter.line(f"  {listed(roots, 8)} blocked {listed(names, 8)}")


def _more(reporter: pytest.TerminalReporter, count: int, word: str) -> None:
    if more := and_more(count, MOST_SHOWN, word):
        reporter.line(f"  ... {more}")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else noun + 'es'}"
