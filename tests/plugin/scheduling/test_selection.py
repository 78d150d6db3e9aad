"""Selection, stopping and fixtures work with workers as without; of the scheduler nothing is seen (S6.1)."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_expops.plugin.scheduling.filler import NAME
from tests.conftest import Outcome, Project

SCRIPT = """
from pathlib import Path

def start(data): return {}

def good(data): return {}

def bad(data):
    assert Path("mended").exists()
    return {}

def after(data): return {}

def end(data): return {}
"""
ALL = ["start", "good", "bad", "after", "end"]
PROCESSES = {"passed": {"start", "good"}, "failed": {"bad"}, "skipped": {"after", "end"}}

TESTS = """
import pytest

@pytest.fixture(scope="module")
def resource(request):
    name = request.module.__name__
    with open("log.txt", "a") as file:
        file.write(f"up {name}\\n")
    yield name
    with open("log.txt", "a") as file:
        file.write(f"down {name}\\n")
    assert name != "test_b", "cannot tear down"

@pytest.mark.parametrize("number", range(12))
def test_it(resource, number):
    assert number < 12
"""


@pytest.fixture
def mixed(project: Project) -> Project:
    """start -> good, and start -> bad -> after -> end; three modules of tests with a fixture each."""
    project.write("start good bad\nbad after\nafter end", SCRIPT)
    for name in "abc":
        (project.root / f"test_{name}.py").write_text(TESTS, encoding="utf-8")
    return project


def outcomes(outcome: Outcome) -> dict[str, set[str]]:
    """The processes of each outcome."""
    return {each: outcome.where(each) & set(ALL) for each in PROCESSES}


def test_everything_is_told_of_once_and_of_what_fills_queues_nothing(mixed: Project) -> None:
    """In counts, node ids, durations, the JUnit report, and the number of times that fixtures are made."""
    outcome = mixed.run("-n2", "-v", "--durations=0", "--durations-min=0", "-rA")
    assert outcomes(outcome) == PROCESSES
    assert NAME not in outcome.text
    cases = Counter((str(case.get("classname")), str(case.get("name"))) for case in outcome.cases)
    names = Counter(name for _, name in cases)
    assert names == {f"test_it[{number}]": 3 for number in range(12)} | dict.fromkeys(ALL, 1)
    # Only the error of a fixture that was torn down after its test had been told of is a case of its own; that is after
    # the last test of a worker in that module, or before a process that it runs in between.
    assert {module for (module, _), count in cases.items() if count > 1} <= {"test_b"}
    # Each time that the fixture of test_b is torn down is an error of a test, beside its pass.
    outcome.result.assert_outcomes(passed=38, failed=1, skipped=2, errors=_made(mixed, "down test_b"))
    assert outcome.text.count("E       AssertionError: cannot tear down") == _made(mixed, "down test_b") >= 1
    # A worker stays with a module, but for processes that it runs in between.
    assert _made(mixed, "up") == _made(mixed, "down") <= 3 * 2 + len(ALL)
    ran = [line for line in outcome.text.splitlines() if line.startswith("[gw") and "%]" in line]
    assert len([line for line in ran if " ERROR " not in line]) == 41


def _made(project: Project, what: str) -> int:
    lines = (project.root / "log.txt").read_text(encoding="utf-8").splitlines()
    return sum(line.startswith(what) for line in lines)


def test_what_fails_when_the_last_fixtures_are_torn_down_is_an_error_of_the_last_test(mixed: Project) -> None:
    """The filler stands between the last test and the end."""
    outcome = mixed.run("-n1", "-k", "test_it", "test_b.py", "-rE")
    outcome.result.assert_outcomes(passed=12, errors=1)
    assert outcome.where("error") == {"test_it[11]"}
    assert "ERROR test_b.py::test_it[11] - AssertionError: cannot tear down" in outcome.text


def test_last_failed_and_failed_first(mixed: Project) -> None:
    """S6.1. What was skipped because of a failure has not failed."""
    assert mixed.run("-n2", "configs").where("failed") == {"bad"}
    assert mixed.run("-n1", "--lf", "configs").items == {"bad": "failed"}
    (mixed.root / "mended").touch()
    assert set(mixed.run("-n1", "--ff", "configs").items.values()) == {"passed"}


def test_stepwise_stops_at_a_failure_and_goes_on_from_it(mixed: Project) -> None:
    first = mixed.run("-n1", "--sw", "configs")
    assert outcomes(first)["failed"] == {"bad"}
    assert "after" not in first.items
    (mixed.root / "mended").touch()
    second = mixed.run("-n1", "--sw", "configs")
    assert set(second.items.values()) == {"passed"}
    assert {"bad", "after", "end"} <= set(second.items)


def test_after_a_failure_that_ends_the_session_nothing_new_is_sent(project: Project) -> None:
    names = [f"p{number}" for number in range(12)]
    script = "import time\n\ndef first(data): raise ValueError\n\ndef run(data):\n    time.sleep(0.4)\n    return {}\n"
    project.write("\n".join(["first", *names]), script, {name: {"code_function": "run"} for name in names})
    outcome = project.run("-n2", "--maxfail=1")
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert outcome.where("failed") == {"first"}
    assert "stopping after 1 failures" in outcome.text
    assert len(outcome.items) <= 4


def test_an_empty_selection_is_no_error_of_ours(mixed: Project) -> None:
    outcome = mixed.run("-n1", "-k", "nothing_of_the_kind")
    assert outcome.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "INTERNALERROR" not in outcome.text
    assert not outcome.items


def test_workers_that_do_not_collect_alike_are_told_of_and_nothing_runs(mixed: Project) -> None:
    (mixed.root / "test_odd.py").write_text(
        "import os\n\nassert os.environ['PYTEST_XDIST_WORKER'] == 'gw0'\n\ndef test_odd(): pass\n", encoding="utf-8"
    )
    outcome = mixed.run("-n2")
    assert outcome.ret not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert "Different tests were collected between gw0 and gw1" in outcome.text.replace("gw1 and gw0", "gw0 and gw1")
    assert "assert os.environ['PYTEST_XDIST_WORKER'] == 'gw0'" in outcome.text
    assert not (mixed.root / "log.txt").exists()
    assert not set(ALL) & set(outcome.items)
