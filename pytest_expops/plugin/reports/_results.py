"""pytest's own reports of items become the results of checks, with what the items noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.records import RunRecord
from pytest_expops.plugin.reports._notes import ATTRIBUTE
from pytest_expops.plugin.reports.outcomes import LONGEST, result_of, why_in_full, why_in_short
from pytest_expops.report.gathering import CheckedSubject, outputs_and_metrics, subject_id
from pytest_expops.report.model import CheckResult, Subject
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.wording import cut_middle, short_path

LONGEST_OF_PASSED = 2_000
"""And of what one printed that passed."""


@dataclass
class _Item:
    """What is known of one item so far."""

    result: CheckResult
    notes: Mapping[str, Any] = field(default_factory=dict)


class CheckResults:
    """What became of each item that checked something, in the order in which they ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._items: dict[str, _Item] = {}

    def add(self, report: pytest.TestReport) -> None:
        """Take in pytest's report of one phase of an item."""
        notes = getattr(report, ATTRIBUTE, None)
        known = self._items.get(report.nodeid)
        if known is None:
            if notes is None:
                return
            known = self._items[report.nodeid] = _Item(self._first(report, notes))
        if notes is not None:
            known.notes = notes
        known.result = self._later(known.result, report)

    def results(self) -> tuple[CheckResult, ...]:
        """Return them."""
        return tuple(
            replace(each.result, subjects=tuple(self._subjects(nodeid, each.notes)))
            for nodeid, each in self._items.items()
        )

    def commands(self, config: Path) -> dict[str, str]:
        """Return what shows a difference again, by expanded process of one config."""
        return {
            each.notes["process"]: each.notes["command"]
            for each in self._items.values()
            if each.notes.get("command") and each.notes["config"] == str(config)
        }

    def checked(self) -> Iterator[CheckedSubject]:
        """Yield what was checked without a config."""
        for nodeid, each in self._items.items():
            for check in each.notes.get("checks", ()):
                for seed, (record, verdict) in zip(check["seeds"], check["subjects"], strict=True):
                    yield _checked(nodeid, check, seed, RunRecord.from_json(record), Verdict.from_json(verdict))

    def _first(self, report: pytest.TestReport, notes: Mapping[str, Any]) -> CheckResult:
        path, _, name = report.nodeid.partition("::")
        node = getattr(report, "node", None)
        return CheckResult(
            id=report.nodeid,
            name=name or path,
            kind=notes["kind"],
            result="passed",
            file=notes["file"],
            line=notes["line"],
            worker=getattr(report, "expops_worker", "main") if node is None else node.gateway.id,
            started=getattr(report, "start", 0.0),
        )

    def _later(self, result: CheckResult, report: pytest.TestReport) -> CheckResult:
        outcome = result_of(report)
        if outcome == "passed" and result.result != "passed":
            outcome = result.result
        printed = "\n".join(text.rstrip() for title, text in report.sections if not title.startswith("expops"))
        passed = outcome in ("passed", "xfailed", "skipped")
        text, gist = (why_in_full(report), why_in_short(report)) if not report.passed else (result.text, result.gist)
        return replace(
            result,
            result=outcome,
            gist=gist,
            text=text,
            printed=cut_middle(printed, LONGEST_OF_PASSED if passed else LONGEST) or result.printed,
            seconds=result.seconds + report.duration,
        )

    def _subjects(self, nodeid: str, notes: Mapping[str, Any]) -> Iterator[str]:
        config = short_path(notes["config"], self._directory) if "config" in notes else ""
        if "process" in notes:
            yield subject_id(config, notes["process"])
        elif "group" in notes:
            yield subject_id(config, notes["group"])
        for check in notes.get("checks", ()):
            for seed in check["seeds"]:
                yield _checked_id(nodeid, check, seed)


def _checked_id(nodeid: str, check: Mapping[str, Any], seed: str) -> str:
    of = f"[seed {seed}]" if seed else ""
    return f"{nodeid}::{check['name']}{of}" if check["what"] != "test" else nodeid


def _checked(nodeid: str, check: Mapping[str, Any], seed: str, record: RunRecord, verdict: Verdict) -> CheckedSubject:
    outputs, metrics = outputs_and_metrics(record)
    subject = Subject(
        id=_checked_id(nodeid, check, seed),
        name=record.process,
        kind=check["what"],
        group=nodeid,
        seed=seed,
        started=record.started,
        seconds=record.duration,
        worker=record.worker,
        outputs=outputs,
        metrics=metrics,
    )
    return CheckedSubject(subject, verdict)
