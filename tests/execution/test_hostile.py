"""Whatever a process gives does when it is looked at: its function runs once, and there is one record (S6.2)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from tests.execution.test_session import pipeline, session

HOOKS = (
    *("__str__", "__repr__", "__eq__", "__hash__", "__reduce__", "__reduce_ex__", "__getstate__", "__len__"),
    *("__iter__", "__bool__", "__getattr__", "__getattribute__", "__class__", "__format__", "__int__", "__float__"),
    *("__index__", "__notes__", "__cause__", "__context__", "__traceback__", "__suppress_context__", "__dict__"),
    *("add_note", "with_traceback", "args", "name", "shape", "dtype", "tolist", "numpy", "exceptions", "__sizeof__"),
)
DOES = (
    *("raises ValueError", "raises KeyboardInterrupt", "raises SystemExit", "raises itself", "recurses"),
    *("gives None", "gives 7", "gives text", "gives a class", "gives itself"),
)
BASES = (
    "Exception",
    "KeyError",
    "SyntaxError",
    "ModuleNotFoundError",
    "ExceptionGroup",
    "BaseException",
    "ExpopsError",
)
PLACES = ("raised", "output", "output key", "whole result", "metric", "metric name", "metric step", "step name")

SCRIPT = """
import functools, random
from pytest_expops.core import log_metric, step
from pytest_expops.errors import ExpopsError

HOOKS, BASE, PLACE = {hooks!r}, {base!r}, {place!r}


def hook(name, does):
    def behave(self, *_, **__):
        if does == "recurses":
            return behave(self)
        if does == "raises itself":
            raise self if isinstance(self, BaseException) else ValueError
        if does.startswith("raises "):
            raise eval(does[7:])
        return {{"None": None, "7": 7, "text": "text", "a class": KeyboardInterrupt, "itself": self}}[does[6:]]

    return property(behave) if name in PROPERTIES else behave


PROPERTIES = {{"__class__", "__notes__", "__cause__", "__context__", "__traceback__", "__suppress_context__"}}
PROPERTIES |= {{"__dict__", "args", "name", "shape", "dtype", "exceptions"}}


def hostile(base):
    return type("Hostile", (base,), {{name: hook(name, does) for name, does in HOOKS.items()}})


def make(base, *arguments):
    return hostile(base)(*arguments)


def load(data):
    with open("log.txt", "a") as file:
        file.write("load\\n")
    if PLACE == "raised":
        base = eval(BASE)
        raise make(base, "many", [ValueError()]) if base is ExceptionGroup else make(base, "told")
    if PLACE == "whole result":
        return make(dict, {{"a": 1}})
    if PLACE == "output key":
        return {{make(str, "a"): 1}}
    if PLACE == "metric":
        log_metric("m", make(random.choice([float, int, str, object, dict])))
    if PLACE == "metric name":
        log_metric(make(str, "m"), 1.0)
    if PLACE == "metric step":
        log_metric("m", 1.0, make(int, 3))
    if PLACE == "step name":
        step(name=make(str, "s"))(dict)()
    return {{"a": make(object) if PLACE == "output" else 1}}


def fit(load):
    with open("log.txt", "a") as file:
        file.write("fit\\n")
    return {{"b": 1}}
"""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hooks=st.dictionaries(st.sampled_from(HOOKS), st.sampled_from(DOES), min_size=1, max_size=5),
    base=st.sampled_from(BASES),
    place=st.sampled_from(PLACES),
    shared=st.booleans(),
)
def test_what_is_hostile_when_it_is_looked_at_runs_once_and_has_one_record(
    tmp_path_factory: pytest.TempPathFactory, hooks: dict[str, str], base: str, place: str, shared: bool
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    pipeline(folder, SCRIPT.format(hooks=hooks, base=base, place=place), "load fit")
    workers = [session(folder, shared=shared, worker=f"gw{number}") for number in range(2 if shared else 1)]
    records = [_asked(each, name) for each in workers for name in ("load", "fit", "load", "fit")]
    assert _counts(folder)["load"] == 1
    assert _counts(folder)["fit"] <= (records[0].outcome is Outcome.PASSED)  # its input may refuse to be rebuilt
    assert len({json.dumps(record.to_json()) for record in records}) == 2
    _assert_one_record_each(folder)


def _asked(each: PipelineSession, name: str) -> RunRecord:
    """Ask until there is an answer, as whoever runs on after an interrupt does."""
    try:
        return each.record(name)
    except KeyboardInterrupt:
        return each.record(name)


def _counts(folder: Path) -> Counter[str]:
    return Counter((folder / "log.txt").read_text(encoding="utf-8").split())


def _assert_one_record_each(folder: Path) -> None:
    written = [line for path in (folder / "records").iterdir() for line in path.read_text("utf-8").splitlines()]
    assert sorted(json.loads(line)["process"] for line in written) == ["fit", "load"]
