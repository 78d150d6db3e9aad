"""What makes a whole test differ is told with its cause and line; what only looks like it is let pass."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Project

HEAD = """
import random
import time

import pytest

"""

DEFECTS = {
    "draw": (
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', random.random())  # here",
        "the unseeded global generators",
    ),
    "draw of a library that is imported ahead": (
        "import numpy as np\n"
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', np.random.rand())  # here",
        "the unseeded global generators",
    ),
    "set": (
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', list({*'abcdefgh'}))  # here",
        "the hash seed",
    ),
    "import": (
        "DRAWN = random.random()  # here\n"
        "@pytest.mark.reproducible(seeds=[3])\ndef test_it(record_result): record_result('value', DRAWN)",
        "the unseeded global generators",
    ),
    "clock": (
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', time.time())  # here",
        "the clock",
    ),
    "own generator": (
        "@pytest.mark.reproducible(seeds=[3])\n"
        "def test_it(record_result): record_result('value', random.Random().random())  # here",
        "the operating system's randomness",
    ),
}


BRIEF = {"the operating system's randomness": "OS randomness"}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_told_with_cause_and_line(project: Project, name: str) -> None:
    code, cause = DEFECTS[name]
    path = project.pytester.makepyfile(test_a=HEAD + code)
    outcome = project.pytest(diagnose=True)
    (replay,) = outcome.where("failed")
    message = outcome.message(replay)
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "# here" in text)
    brief = BRIEF.get(cause, cause.removeprefix("the "))
    assert re.match(rf"{brief} at test_a\.py:{line}: results\['value'\].*; not deterministic\n", message)
    assert f"where:  test_a.py:{line} in " in message
    assert f"why:    {cause}\n" in message
    assert re.search(rf"to see just this again: (PYTHONHASHSEED=\d+ )?pytest 'test_a.py::{re.escape(replay)}'", message)
    assert re.search(rf"{cause} +1: test_a.py::", outcome.text)


LOOK_ALIKES = {
    "draw": """
@pytest.fixture(autouse=True)
def generators():
    random.seed(5)

@pytest.mark.reproducible
def test_it(record_result): record_result("value", random.random())
""",
    "set": "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', sorted({*'abcdefgh'}))",
    "set of sets": "@pytest.mark.reproducible\ndef test_it(record_result): record_result('value', {*'abcdefgh'})",
    "import": """
DRAWN = random.Random(3).random()

@pytest.mark.reproducible
def test_it(record_result): record_result("value", DRAWN)
""",
    "clock": """
@pytest.mark.reproducible
def test_it(record_result):
    began = time.time()
    record_result("value", sum(range(10)))
    assert time.time() >= began
""",
    "seeds": """
@pytest.mark.reproducible(seeds=[1, 2])
def test_it(record_result): record_result("value", random.random())
""",
    "unused": "@pytest.mark.reproducible\ndef test_it(record_result): random.random(); record_result('value', 1)",
    "tolerance": """
@pytest.mark.reproducible(atol=1)
def test_it(record_result): record_result("value", random.random() / 2)
""",
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_what_only_looks_like_a_defect_passes(project: Project, name: str) -> None:
    project.pytester.makepyfile(test_a=HEAD + LOOK_ALIKES[name])
    outcome = project.pytest()
    assert outcome.ret == 0, outcome.text
    count = 2 if name == "seeds" else 1
    assert f"replayed: {count} the same, 0 differed" in outcome.text


COUNTER = """
import pytest

COUNT = 0

def test_before():
    global COUNT
    COUNT += STEP

@pytest.mark.reproducible
def test_it(record_result):
    record_result("count", COUNT)
"""


def test_what_another_test_of_the_session_left_behind_is_told_as_such(project: Project) -> None:
    project.pytester.makepyfile(test_a=COUNTER.replace("STEP", "1"))
    outcome = project.pytest(diagnose=True)
    message = outcome.message("test_it[replay]")
    assert re.search(r"the order of tests +1: test_a.py::test_it\[replay\]", outcome.text)
    assert "results['count']: value differs" in message
    assert "why:    the order of tests: what was left by `test_a.py::test_before`\n" in message
    assert "run after it, 4 of 4 replays agree with the first run; alone, 0 of 5" in message


def test_what_another_test_left_as_it_was_is_no_difference(project: Project) -> None:
    project.pytester.makepyfile(test_a=COUNTER.replace("STEP", "0"))
    assert project.pytest().ret == 0


def test_an_outcome_that_differs_is_told(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os, sys
        import pytest

        @pytest.mark.reproducible
        def test_fails_here_only():
            assert os.getpid() != PID, "here"

        @pytest.mark.reproducible
        def test_fails_there_only():
            assert os.getpid() == PID, "there"

        @pytest.mark.reproducible
        def test_fails_alike():
            raise ValueError(f"at {object()}")

        @pytest.mark.reproducible
        def test_is_skipped():
            pytest.skip("no data")

        @pytest.mark.reproducible
        @pytest.mark.xfail(reason="known", strict=True)
        def test_fails_as_expected():
            raise ValueError("no")

        PID = os.getpid() if sys.argv[0] != "-c" else os.getppid()
        """
    )
    outcome = project.pytest(subprocess=True)
    assert outcome.items == {
        "test_fails_here_only": "failed",
        "test_fails_here_only[replay]": "failed",
        "test_fails_there_only": "passed",
        "test_fails_there_only[replay]": "failed",
        "test_fails_alike": "failed",
        "test_fails_alike[replay]": "passed",
        "test_is_skipped": "skipped",
        "test_is_skipped[replay]": "skipped",
        "test_fails_as_expected": "skipped",
        "test_fails_as_expected[replay]": "passed",
    }
    message = outcome.message("test_fails_here_only[replay]")
    assert "first run: 'failed: AssertionError: here" in message
    assert "replay:    'passed'" in message
    assert "replay:    'failed: AssertionError: there" in outcome.message("test_fails_there_only[replay]")
    assert "in the replay, call of test_a.py::test_fails_there_only:\n" in outcome.text
    assert "nothing to replay: skipped: no data" in outcome.message("test_is_skipped[replay]")


def test_an_assertion_that_shows_the_whole_environment_fails_alike(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os
        import pytest

        @pytest.mark.reproducible
        def test_it():
            assert os.environ.get("NOWHERE") == "1"

        @pytest.mark.reproducible
        def test_other():
            assert os.environ["PYTHONHASHSEED_SEEN"] == os.environ.get("PYTHONHASHSEED", "")

        os.environ["PYTHONHASHSEED_SEEN"] = "none"
        """
    )
    outcome = project.pytest(subprocess=True)
    assert outcome.where("passed") == {"test_it[replay]"}, outcome.text
    assert "replay:    \"failed: AssertionError: assert 'none' == " in outcome.message("test_other[replay]")


def test_what_was_found_at_one_line_is_told_by_one_test_in_full(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import time, pytest
        pytestmark = pytest.mark.reproducible

        def now(): return time.time()

        def test_one(record_result): record_result("t", now())
        def test_two(record_result): record_result("t", now())
        def test_other(record_result): record_result("t", time.time())
    """
    )
    outcome = project.pytest("-n0", diagnose=True)
    full = {name: "fix: " in outcome.message(f"{name}[replay]") for name in ("test_one", "test_two", "test_other")}
    assert full == {"test_one": True, "test_two": False, "test_other": True}
    first = outcome.message("test_two[replay]").partition("\n")[0]
    assert first.startswith("clock at test_it.py:4: results['t']: value differs")
    assert first.endswith("; not deterministic; `test_it.py::test_one[replay]` tells why")
    every = project.pytest("-n0", "-vv", diagnose=True)
    assert "fix: " in every.message("test_two[replay]")
