"""Switches of Python that pytest is run with: replays are made under the same, and tell the same."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Project

SAME = """
import sys

def same(data):
    from helper_of_mine import VALUE

    assert not __debug__ or VALUE, "the first run and replays go on where asserts are left out"
    try:
        int("9" * 641)
        digits = "many"
    except ValueError:
        digits = "few"
    return {"x": [VALUE, digits, sys.flags.no_user_site, sys.flags.optimize]}

def other(data):
    return {"x": list({f"text {number}" for number in range(50)})}
"""
MEMORY = """
import numpy as np

def same(data):
    return {"x": np.zeros(2000)}

def other(data):
    return {"x": np.empty(2000)}
"""
OF_ALL = {
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": "beside",
    "PYTHONNOUSERSITE": "1",
    "PYTHONINTMAXSTRDIGITS": "640",
    "PYTHONOPTIMIZE": "1",  # pytest-xdist does not hand `-O` itself to its workers
}
OF_MEMORY = {"PYTHONHASHSEED": "random", "PYTHONMALLOC": "debug"}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize(
    ("script", "variables", "vary"),
    [(SAME, OF_ALL, ""), (MEMORY, OF_MEMORY, "memory")],
    ids=["paths, hashes and asserts", "memory"],
)
def test_replays_are_made_under_the_same_switches(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    variables: dict[str, str],
    vary: str,
    workers: str,
) -> None:
    project.write("same\nother\n", script)
    project.script("VALUE = 0\n", path="beside/helper_of_mine.py")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "pytest", "--expops-config", project.config, "--expops-replay=all"]
    options = [workers, "--expops-diagnose=off", "-v", "-p", "no:hypothesispytest"]
    result = project.pytester.run(*command, *options, *([f"--expops-vary={vary}"] if vary else []))
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::other?replay? - *"])
