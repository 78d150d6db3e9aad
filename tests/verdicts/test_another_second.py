"""Where the time of day matters to a process, it is replayed in another second; no other waits for that."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.conftest import Project

SCRIPT = """
    import gzip, logging, time
    from datetime import datetime

    def train(data):
        with open("runs.txt", "a") as file:
            file.write("x")
        return {{"out": {value}}}
"""
STAMPS = {
    "time": "int(time.time())",
    "gzip": "gzip.compress(b'text')",
    "localtime": "time.strftime('%H:%M:%S')",
    "datetime": "str(datetime.now().replace(microsecond=0))",
}
NONE = {
    "gzip": "gzip.compress(b'text', mtime=0)",
    "measured": "round(time.perf_counter() - time.perf_counter())",
    "constant": "3",
}


@pytest.mark.parametrize("value", STAMPS.values(), ids=STAMPS.keys())
def test_a_stamp_in_whole_seconds_differs(project: Project, value: str) -> None:
    project.write("train\n", SCRIPT.format(value=value))
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items == {"train": "passed", "train[replay]": "failed"}, outcome.text


@pytest.mark.parametrize("value", NONE.values(), ids=NONE.keys())
def test_what_has_none_matches_and_is_replayed_once(project: Project, value: str) -> None:
    project.write("train\n", SCRIPT.format(value=value))
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items == {"train": "passed", "train[replay]": "passed"}, outcome.text
    assert (project.root / "runs.txt").read_text() == "xx"


def test_a_time_that_is_read_for_nothing_costs_a_second_replay_at_the_most(project: Project) -> None:
    project.write("train\n", SCRIPT.format(value="time.time() > 0"))
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items == {"train": "passed", "train[replay]": "passed"}, outcome.text
    assert (project.root / "runs.txt").read_text() in ("xx", "xxx")


def test_those_to_which_it_makes_no_difference_do_not_wait(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def waits(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)

    clock = SimpleNamespace(time=time.time, sleep=waits)
    monkeypatch.setattr("pytest_expops.verdicts.replay.UNPATCHED", clock)
    functions = """
        import gzip, logging, time
        def plain(data): return {"out": 1}
        def late(data): return {"out": bool(logging.makeLogRecord({}))}
        def stamped(data): return {"out": gzip.compress(b"text")}
    """
    project.write("plain late stamped", functions)
    kept = "--expops-cache=kept"  # so that what it starts and connects to is known
    outcome = project.run("-n0", "--expops-replay=all", kept, "-k", "plain or late")
    passed = dict.fromkeys(("plain", "plain[replay]", "late", "late[replay]"), "passed")
    assert outcome.items == passed, outcome.text
    assert waited == []
    outcome = project.run("-n0", "--expops-replay=all", kept, "-k", "stamped")
    assert outcome.items == {"stamped": "passed", "stamped[replay]": "failed"}, outcome.text


@pytest.mark.parametrize(
    "stamp", ['subprocess.check_output(["date", "+%s"])', 'str(np.datetime64("now"))'], ids=["a program", "NumPy"]
)
def test_clocks_that_are_not_varied_are_asked_in_another_second(project: Project, stamp: str) -> None:
    """That a program was started is seen where results are kept."""
    functions = """
        import subprocess, time
        import numpy as np
        def begin(data):
            time.sleep(1 - time.time() % 1)
            return {}
        def train(data):
            return {"out": [time.time() > 0, STAMP]}
    """
    project.write("begin train", functions.replace("STAMP", stamp))
    outcome = project.run("-n0", "--expops-replay=all", "--expops-cache=kept", subprocess=True)
    assert outcome.items["train[replay]"] == "failed", outcome.text


def test_the_diagnosis_of_a_stamp_in_whole_seconds_names_the_clock(project: Project) -> None:
    """Its runs take milliseconds, and so would all be made within one second."""
    project.write("train\n", SCRIPT.format(value=STAMPS["gzip"]))
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True, diagnose=True)
    assert "why:    the clock" in outcome.message("train[replay]"), outcome.text
