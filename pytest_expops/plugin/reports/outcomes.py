"""What pytest's own report of an item says of it: how it ended, and why."""

from __future__ import annotations

import pytest

from pytest_expops.report.model import Result
from pytest_expops.wording import cut_middle

LONGEST = 20_000
"""Of what a failed item says, or printed, so many characters are in the report."""
LONGEST_LINE = 1_000


def result_of(report: pytest.TestReport) -> Result:
    """Return how one phase of an item ended."""
    expected_to_fail = hasattr(report, "wasxfail")
    if report.passed:
        return "xpassed" if expected_to_fail else "passed"
    if report.skipped:
        return "xfailed" if expected_to_fail else "skipped"
    return "failed" if report.when not in ("setup", "teardown") else "error"


def why_in_full(report: pytest.TestReport) -> str:
    """Return what an item says that did not pass."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[-1])
    return cut_middle(report.longreprtext, LONGEST)


def why_in_short(report: pytest.TestReport) -> str:
    """Return the first line of why an item did not pass."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return cut_middle(crash.message.partition("\n")[0], LONGEST_LINE)
    wrong = why_in_full(report).strip()
    first = wrong.removeprefix("Skipped: ") if report.skipped else wrong
    return cut_middle(first.partition("\n")[0], LONGEST_LINE)
