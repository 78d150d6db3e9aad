"""Libraries that tests import are imported once for several replays, and nothing else is."""

from __future__ import annotations

import os

import pytest

from pytest_expops.replay._import_server import CAN_FORK
from tests.conftest import Project

LIBRARY = "import os\nIMPORTED_IN = os.getpid()\ncalls = []\n"
TESTS = """
import os

import pytest
import beside

@pytest.mark.reproducible
@pytest.mark.parametrize("number", [1, 2])
def test_it(fakelib, number, record_result):
    fakelib.calls.append(number)
    record_result("calls", len(fakelib.calls) == 1 or os.environ.get("FIRST") == str(os.getpid()))
    with open("seen.txt", "a") as file:
        print(fakelib.IMPORTED_IN, beside.IMPORTED_IN, os.getpid(), file=file)
"""
CONFTEST = """
import os
import pytest
{head}
import fakelib as library

os.environ.setdefault("FIRST", str(os.getpid()))

@pytest.fixture
def fakelib():
    return library
"""


def seen(project: Project, monkeypatch: pytest.MonkeyPatch, head: str = "") -> list[list[str]]:
    """Who imported the library and the project's module, and in which process it ran, for each run of a test."""
    installed = project.root / "env" / "site-packages"
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=os.pathsep)
    project.script(LIBRARY, path="env/site-packages/fakelib.py")
    project.script(LIBRARY, path="beside.py")
    project.pytester.makeconftest(CONFTEST.format(head=head))
    project.pytester.makepyfile(test_a=TESTS)
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.ret == 0, outcome.text
    lines = [line.split() for line in (project.root / "seen.txt").read_text().splitlines()]
    return [line for line in lines if line[2] != lines[0][2]]  # of the replays


@pytest.mark.skipif(not CAN_FORK, reason="replays are forked on Linux only")
def test_a_library_of_the_conftest_is_imported_once_and_used_by_each_replay_as_new(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = seen(project, monkeypatch)
    assert one[0] == two[0]
    assert one[0] not in (one[2], two[2])
    assert (one[1], two[1]) == (one[2], two[2]), "modules of the project are each replay's own"
    assert one[2] != two[2]


def test_a_library_after_a_statement_with_an_effect_is_imported_by_each_replay(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = seen(project, monkeypatch, head="os.environ['LIBRARY_MODE'] = 'fast'")
    assert (one[0], two[0]) == (one[2], two[2])


def test_a_plugin_whose_assertions_pytest_rewrites_fails_alike(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = project.root / "env" / "site-packages"
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=os.pathsep)
    project.script("def check(a, b):\n    assert a == b\n", path="env/site-packages/fakelib/plugin.py")
    project.script("", path="env/site-packages/fakelib/__init__.py")
    project.pytester.makepyfile(
        test_a="import pytest\nfrom fakelib.plugin import check\n\n"
        "@pytest.mark.reproducible\ndef test_it():\n    check(1, 2)\n"
    )
    outcome = project.pytest("-n0", "-p", "fakelib.plugin", subprocess=True)
    assert outcome.items == {"test_it": "failed", "test_it[replay]": "passed"}, outcome.text
    assert "assert 1 == 2" in outcome.message("test_it")
