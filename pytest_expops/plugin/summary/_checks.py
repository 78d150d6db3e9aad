"""The checks of splits and properties that a session has made, as pytest reported them, from whatever worker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_expops.plugin.reports.outcomes import result_of, why_in_short
from pytest_expops.report.model import CheckKind, CheckResult

_MARKERS: dict[str, CheckKind] = {"expops_split": "split", "expops_property": "property"}


def checks_in(reporter: pytest.TerminalReporter) -> dict[Path, list[CheckResult]]:
    """Return them by config, in the order of their names."""
    found: dict[str, CheckResult] = {}
    for category, reports in reporter.stats.items():
        for report in reports if category != "rerun" else ():
            kind = _kind_of(report)
            if kind is not None and (report.when == "call" or not report.passed):
                known = found.get(report.nodeid)
                if known is None or known.result == "passed":
                    found[report.nodeid] = _check(report, kind)
    by_config: dict[Path, list[CheckResult]] = {}
    for nodeid in sorted(found):
        path = Path(os.path.normpath(reporter.config.rootpath / nodeid.partition("::")[0]))
        by_config.setdefault(path, []).append(found[nodeid])
    return by_config


def _kind_of(report: object) -> CheckKind | None:
    if not isinstance(report, pytest.TestReport):
        return None
    return next((kind for marker, kind in _MARKERS.items() if marker in report.keywords), None)


def _check(report: pytest.TestReport, kind: CheckKind) -> CheckResult:
    gist = "" if report.passed else why_in_short(report)
    return CheckResult(report.nodeid, report.nodeid.partition("::")[2], kind, result_of(report), gist=gist)
