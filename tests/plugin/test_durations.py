"""Durations are remembered between sessions: of real work only, in pytest's cache."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Project

SCRIPT = """
import time

def slow(data):
    time.sleep(0.2)
    return {}

def quick(data):
    return {}

def broken(data):
    raise ValueError("no")
"""
CONFIG = "configs/project_config.yaml"


@pytest.fixture
def slow(project: Project) -> Project:
    project.write("slow quick\nslow broken", SCRIPT)
    return project


def remembered(project: Project) -> dict[str, Any]:
    path = project.root / ".pytest_cache/v/expops/durations"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def names(project: Project) -> set[str]:
    return {node_id.partition("::")[2] for node_id in remembered(project)}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_passed_items_are_remembered_and_failed_ones_are_not(slow: Project, workers: str) -> None:
    slow.run(workers, "--expops-replay=none")
    assert names(slow) == {"slow", "quick"}
    found = remembered(slow)
    assert found[f"{CONFIG}::slow"] >= 0.2 > found[f"{CONFIG}::quick"]


def test_what_did_not_run_keeps_what_it_took_before(slow: Project) -> None:
    slow.run("-n0", "--expops-replay=none")
    before = remembered(slow)
    slow.run("-n0", "--expops-replay=none", "-k", "quick")
    after = remembered(slow)
    assert after[f"{CONFIG}::slow"] == before[f"{CONFIG}::slow"]


def test_a_process_whose_work_was_done_already_is_not_measured(project: Project) -> None:
    """A test runs before it and asks for its result: the process item only finds the record."""
    project.write("slow", SCRIPT)
    project.pytester.makepyfile("def test_first(expops):\n    expops['slow']\n")
    project.pytester.makeconftest(
        "import pytest\n@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_collection_modifyitems(items):\n    yield\n    items.reverse()\n"
    )
    project.run("-n0", "--expops-replay=none", ".")
    assert names(project) == {"test_first"}


def test_tests_are_remembered_too_but_not_those_that_skip(slow: Project) -> None:
    slow.pytester.makepyfile(
        "import pytest\ndef test_it():\n    pass\ndef test_not():\n    pytest.skip('no')\n"
        "@pytest.mark.skip\ndef test_never():\n    pass\n"
    )
    slow.run("-n0", "--expops-replay=none", ".")
    assert names(slow) == {"slow", "quick", "test_it"}


def test_what_is_of_a_file_that_is_gone_is_forgotten(slow: Project) -> None:
    path = slow.pytester.makepyfile("def test_it():\n    pass\n")
    slow.run("-n0", "--expops-replay=none", ".")
    assert "test_it" in names(slow)
    path.unlink()
    slow.run("-n0", "--expops-replay=none")
    assert names(slow) == {"slow", "quick"}


@pytest.mark.parametrize("content", ["[1, 2]", '{"a": "b", "c": -1, "d": null}', "{"])
def test_a_cache_that_holds_something_else_is_no_history(slow: Project, content: str) -> None:
    path = slow.root / ".pytest_cache/v/expops/durations"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    outcome = slow.run("-n0", "--expops-replay=none")
    assert outcome.items == {"slow": "passed", "quick": "passed", "broken": "failed"}
    assert names(slow) == {"slow", "quick"}


def test_nothing_is_needed_of_the_cache(slow: Project) -> None:
    outcome = slow.run("-n2", "--expops-replay=none", "-p", "no:cacheprovider")
    assert outcome.items == {"slow": "passed", "quick": "passed", "broken": "failed"}
    assert remembered(slow) == {}
