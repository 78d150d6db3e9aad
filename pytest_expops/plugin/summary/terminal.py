"""What a person reads of a session: the header and the summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.progress.workers import NAME
from pytest_expops.plugin.state import SessionState
from pytest_expops.plugin.summary._baseline_summary import baseline_lines
from pytest_expops.plugin.summary._stability_table import list_stability
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.replay import ReplayStatus, Verdict, why_not_replayed
from pytest_expops.verdicts.replay_text import gist
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
    return lines


def _varied(state: SessionState) -> list[str]:
    """Return what can be varied for at least one of the pipelines."""
    varied = set().union(*(state.varied(session) for session in state.sessions.values()))
    return [name for name in state.options.vary if name in varied]


def summarize(reporter: pytest.TerminalReporter, state: SessionState, directory: Path) -> None:
    """Write a few lines per config of which anything ran: what ran, was replayed, differed or was blocked."""
    all_records: list[RunRecord] = []
    for path in state.sessions:
        try:
            all_records += _summarize_one(reporter, state, path, directory)
        except StorageTrouble as error:
            reporter.section(f"expops: {short_path(path, directory)}")
            reporter.line(f"what was run cannot be told: {error}", red=True)
    workers = reporter.config.pluginmanager.get_plugin(NAME)
    work = workers.line(all_records) if workers is not None and all_records else None
    if work is not None:
        reporter.line(work)


def _summarize_one(
    reporter: pytest.TerminalReporter, state: SessionState, path: Path, directory: Path
) -> Collection[RunRecord]:
    """Write the lines of one config, and return the records of what ran of it."""
    session = state.sessions[path]
    records = session.all_records()
    if not records:
        return ()
    verdicts = all_verdicts(session)
    reporter.section(f"expops: {short_path(path, directory)}")
    reporter.line(_what_ran(session, records))
    if verdicts:
        reporter.line(_what_matched(session, verdicts, "files" in state.varied(session)))
    skipped = _what_was_not_replayed(session, records, verdicts, state.options.replay)
    if skipped:
        reporter.line(skipped)
    _list_differences(reporter, session, verdicts)
    _list_failures(reporter, records)
    list_stability(reporter, session)
    for line, colour in baseline_lines(state, path, directory):
        reporter.line(line, **({colour: True} if colour else {}))
    if state.options.artifacts is not None:
        reporter.line(f"outputs and records are kept in {session.folder}")
    return records.values()


def _what_ran(session: PipelineSession, records: Mapping[str, RunRecord]) -> str:
    count = Counter(record.outcome for record in records.values())
    ran = len(records) - count[Outcome.BLOCKED]
    seconds = sum(record.duration for record in records.values())
    parts = [f"{count[outcome]} {outcome.value}" for outcome in Outcome if count[outcome]]
    return f"ran {ran} of {_plural(len(session.expanded), 'process')} in {seconds:.2f} s of work: {', '.join(parts)}"


def _what_matched(session: PipelineSession, verdicts: Mapping[str, Verdict], varied_files: bool) -> str:
    count = Counter(verdict.status for verdict in verdicts.values())
    parts = [f"{count[status]} {status.value}" for status in ReplayStatus if count[status]]
    as_declared = sum(
        verdict.status is ReplayStatus.DIFFERED and _declared(session, name) is not None
        for name, verdict in verdicts.items()
    )
    declared = f" ({as_declared} as declared)" if as_declared else ""
    reading = sum(bool(verdict.found) for verdict in verdicts.values())
    see = "see the warnings" if varied_files else "see the warnings, and --expops-vary=files"
    found = f"; {reading} of them on files that were written in this session ({see})" if reading else ""
    return f"replayed {len(verdicts)}: {', '.join(parts)}{declared}{found}"


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


def _list_differences(
    reporter: pytest.TerminalReporter, session: PipelineSession, verdicts: Mapping[str, Verdict]
) -> None:
    lines = []
    for (name, *others), verdict in _findings(session, verdicts):
        declared = _declared(session, name)
        if verdict.status is ReplayStatus.DIFFERED:
            word = "differs as declared" if declared is not None else "differs"
            lines.append((f"  {name} {word}: {gist(verdict)}", declared is None))
            if others:
                so = "so does" if len(others) == 1 else "so do"
                lines.append((f"    {so} {listed(others, 8)}, with the same finding", True))
        elif declared is not None:
            lines.append((f"  {name} matched, though declared nondeterministic: {declared}", True))
    for line, wrong in lines[:MOST_SHOWN]:
        reporter.line(line, red=wrong, yellow=not wrong)
    _more(reporter, len(lines), "like these")


def _findings(session: PipelineSession, verdicts: Mapping[str, Verdict]) -> list[tuple[list[str], Verdict]]:
    """Return the verdicts, those of duplicates of one process that differ for one reason together, as the first's."""
    found: dict[tuple[str, str], tuple[list[str], Verdict]] = {}
    for name, each in session.expanded.processes.items():
        verdict = verdicts.get(name)
        if verdict is not None:
            reason = verdict.diagnosis.finding if verdict.diagnosis is not None else ""
            found.setdefault((each.process.name, reason or name), ([], verdict))[0].append(name)
    return list(found.values())


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
