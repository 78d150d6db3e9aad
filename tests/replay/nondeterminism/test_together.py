"""All sources at once: a run goes well under them, and afterwards everything is as it was."""

from __future__ import annotations

import datetime
import gc
import locale
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from pytest_expops.execution.seeding.task_seeds import preserved, rng_digests
from pytest_expops.replay.nondeterminism.base import HELD, Conditions, Mode, Setting
from pytest_expops.replay.nondeterminism.registry import SOURCES, applied, interpreter_environment
from tests.replay.nondeterminism.probe import Probe

RUN = """
import datetime, gc, glob, json, locale, os, pathlib, random, subprocess, sys, tempfile, threading, time, uuid, weakref
import numpy as np, pandas as pd
from concurrent.futures import ThreadPoolExecutor

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "frame.csv"
    pd.DataFrame({"x": range(5), "t": pd.date_range("2024-01-01", periods=5)}).to_csv(path)
    frame = pd.read_csv(path, parse_dates=["t"])
    names = [each.name for each in sorted(path.parent.iterdir())]
drawn = random.random(), np.random.rand(), np.random.default_rng().random(), str(uuid.uuid4())
asked = datetime.datetime.now(), time.time(), time.strftime("%H:%M"), locale.localeconv(), dict(os.environ)
child = subprocess.run([sys.executable, "-c", "print(1 + 1)"], capture_output=True, text=True).stdout
with ThreadPoolExecutor(2) as pool:
    squares = list(pool.map(lambda number: number**2, range(5)))
gc.collect()
result = [float(frame["x"].sum()), str(frame["t"].dt.day.tolist()), names, child, squares, json.dumps({"a": 1})]
"""
VARIED = [{name: Setting(Mode.VARIED, number) for name, each in SOURCES.items() if each.can_vary} for number in (1, 2)]


def _state() -> list[object]:
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    functions = [
        dict(vars(module)) for module in (os, time, tempfile, random, gc, locale, np.random, datetime.datetime)
    ]
    for each in functions:
        for volatile in ("_name_sequence", "__builtins__"):
            each.pop(volatile, None)
    return [
        functions,
        own,
        list(own),
        time.tzname,
        locale.setlocale(locale.LC_ALL),
        (gc.isenabled(), gc.get_threshold()),
        rng_digests(),
        (os.getcwd(), sys.path[:], sys.meta_path[:]),
    ]


@pytest.mark.parametrize("watching", [False, True])
@pytest.mark.parametrize(
    "conditions",
    [{}, {name: HELD for name, each in SOURCES.items() if each.can_hold}, *VARIED],
    ids=["natural", "held", "varied 1", "varied 2"],
)
def test_a_run_goes_well_and_leaves_no_trace(
    tmp_path: Path, conditions: Conditions, watching: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = Probe(tmp_path)
    probe.watcher.watching = watching
    environment = interpreter_environment(conditions, os.environ)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    probe.run(RUN)  # what imports leave behind, the first time they are made
    before = _state()
    with applied(conditions, probe.watcher), preserved():
        result = probe.run(RUN)["result"]
    assert _state() == before
    assert result == [10.0, "[1, 2, 3, 4, 5]", ["frame.csv"], "2\n", [0, 1, 4, 9, 16], '{"a": 1}']
    monkeypatch.undo()
    time.tzset()


def test_what_is_held_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = "found = repr([*drawn, *asked, folder])"
    probe = Probe(tmp_path)
    conditions: Conditions = {name: HELD for name, each in SOURCES.items() if each.can_hold}

    def run(conditions: Conditions) -> str:
        with applied(conditions, probe.watcher):
            return str(probe.run(RUN + draws)["found"])

    assert run(conditions) == run(conditions)
    assert run({}) != run({})
