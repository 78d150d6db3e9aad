"""A process that forks: its child may end as it likes, and never goes on as a second worker."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import Project

SCRIPT = """
import os, sys


def note(name):
    if "pytest" in sys.modules:
        with open("log.txt", "a") as file:
            file.write(name + "\\n")


def returns(data):
    note("returns")
    child = os.fork()
    return {"status": os.waitpid(child, 0)[1]} if child else {"status": -1}


def exits(data):
    note("exits")
    child = os.fork()
    if not child:
        sys.exit(3)
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def raises(data):
    note("raises")
    child = os.fork()
    if not child:
        raise ValueError
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def after(data):
    note("after")
    assert [data[name]["status"] for name in ("returns", "exits", "raises")] == [0, 3, 1]
    return {}
"""
NAMES = {"returns", "exits", "raises", "after"}


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_a_forked_child_that_comes_back_ends_there(project: Project, workers: str) -> None:
    project.write("returns after\nexits after\nraises after", SCRIPT)
    outcome = project.run(workers, "--expops-replay=all", subprocess=True)
    assert outcome.ret == 0
    assert outcome.where("passed") == {*NAMES, *(f"{name}[replay]" for name in NAMES)}
    assert Counter((project.root / "log.txt").read_text(encoding="utf-8").split()) == Counter(NAMES)
