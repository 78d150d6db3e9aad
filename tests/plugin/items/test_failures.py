"""A process that fails shows its own traceback, and what depends on it says whose fault it is (S6.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project

SCRIPT = """
from pytest_expops.core import process


def helper(x):
    secret = x + 1
    raise ValueError(f"no good: {secret}")


@process()
def a(data):
    return {"x": 1}


@process()
def b(data):
    return helper(data["a"]["x"])


@process()
def c(data):
    return {"x": 2}


@process()
def d(data):
    return {}
"""


def test_the_users_own_traceback_is_shown_and_dependants_are_skipped(
    project: Project, workers: Callable[[], list[str]]
) -> None:
    project.write("a b\nb c\nc d\na d", SCRIPT)
    outcome = project.run(*workers())
    assert outcome.items == {"a": "passed", "b": "failed", "c": "skipped", "d": "skipped"}
    failure = outcome.message("b")
    assert "ValueError: no good: 2" in failure
    assert 'raise ValueError(f"no good: {secret}")' in failure
    assert 'return helper(data["a"]["x"])' in failure
    assert "pytest_expops" not in failure.replace("from pytest_expops.core import", "")
    for name in ("c", "d"):
        assert "`b` failed (ValueError: no good: 2)" in outcome.message(name)
    assert "b failed: ValueError: no good: 2" in outcome.text
    assert "b blocked c, d" in outcome.text


def test_a_root_cause_that_is_deselected_fails_its_dependant(project: Project) -> None:
    project.write("a b\nb c\nc d\na d", SCRIPT)
    outcome = project.run(f"{project.config}::a", f"{project.config}::c")
    assert outcome.items == {"a": "passed", "c": "failed"}
    assert "`b` failed (ValueError: no good: 2)" in outcome.message("c")
    assert 'raise ValueError(f"no good: {secret}")' in outcome.message("c")


def test_sys_exit_in_a_process_fails_it_and_nothing_else(project: Project, workers: Callable[[], list[str]]) -> None:
    project.write(
        "a b\nc d",
        """
        import sys

        def a(data): sys.exit("enough")
        def b(data): return {}
        def c(data): return {}
        def d(data): return {}
        """,
    )
    outcome = project.run(*workers())
    assert outcome.items == {"a": "failed", "b": "skipped", "c": "passed", "d": "passed"}
    assert "SystemExit: enough" in outcome.message("a")


def test_a_failure_met_on_demand_is_shown_at_its_own_item_too(project: Project) -> None:
    """Items in an order that runs `b` for the sake of `c` first."""
    project.write("a b\nb c\nc d\na d", SCRIPT)
    project.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
        """
    )
    outcome = project.run()
    assert outcome.items == {"a": "passed", "b": "failed", "c": "skipped", "d": "skipped"}
    assert "ValueError: no good: 2" in outcome.message("b")


def test_pytest_fail_inside_a_process_fails_it_once(project: Project) -> None:
    project.write("a", "import pytest\ndef a(data):\n    pytest.fail('by hand')\n")
    outcome = project.run()
    assert outcome.items == {"a": "failed"}
    assert "by hand" in outcome.message("a")


def test_fixtures_of_a_failed_aggregation_skip_their_tests_or_fail_them(project: Project) -> None:
    project.write("a b\nb c\nc d\na d", SCRIPT, {"d": {"data_parallelism": {"aggregation": True}}})
    project.pytester.makepyfile(test_results="def test_it(d):\n    assert d == {}\n")
    outcome = project.run()
    assert outcome.items["test_it"] == "skipped"
    assert "`b` failed" in outcome.message("test_it")
    outcome = project.run("-k", "test_it")
    assert outcome.items == {"test_it": "error"}
    assert "`b` failed" in outcome.message("test_it")


def test_what_is_told_in_short_is_one_line_also_where_nothing_is_cut(
    project: Project, workers: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest cuts no line of its short summary in CI; of a message of many lines it would show them all there."""
    monkeypatch.setenv("CI", "true")
    project.write(
        "a b",
        "import os\ndef a(data): return {}\ndef b(data): return {'pid': os.getpid(), 'time': os.urandom(8)}",
        {"a": {"seed_parallelism": [7]}},
    )
    outcome = project.run(*workers())
    assert outcome.where("failed") == {"b_seed7[replay]"}
    short = outcome.text.partition("short test summary info")[2].splitlines()[1:-1]
    assert len(short) == 1
    assert short[0].startswith(f"FAILED {project.config}::b_seed7[replay] - outputs['pid']: value differs")
    assert "first run:" in outcome.text
    (failure,) = (child for case in outcome.cases for child in case if child.tag == "failure")
    assert failure.get("message", "") in short[0]
    assert "first run:" in (failure.text or "")

    in_lines = project.run("--tb=line", *workers())
    (line,) = (
        each for each in in_lines.text.splitlines() if each.startswith(str(project.root)) and "replay" not in each
    )
    place, _, message = line.partition(": ")
    assert message.startswith("outputs['pid']: value differs")
    path, _, number = place.rpartition(":")
    assert Path(path) == project.root / project.config
    assert Path(path).read_text().splitlines()[int(number) - 1].strip().startswith("- name: b")
