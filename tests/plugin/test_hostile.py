"""A process whose exception or result is hostile when it is looked at: one failed item, run once, and the rest runs."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conftest import Project

SCRIPT = """
import os
from pytest_expops.core import get_current_context, log_metric


def hostile(**hooks):
    return type("Hostile", (Exception,), hooks)


def fails(self, *_):
    raise ValueError("looked at")


def interrupts(self, *_):
    raise KeyboardInterrupt


def recurses(self, *_):
    return recurses(self)


def note(data):
    with open("log.txt", "a") as file:
        file.write(get_current_context().process_name + "\\n")


def text(data):
    note(data)
    raise hostile(__str__=fails, __repr__=fails)("told")


def recursion(data):
    note(data)
    raise hostile(__str__=recurses, __repr__=recurses, __class__=property(recurses))("told")


def lying(data):
    note(data)
    import pytest
    raise hostile(__class__=property(lambda self: pytest.skip.Exception))("told")


def notes(data):
    note(data)
    raise hostile(__notes__=property(interrupts), __cause__=property(interrupts))("told")


def exits(data):
    note(data)
    raise hostile(__str__=interrupts)("told")


def key(data):
    note(data)
    return {type("Key", (str,), {"__repr__": fails, "__str__": fails})("k"): 1}


def no_dict(data):
    note(data)
    return type("NoDict", (), {"__class__": property(lambda self: dict)})()


def name(data):
    note(data)
    log_metric(type("Name", (), {"__class__": property(lambda self: str)})(), 1.0)


def digits(data):
    note(data)
    log_metric("m", 10**5000)


def plain(data):
    note(data)
    return {"x": 1}


def below(data):
    note(data)
    return {}
"""
NAMES = ("text", "recursion", "lying", "notes", "exits", "key", "no_dict", "name", "digits", "plain")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_hostile_process_fails_alone_and_runs_once(project: Project, workers: str) -> None:
    project.write(
        "\n".join(f"{name} {name}_below" for name in NAMES),
        SCRIPT + "\n".join(f"{name}_below = below" for name in NAMES),
    )
    outcome = project.run(workers)
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    failed = {name for name in NAMES if name not in ("plain", "key")}
    assert {name.partition("@")[0] for name in outcome.where("failed")} == failed
    assert Counter((project.root / "log.txt").read_text(encoding="utf-8").split()) == Counter(
        [*NAMES, "plain_below", "key_below"]
    )
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in outcome.text
    assert "Hostile: (its message cannot be shown: `str()` of this Hostile fails)" in outcome.text
    assert "process `no_dict` returned a NoDict; a process returns a dict of its outputs" in outcome.text
    assert "log_metric('m'): the value is a whole number of at most 300 digits, not " in outcome.text


RAISED_AGAIN = """
import sys


def hostile(hook, answer):
    return type("Hostile", (Exception,), {hook: answer})("told")


def interrupts(*_):
    raise KeyboardInterrupt


def text(data): return again(hostile("__str__", interrupts))
def lying(data): return again(hostile("__class__", property(interrupts)))
def interrupt(data): return again(KeyboardInterrupt())
def exit(data): return again(SystemExit(3))


def again(error):
    if "pytest" not in sys.modules:
        raise error
    return {}


def end(data): return {}
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_a_replay_raises_is_what_differs_however_hostile_it_is(project: Project, workers: str) -> None:
    names = ("text", "lying", "interrupt", "exit")
    project.write("\n".join(f"{name} end" for name in names), RAISED_AGAIN)
    outcome = project.run(workers, "--expops-replay=all")
    assert outcome.where("failed") == {f"{name}[replay]" for name in names}
    for name, kind in zip(names, ("Hostile", "Hostile", "KeyboardInterrupt", "SystemExit"), strict=True):
        assert "the replay raised, the first run did not" in outcome.message(f"{name}[replay]")
        assert kind in outcome.message(f"{name}[replay]")
