"""The fixture `reproducible`: as `assert_reproducible`, with the options of the session."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.conftest import Project

CHECKED = """
import os


def drawn():
    return os.urandom(4)


def constant():
    return 1


def test_drawn(reproducible):
    reproducible(drawn)


def test_constant(reproducible):
    assert reproducible(constant) == 1
"""


def test_it_works_on_workers_and_without_them(project: Project, workers: Callable[[], list[str]]) -> None:
    project.script(CHECKED, path="test_it.py")
    outcome = project.pytest(*workers(), subprocess=True)
    assert outcome.items == {"test_drawn": "failed", "test_constant": "passed"}
    assert outcome.properties("test_constant") == {
        "expops_reproducible": "constant: 1 replay matched",
        "expops_verdict": "matched",
    }
    message = outcome.message("test_drawn")
    assert "pytest_expops/" not in message
    assert "why:" not in message  # the run has --expops-diagnose=off


def test_a_debugger_stops_in_the_test(project: Project) -> None:
    project.script(CHECKED, path="test_it.py")
    options = ["-p", "no:xdist", "--pdb", "--expops-diagnose=off", "-k", "drawn"]
    result = project.pytester.run(sys.executable, "-m", "pytest", *options, stdin=b"q\n")
    result.stdout.re_match_lines([r"> .*test_it.py\(14\)test_drawn\(\)"])
