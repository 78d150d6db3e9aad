"""A conftest file with its own functions in the place of Python's, as what freezes the time or forbids programs has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Project

REFUSE = "def no(*args, **kwargs): raise RuntimeError('not in tests')\n"
REPLACED = {
    "the class that starts programs": "import subprocess\n" + REFUSE + "subprocess.Popen = no",
    "its method": "import subprocess\n" + REFUSE + "subprocess.Popen.__init__ = no",
    "what it is made of": "import subprocess, os\n"
    + REFUSE
    + "subprocess._fork_exec = None\nfor name in ('pipe', 'waitpid', 'fork'): setattr(os, name, no)\n",
    "the clocks": "import time\nfor name in ('time', 'monotonic', 'perf_counter'): setattr(time, name, lambda: 1e9)",
    "waiting": "import time\ntime.sleep = lambda seconds: None",
    "signals": "import signal\n" + REFUSE + "signal.signal = no",
}
TESTS = """
    import time
    from pytest_expops import assert_reproducible

    def same(): return 1
    def other(): return {value}

    def test_same(): assert_reproducible(same)
    def test_other(): assert_reproducible(other)
"""
FIRST = ("the class that starts programs", "the clocks")
"""Enough for every push."""


def _params() -> Iterator[Any]:
    for name, conftest in REPLACED.items():
        yield pytest.param(conftest, id=name, marks=[] if name in FIRST else [pytest.mark.slow])


@pytest.mark.parametrize("conftest", [*_params()])
def test_processes_and_functions_are_replayed_all_the_same(project: Project, conftest: str) -> None:
    project.write("train\n", "import os\ndef train(data): return {'x': 1}\n")
    project.pytester.makeconftest(conftest)
    project.pytester.makepyfile(test_it=TESTS.format(value="__import__('os').getpid()"))
    # pytest-metadata, which pytest-html brings along, starts a program itself when it is configured.
    others = ["-p", "no:metadata", "-p", "no:html"]
    outcome = project.run("-n0", "--expops-replay=all", "--expops-diagnose=off", *others, subprocess=True)
    assert outcome.items == {
        "train": "passed",
        "train[replay]": "passed",
        "test_same": "passed",
        "test_other": "failed",
    }, outcome.text
    assert "returned: value differs" in outcome.text


def test_a_clock_that_is_set_back_after_the_first_run_is_not_waited_for(project: Project) -> None:
    """The replay of a test may have to be made in another second than its first run."""
    project.pytester.makepyfile(
        test_it="""
        import time, pytest

        TRUE = time.time

        @pytest.fixture(scope="module")
        def frozen():
            time.time = lambda: 1e9
            yield
            time.time = TRUE

        @pytest.mark.reproducible
        def test_it(frozen, record_result):
            record_result("x", int(time.time()))
        """
    )
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.items == {"test_it": "passed", "test_it[replay]": "passed"}, outcome.text


def test_files_that_are_not_the_systems_are_refused_by_name(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="""
        import os, pytest
        from pytest_expops import assert_reproducible
        from pytest_expops.execution import scratch

        class Files:
            def __getattr__(self, name): return getattr(os, name)
            def stat(self, *args, **kwargs): raise FileNotFoundError

        @pytest.fixture
        def other_files(monkeypatch): monkeypatch.setattr(scratch, "os", Files())

        def same(): return 1

        def test_before(): assert_reproducible(same)
        def test_with(other_files): assert_reproducible(same)
        def test_after(): assert_reproducible(same)
        """
    )
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.items == {"test_before": "passed", "test_with": "failed", "test_after": "passed"}, outcome.text
    assert "something stands in for the system's files (`os` is a test_it.Files)" in outcome.text
