"""What tests leave for one another is found, and told with the test that leaves it; others pass in any order."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.conftest import Project

HEAD = """
import os

import pytest

LEFT = []

@pytest.fixture(scope="module")
def shared():
    return []

@pytest.fixture
def variable(monkeypatch):
    monkeypatch.setenv("VARIABLE", "1")

"""
BEFORE = {
    "a variable of the environment": (
        "def test_one(): os.environ['LEFT_BEHIND'] = '1'",
        "assert os.environ.get('LEFT_BEHIND') == '1'",
    ),
    "a global": ("def test_one(): LEFT.append(1)", "record_result('n', len(LEFT))"),
    "a fixture": ("def test_one(shared): shared.append(1)", "record_result('n', len(shared))"),
}
UNTOUCHED = {
    "put back": ("def test_one(variable): pass", "assert 'VARIABLE' not in os.environ"),
    "its own": ("def test_one(): os.environ['LEFT_BEHIND'] = '1'", "os.environ['LEFT_BEHIND'] = '2'"),
    "what it sets up": ("def test_one(shared): LEFT.append(1)", "record_result('n', shared)"),
}
TEST = "@pytest.mark.reproducible\ndef test_it(shared, record_result): {body}\n"
PASSING = "def test_nothing(): pass\n"


SOME_BEFORE = [name if name == "a global" else pytest.param(name, marks=pytest.mark.slow) for name in BEFORE]
"""All are alike in how they are found."""


@pytest.mark.parametrize("name", SOME_BEFORE)
def test_what_a_test_needs_of_one_before_it_is_told_with_that_test(project: Project, name: str) -> None:
    one, body = BEFORE[name]
    project.pytester.makepyfile(test_a=f"{HEAD}\n{PASSING}\n{one}\n\n{TEST.format(body=body)}")
    outcome = project.pytest("-n0", diagnose=True, subprocess=True)
    assert outcome.where("failed") == {"test_it[replay]"}
    message = outcome.message("test_it[replay]")
    assert "why:    the order of tests: what was left by `test_a.py::test_one`\n" in message
    assert "run after it, 4 of 4 replays agree with the first run; alone, 0 of 5" in message
    assert "fix: let the test make what it needs" in message
    assert "the order of tests  1: test_a.py::test_it[replay]" in outcome.text
    command = re.findall("to see just this again: pytest (.*)", message)[0]
    assert shlex.split(command) == ["test_a.py::test_one", "test_a.py::test_it"]
    assert project.pytest("-n0", *shlex.split(command), subprocess=True).where("failed") == {"test_it[replay]"}


@pytest.mark.parametrize("name", UNTOUCHED)
@pytest.mark.parametrize("vary", [[], ["--expops-vary=order"]])
def test_a_test_that_needs_nothing_of_others_passes(project: Project, name: str, vary: list[str]) -> None:
    one, body = UNTOUCHED[name]
    project.pytester.makepyfile(test_a=f"{HEAD}\n{one}\n\n{TEST.format(body=body)}\n{one.replace('one', 'two')}")
    outcome = project.pytest("-n0", *vary, subprocess=True)
    assert outcome.where("failed") == set(), outcome.text


@pytest.mark.parametrize("name", SOME_BEFORE)
def test_what_a_later_test_would_leave_is_found_where_the_order_is_varied(project: Project, name: str) -> None:
    one, body = BEFORE[name]
    body = "record_result('n', os.environ.get('LEFT_BEHIND'))" if "environ" in body else body
    project.pytester.makepyfile(test_a=f"{HEAD}\n{TEST.format(body=body)}\n{PASSING}\n{one}\n")
    assert project.pytest("-n0", subprocess=True).where("failed") == set()
    outcome = project.pytest("-n0", "--expops-vary=order", diagnose=True, subprocess=True)
    assert outcome.where("failed") == {"test_it[replay]"}
    message = outcome.message("test_it[replay]")
    assert ", after other tests there, and the second run differs" in message
    assert "why:    the order of tests: what was left by `test_a.py::test_one`\n" in message
    assert re.search(r"alone, (\d) of \1 replays agree; after other tests, 0 of \1", message)
    assert "the tests before it there: test_a.py::test_one and test_a.py::test_nothing" in message
    assert "the order of tests  1: test_a.py::test_it[replay]" in outcome.text
    command = shlex.split(re.findall("to see just this again: pytest (.*)", message)[0])
    assert command[0] == "--expops-vary=order"
    assert project.pytest("-n0", *command, subprocess=True).where("failed") == {"test_it[replay]"}


def test_the_marker_varies_the_order_and_the_places_of_other_causes_are_those_of_the_test(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import time
        import pytest

        @pytest.mark.reproducible(vary="order")
        def test_it(record_result):
            record_result("at", time.time())  # here

        def test_other(): time.time()
        """
    )
    outcome = project.pytest("-n0", diagnose=True)
    message = outcome.message("test_it[replay]")
    assert "why:    the clock\n            test_a.py:6 time.time()\n" in message, message
    assert "where:  test_a.py:6 in test_it" in message


def test_the_environment_is_that_of_the_session_and_what_fixtures_make_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATHS", "first")
    project.pytester.makeconftest(
        """
        import os, pytest

        os.environ["PATHS"] += ":conftest"

        @pytest.fixture(scope="session", autouse=True)
        def of_session():
            os.environ["PATHS"] += ":session"
        """
    )
    project.pytester.makepyfile(
        setter="import os\n\ndef pytest_load_initial_conftests(early_config):\n    pass\n",
        test_a="""
        import os, pytest

        @pytest.mark.reproducible
        def test_it(record_result):
            record_result("paths", os.environ["PATHS"])
            record_result("pytest's", [os.environ.get("PYTEST_XDIST_WORKER"), os.environ["PYTEST_CURRENT_TEST"]])
        """,
    )
    for how in ("-n0", "-n1"):
        outcome = project.pytest(how, subprocess=True)
        assert outcome.where("passed") == {"test_it", "test_it[replay]"}, outcome.text


def test_what_a_plugin_sets_for_the_session_is_there(project: Project) -> None:
    project.pytester.makepyfile(
        like_env="""
        import os, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(early_config):
            os.environ["OF_THE_SESSION"] = os.environ.get("OF_THE_SESSION", "") + "1"
        """,
        test_a="""
        import os, pytest

        @pytest.mark.reproducible
        def test_it():
            assert os.environ["OF_THE_SESSION"]
        """,
    )
    outcome = project.pytest("-p", "like_env", "-n0", subprocess=True)
    assert outcome.where("passed") == {"test_it", "test_it[replay]"}, outcome.text
