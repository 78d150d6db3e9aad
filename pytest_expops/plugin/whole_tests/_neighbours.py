"""Which other tests may be run before a test in its replay: those that were before its first run, and those near it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_expops.plugin.whole_tests._rerun import argument_of
from pytest_expops.plugin.whole_tests._watching import RunWatcher

MOST = 5
"""So many other tests are run before a replay that varies the order."""
MOST_EARLIER = 64
"""So many, at the most, are run again to find the one that left something behind: the latest."""


def nodeid_of(test: pytest.Item) -> str:
    """Return the node id of a test without the group that pytest-xdist adds to it."""
    return f"{test.parent.nodeid}::{test.name}" if test.parent is not None else test.nodeid


def arguments_of(tests: Sequence[pytest.Item]) -> dict[str, str]:
    """Return what pytest collects tests by, by node id."""
    return {(nodeid := nodeid_of(test)): argument_of(test, nodeid) for test in tests}


def run_before(test: pytest.Item, watcher: RunWatcher) -> list[pytest.Item]:
    """Return the tests that were run before a test in this interpreter; none where it was not run here itself."""
    begun = list(watcher.begun)
    return begun[: begun.index(test)] if test in watcher.begun else []


def latest(tests: Sequence[pytest.Item], watcher: RunWatcher, seconds: float) -> list[pytest.Item]:
    """Return the latest of these tests, as many as have taken no longer than that together."""
    chosen: list[pytest.Item] = []
    for each in reversed(tests[-MOST_EARLIER:]):
        seconds -= watcher.begun[each]
        if seconds < 0:
            break
        chosen.append(each)
    return chosen[::-1]


def near(replay: pytest.Item, test: pytest.Item, before: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the selected tests nearest to the replay of a test, those of its file before others, the last one first.

    Those that were run `before` its first run are not among them: what they leave, a replay is to find missing.
    """
    place = {each: number for number, each in enumerate(replay.session.items)}
    chosen = {each for each in place if isinstance(each, pytest.Function)} - {test, *before}
    far = {each: abs(place[each] - place[replay]) for each in chosen}
    others = sorted(chosen, key=lambda each: (each.path != test.path, far[each], place[each]))
    return sorted(others[:MOST], key=lambda each: -place[each])
