"""A process may do with the standard streams what it likes: it passes, its replay too, and nobody else notices."""

from __future__ import annotations

import pytest

from tests.conftest import Project

SCRIPT = """
import codecs, io, logging, sys


class Odd:
    def write(self, *_): raise ValueError("odd")
    def flush(self): raise KeyError("odd")


def load(data):
    print("text of load")
    return {}


def none(data):
    print("text of none")
    sys.stdout = sys.stderr = sys.stdin = None
    return {}


def closed(data):
    print("text of closed")
    sys.stdout.close()
    sys.stderr.close()
    return {}


def odd(data):
    print("text of odd")
    sys.stdout = sys.stderr = sys.stdin = Odd()
    return {}


def wrapped(data):
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    print("text of wrapped")
    sys.stderr = codecs.getwriter("utf-8")(sys.stderr.detach())
    return {}


def logged(data):
    logging.basicConfig(stream=sys.stderr, force=True)
    logging.warning("text of logged")
    return {}


def last(data):
    print("text of last")
    logging.warning("log of last")
    sys.exit("the end")
"""
NAMES = ("load", "none", "closed", "odd", "wrapped", "logged")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_a_process_does_to_the_standard_streams_ends_with_it(project: Project, workers: str) -> None:
    project.write("load none\nnone closed\nclosed odd\nodd wrapped\nwrapped logged\nlogged last", SCRIPT)
    outcome = project.run(workers, "--expops-replay=all", "-rA", "-o", "junit_logging=all")
    assert outcome.where("passed") == {*NAMES, *(f"{name}[replay]" for name in NAMES)}
    assert outcome.where("failed") == {"last"}
    printed = {
        str(case.get("name")): "".join(each.text or "" for each in case.findall("system-out")) for case in outcome.cases
    }
    for name in NAMES[:-1]:
        assert f"text of {name}" in printed[name]
        assert f"text of {name}" in printed[f"{name}[replay]"]
    assert "text of last" in printed["last"]
