"""Replays of whole tests in every way in which pytest is run, and with every kind of test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.conftest import Project

TESTS = """
import unittest

import pytest

@pytest.fixture(scope="session")
def of_session():
    return [1]

@pytest.fixture(scope="module")
def of_module(of_session, from_conftest):
    yield of_session + from_conftest

class TestClass:
    @pytest.fixture(scope="class")
    def of_class(self, of_module):
        return of_module + [3]

    def test_method(self, of_class, record_result, tmp_path):
        assert of_class == [1, 2, 3]
        record_result("value", of_class)

class Case(unittest.TestCase):
    def setUp(self):
        self.value = 1

    def test_case(self):
        assert self.value == 1

@pytest.mark.parametrize("text", ["a/b::c[d]", "\\u00e9 \\n", "plain"])
def test_odd(text, record_result):
    record_result("text", text)

async_ = None

def test_plain(request, cache):
    assert cache.get("nothing", None) is None
    assert request.config.getoption("--size") == "large"
"""

CONFTEST = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--size", default="small")

@pytest.fixture(scope="session")
def from_conftest():
    return [2]
"""


def _write(project: Project) -> None:
    project.pytester.makeconftest(CONFTEST)
    project.pytester.makepyfile(test_a=TESTS)


def test_every_kind_of_test_is_replayed(project: Project, workers: Callable[[], list[str]]) -> None:
    _write(project)
    outcome = project.pytest("--expops-replay-tests", "--size=large", *workers(), subprocess=True)
    assert outcome.ret == 0, outcome.text
    assert len(outcome.where("passed")) == 12
    assert "6 tests replayed: 6 the same, 0 differed" in outcome.text
    assert {"test_method[replay]", "test_case[replay]", "test_odd[plain-replay]"} <= outcome.where("passed")


def test_the_ini_file_may_ask_for_it_and_options_may_be_in_it(project: Project) -> None:
    _write(project)
    project.pytester.makeini("[pytest]\nexpops_replay_tests = true\naddopts = --size=large -x --ff\n")
    outcome = project.pytest(
        "-p", "no:cacheprovider", "-o", "addopts=--size=large", "-k", "not test_plain", subprocess=True
    )
    assert outcome.ret == 0, outcome.text
    assert "5 tests replayed: 5 the same" in outcome.text
    outcome = project.pytest(subprocess=True)
    assert outcome.ret == 0, outcome.text
    assert "6 tests replayed: 6 the same" in outcome.text


def test_a_layout_with_src_and_importlib(project: Project) -> None:
    project.pytester.makeini("[pytest]\npythonpath = src\naddopts = --import-mode=importlib\n")
    project.script("def value(): return 7", path="src/mine/__init__.py")
    project.script(
        "from mine import value\ndef test_it(record_result): record_result('v', value())", path="tests/a/test_it.py"
    )
    project.script(
        "from mine import value\ndef test_it(record_result): record_result('v', value())", path="tests/b/test_it.py"
    )
    outcome = project.pytest("--expops-replay-tests", subprocess=True)
    assert outcome.ret == 0, outcome.text
    assert "2 tests replayed: 2 the same" in outcome.text


def test_a_replay_alone_makes_its_first_run_elsewhere_and_says_so(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import os
        import random
        import pytest

        @pytest.mark.reproducible
        def test_it(record_result): record_result("value", random.random())

        @pytest.mark.reproducible
        def test_same(record_result): record_result("value", 1)
        """
    )
    outcome = project.pytest("test_a.py::test_it[replay]", "test_a.py::test_same[replay]", "-n0")
    assert outcome.items == {"test_it[replay]": "failed", "test_same[replay]": "passed"}
    assert "test_it was run again (its first run was made in a fresh interpreter, too)" in outcome.message(
        "test_it[replay]"
    )


def test_a_replay_follows_its_test_and_both_are_selected_alike(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.fixture(scope="module", params=["x", "y"])
        def value(request): return request.param

        @pytest.mark.reproducible(seeds=[1, 2])
        @pytest.mark.parametrize("a", ["p"])
        def test_one(a): pass

        @pytest.mark.reproducible
        def test_two(value): pass

        @pytest.mark.slow
        @pytest.mark.reproducible
        def test_three(value): pass

        def test_four(value): pass
        """
    )
    project.pytester.makeini("[pytest]\nmarkers = slow: is slow\n")
    listed = [line.partition("::")[2] for line in project.pytest("--co", "-q", "-n0").text.splitlines() if "::" in line]
    assert len(listed) == 4 + 4 + 4 + 2
    for name in listed:
        if name.endswith("replay]"):
            test = name.replace("-replay]", "]").replace("[replay]", "")
            assert listed[listed.index(name) - 1] == test
    assert "test_one[seed1-p-replay]" in listed
    text = project.pytest("--co", "-q", "-m", "slow", "-n0").text
    assert text.count("test_three") == 4
    assert "test_two" not in text


def test_what_is_no_test_function_is_counted(project: Project) -> None:
    project.pytester.makepyfile(test_a='def test_it():\n    """\n    >>> 1 + 1\n    2\n    """\n')
    outcome = project.pytest("--expops-replay-tests", "--doctest-modules", "-n0")
    assert outcome.ret == 0
    assert "1 test replayed: 1 the same" in outcome.text
    assert "not replayed: 1 (no test function, but a DoctestItem)" in outcome.text


def test_only_the_replay_that_failed_is_run_by_last_failed(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="import random, pytest\n"
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('v', random.random())\n"
    )
    assert project.pytest("-n0").where("failed") == {"test_it[replay]"}
    assert project.pytest("--lf", "-n0").items == {"test_it[replay]": "failed"}


def test_without_a_marker_nothing_is_replayed_and_recording_does_no_harm(project: Project) -> None:
    project.pytester.makepyfile(test_a="def test_it(record_result): record_result('v', (each for each in [1]))")
    outcome = project.pytest("-n0")
    assert outcome.items == {"test_it": "passed"}
    assert "tests that were run again" not in outcome.text


def test_a_debugger_stops_in_the_failed_replay_and_goes_on(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="import random, pytest\n"
        "@pytest.mark.reproducible\ndef test_it(record_result): record_result('v', random.random())\n"
    )
    command = [sys.executable, "-m", "pytest", "--pdb", "--expops-diagnose=off", "-p", "no:xdist"]
    done = subprocess.run(command, input="c\n", capture_output=True, text=True, timeout=60, cwd=project.root)
    assert "(Pdb)" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_a_replay_that_is_interrupted_ends_at_once(project: Project) -> None:
    project.pytester.makepyfile(
        test_a="""
        import pathlib, sys, time, pytest

        FIRST = sys.argv[0] != "-c"  # as it is in a replay

        @pytest.mark.reproducible
        def test_it():
            if not FIRST:
                pathlib.Path("began").touch()
                time.sleep(50)
        """
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project.root) as child:
        deadline = time.monotonic() + 40
        while not (project.root / "began").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        printed, _ = child.communicate(timeout=20)
    assert child.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in printed


def test_a_test_that_uses_a_pipeline_is_replayed_with_it(fan: Project) -> None:
    fan.pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.mark.reproducible
        def test_it(merge, expops, record_result):
            record_result("parts", sorted(merge["parts"]))
            record_result("luck", expops["train_1_seed40"]["luck"])
        """
    )
    outcome = fan.run("-k", "test_it", "-p", "no:xdist", subprocess=True)
    assert outcome.items == {"test_it": "passed", "test_it[replay]": "passed"}, outcome.text


def test_a_test_that_checks_functions_itself_leaves_no_files(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    project.pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.mark.reproducible
        def test_it(reproducible):
            assert reproducible(len, [1], vary="files") == 1
        """
    )
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.where("passed") == {"test_it", "test_it[replay]"}, outcome.text
    assert [each.name for each in temporary.iterdir() if "expops" in each.name] == []
