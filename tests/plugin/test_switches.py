"""Switches of Python that the user runs pytest with: replays are made under the same, and tell the same."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Project

SCRIPT = """
import sys
import numpy as np

def same(data):
    return {SAME}

def other(data):
    return {OTHER}
"""
TEXTS = "{'x': list({f'text {n}' for n in range(50)})}"
DRAWN = "{'x': __import__('random').SystemRandom().random()}"
IMPORTED = "{'x': __import__('helper_of_mine').VALUE}"
DIGITS = "{'x': sys.get_int_max_str_digits()}"
EMPTY = "{'x': np.empty(2000)}"
FLAGS = "{'x': [sys.flags.no_user_site, sys.flags.optimize]}"
SWITCHES = {
    "a hash seed": ({"PYTHONHASHSEED": "0"}, (), "{'x': 1}", TEXTS),
    "a random hash seed": ({"PYTHONHASHSEED": "random"}, (), "{'x': 1}", TEXTS),
    "a relative path": ({"PYTHONPATH": "beside"}, (), IMPORTED, DRAWN),
    "no user site": ({"PYTHONNOUSERSITE": "1"}, (), FLAGS, DRAWN),
    "few digits": ({"PYTHONINTMAXSTRDIGITS": "640"}, (), DIGITS, DRAWN),
    "no assert": ({}, ("-O",), FLAGS, DRAWN),
    "filled memory": ({"PYTHONMALLOC": "debug"}, (), "{'x': np.zeros(2000)}", EMPTY),
}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize(("variables", "flags", "same", "other"), SWITCHES.values(), ids=SWITCHES.keys())
def test_replays_are_made_under_the_same_switches(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    flags: tuple[str, ...],
    same: str,
    other: str,
    workers: str,
) -> None:
    project.write("same\nother\n", SCRIPT.format(SAME=same, OTHER=other))
    project.script("VALUE = 7\n", path="beside/helper_of_mine.py")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, *flags, "-m", "pytest", "--expops-config", project.config, "--expops-replay=all"]
    result = project.pytester.run(*command, workers, "--expops-diagnose=off", "-v", "-p", "no:hypothesispytest")
    print(result.stdout.str())
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::other?replay? - not deterministic: *"])
