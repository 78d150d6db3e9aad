"""What a session says at its end of the tests that it ran again: how many, and by cause which of them differed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_expops.wording import listed

REPLAYED = "expops_test_replay"
"""The property of a report which says that a test was run again, and with what result."""
MATCHED = "matched"
DIFFERED = "differed"
CAUSE = "expops_test_cause"
NOT_REPLAYED = "expops_not_replayed"
_MOST = 5
"""So many tests of one cause are named."""


def show_replayed_tests(reporter: pytest.TerminalReporter) -> None:
    """Write how many tests were replayed, and a table by cause of those that differed; nothing where none was."""
    matched, causes, left_out = _found(reporter)
    count = matched + sum(map(len, causes.values()))
    if not count and not left_out:
        return
    reporter.section("expops: tests that were run again")
    reporter.line(
        f"{count} {'test' if count == 1 else 'tests'} replayed: {matched} the same, {count - matched} differed"
    )
    width = max(map(len, causes), default=0)
    for cause, names in sorted(causes.items(), key=lambda each: -len(each[1])):
        reporter.line(f"  {cause.ljust(width)}  {len(names)}: {listed(names, _MOST)}")
    for why, number in left_out.items():
        reporter.line(f"  not replayed: {number} ({why})")


def _found(reporter: pytest.TerminalReporter) -> tuple[int, dict[str, list[str]], dict[str, int]]:
    matched, causes, left_out = 0, dict[str, list[str]](), dict[str, int]()
    for nodeid, properties in _properties(reporter):
        if properties.get(REPLAYED) == MATCHED:
            matched += 1
        elif properties.get(REPLAYED) == DIFFERED:
            causes.setdefault(properties.get(CAUSE, ""), []).append(nodeid)
        if NOT_REPLAYED in properties:
            left_out[properties[NOT_REPLAYED]] = left_out.get(properties[NOT_REPLAYED], 0) + 1
    return matched, causes, left_out


def _properties(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the properties of each test that has run, once for each."""
    found: dict[str, dict[str, Any]] = {}
    for reports in reporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name in (REPLAYED, CAUSE, NOT_REPLAYED):
                    found.setdefault(report.nodeid, {})[name] = value
    yield from found.items()
