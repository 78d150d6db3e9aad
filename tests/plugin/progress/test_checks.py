"""A check in a test that takes long says on the terminal what it is at, and leaves no trace."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Project
from tests.plugin.progress.pseudo_terminal import Watched, run_in_terminal

PLAIN = ["-p", "no:hypothesispytest", "-p", "no:cacheprovider", "-p", "no:rerunfailures"]
SLOW = """
import random, time
import pytest
from pytest_expops import assert_reproducible

def slow(n=1):
    time.sleep(0.8 * n)
    return n

def drawn():
    time.sleep(0.2)
    return random.SystemRandom().random()

def test_function(): assert_reproducible(slow, twice=False, replays=2)

def test_fixture(reproducible): reproducible(slow, twice=False, replays=2)

@pytest.mark.reproducible(replays=2)
def test_whole(): time.sleep(0.7)

def test_plain(): time.sleep(1.2)
"""
DIAGNOSED = """

def test_drawn(reproducible): reproducible(drawn, twice=False)
"""


def watch(project: Project, *arguments: str) -> Watched:
    return run_in_terminal(*PLAIN, *arguments, folder=project.root, columns=100)


def test_each_kind_of_check_names_its_test_and_the_replay(project: Project) -> None:
    project.pytester.makepyfile(test_a=SLOW)
    run = watch(project, "-v")
    assert run.returned == 0, run.final.text
    for text in (
        "expops: test_function: replay 2 of slow",
        "expops: test_fixture: replay 2 of slow",
        "expops: test_whole[replay]: replay 2 of test_whole",
    ):
        assert text in run.drawn
    assert not any("test_plain" in text for text in run.drawn)
    run.assert_never_garbled()
    assert "expops: test_" not in run.final.text
    assert len(re.findall(r"test_a.py::\S+ PASSED", run.final.text)) == 5


def test_the_controller_says_what_checks_on_its_workers_are_at(project: Project) -> None:
    project.pytester.makepyfile(test_a=SLOW)
    run = watch(project, "-n1", "-v")
    assert run.returned == 0, run.final.text
    for text in (
        "expops: test_function (gw0): replay 2 of slow",
        "expops: test_fixture (gw0): replay 2 of slow",
        "expops: test_whole[replay] (gw0): replay 2 of test_whole",
    ):
        assert text in run.drawn
    assert not any("test_plain" in text for text in run.drawn)
    run.assert_never_garbled()
    assert "expops: test_" not in run.final.text


def test_a_diagnosis_says_what_is_tried(project: Project) -> None:
    project.pytester.makepyfile(test_a=SLOW + DIAGNOSED)
    run = watch(project, "-k", "drawn")
    assert run.returned == 1, run.final.text
    beginning = r"expops: test_drawn: run \d+ to find the cause for drawn: "
    assert any(re.fullmatch(f"{beginning}the operating system's randomness fixed", text) for text in run.drawn)
    assert any(re.fullmatch(f"{beginning}as it is", text) for text in run.drawn)
    run.assert_never_garbled()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-q"],
        ["-n1", "-k", "plain"],
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (["--expops-progress=off"], ["-n1", "-q"], ["-k", "plain"])
        ),
    ],
)
def test_nothing_is_drawn_where_nobody_asks_for_it(project: Project, arguments: list[str]) -> None:
    project.pytester.makepyfile(test_a=SLOW)
    run = watch(project, *arguments)
    assert run.returned == 0, run.final.text
    assert run.drawn == []


def test_it_is_drawn_where_it_is_asked_for(project: Project) -> None:
    project.pytester.makepyfile(test_a=SLOW)
    run = watch(project, "-q", "--expops-progress=on", "-k", "fixture")
    assert "expops: test_fixture: replay 2 of slow" in run.drawn
    run.assert_never_garbled()
