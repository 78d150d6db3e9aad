"""What pytest is told by its own options, and by Ctrl-C, on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.urls import KEY_VARIABLE
from tests.clusters import KEY, SECONDS, RealCluster, Room, on, outcomes, real_cluster, write
from tests.faults.sessions import marked

pytest.importorskip("distributed")

NAMES = ("first", "second", "bad", "worse", "long")
CONFIG = """
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        first second
        first bad
        first worse
        second long
      processes: [{name: first}, {name: second}, {name: bad}, {name: worse}, {name: long}]
"""
SCRIPT = """
import os, time

def note(name):
    if "RAN" in os.environ:
        with open(os.environ["RAN"], "a") as file:
            file.write(name + "\\n")

def first(data):
    note("first")
    return {"x": 1}

def second(data):
    note("second")
    return {"x": 2}

def bad(data):
    note("bad")
    raise ValueError("bad")

def worse(data):
    note("worse")
    raise ValueError("worse")

def long(data):
    note("long")
    seconds = os.environ.get("LONG")
    if seconds:
        open(seconds, "w").close()
        time.sleep(600)
    return {"x": 3}
"""
MARK = "EXPOPS_TEST_CLUSTER"
REPLAYED = {"first[replay]": "passed", "second[replay]": "passed", "long[replay]": "passed"}
ALL = {
    "first": "passed",
    "second": "passed",
    "bad": "failed",
    "worse": "failed",
    "long": "passed",
    **REPLAYED,
    "bad[replay]": "skipped",
    "worse[replay]": "skipped",
    "test_plain": "passed",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with real_cluster(folder, variables={KEY_VARIABLE: KEY, "RAN": str(folder / "ran")}) as cluster:
        yield cluster


@pytest.fixture
def room(tmp_path: Path) -> Room:
    files = {"configs/project_config.yaml": CONFIG, "models/model.py": SCRIPT}
    project = write(tmp_path / "p", {**files, "test_plain.py": "def test_plain(): pass\n"})
    return Room(project, {KEY_VARIABLE: KEY})


@pytest.fixture
def there(cluster: RealCluster, tmp_path: Path) -> list[str]:
    return on(cluster, tmp_path / "store")


@pytest.mark.parametrize(("option", "count"), [("-x", 1), ("--maxfail=2", 2)])
def test_a_session_that_is_to_stop_stops(room: Room, there: list[str], option: str, count: int) -> None:
    seen = room.run(*there, option)
    assert seen.code == 1
    assert [*outcomes(seen).values()].count("failed") == count
    assert f"stopping after {count} failures" in seen.text
    assert "test_plain" not in seen.items


def test_a_plugin_that_stops_the_session_stops_it(room: Room, there: list[str]) -> None:
    seen = room.run(*there, "--stepwise", "-p", "cacheprovider", "-p", "stepwise")
    assert [*outcomes(seen).values()].count("failed") == 1
    assert "Test failed, continuing from this test next run" in seen.text
    assert "test_plain" not in seen.items


def test_what_is_deselected_is_not_run(room: Room, there: list[str], cluster: RealCluster) -> None:
    (cluster.folder / "ran").unlink(missing_ok=True)
    seen = room.run(*there, "-k", "second")
    assert outcomes(seen) == {"second": "passed", "second[replay]": "passed"}, seen.text
    assert seen.records().keys() == {"first", "second"}
    assert {*(cluster.folder / "ran").read_text().split()} == {"first", "second"}


def test_what_failed_last_is_run_again(room: Room, there: list[str]) -> None:
    room.run(*there, "-p", "cacheprovider")
    seen = room.run(*there, "-p", "cacheprovider", "--lf")
    assert outcomes(seen) == {"bad": "failed", "worse": "failed"}, seen.text


@pytest.mark.slow
def test_two_configs_are_run_in_one_session_without_xdist(room: Room, there: list[str]) -> None:
    write(room.project, {"configs/other.yaml": CONFIG})
    seen = room.run(*there, "--expops-config", "configs/other.yaml", "-p", "no:xdist")
    assert outcomes(seen) == ALL, seen.text
    assert "4 failed, 13 passed, 4 skipped" in seen.text


@pytest.mark.slow
def test_what_is_retried_is_not_run_again(room: Room, there: list[str]) -> None:
    pytest.importorskip("pytest_rerunfailures")
    seen = room.run(*there, "--reruns=1")
    assert outcomes(seen) == ALL, seen.text
    assert "2 rerun" in seen.text
    assert len(seen.records()) == len(NAMES)


@pytest.mark.slow
def test_a_debugger_that_nobody_can_use_holds_nothing_up(room: Room, there: list[str]) -> None:
    seen = room.run(*there, "--pdb")
    assert "Quitting debugger" in seen.text
    assert [*outcomes(seen).values()].count("failed") == 1


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds what is alive by /proc")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 2),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.slow),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_what_runs_is_ended_when_pytest_is(room: Room, tmp_path: Path, number: signal.Signals, code: int) -> None:
    begun = tmp_path / "begun"
    variables = {KEY_VARIABLE: KEY, "LONG": str(begun), MARK: str(tmp_path)}
    with real_cluster(tmp_path / "cluster", workers=1, variables=variables) as cluster:
        config = ["--expops-config", "configs/project_config.yaml", "-p", "no:cacheprovider"]
        output = tmp_path / "output"
        with output.open("wb") as file:
            program = subprocess.Popen(
                [sys.executable, "-m", "pytest", *config, *on(cluster, tmp_path / "store")],
                cwd=room.project,
                env={**os.environ, KEY_VARIABLE: KEY},
                stdout=file,
                stderr=file,
                preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGTERM)],
            )
        _until(lambda: begun.exists() or program.poll() is not None)
        program.send_signal(number)
        assert program.wait(SECONDS) == code, output.read_text()
        _until(lambda: not any("_worker_main" in each.command for each in marked(f"{MARK}={tmp_path}".encode())))
        assert cluster.programs["w0"].process.poll() is None
        left = {*os.listdir(cluster.programs["w0"].place / "tmp")} - {"dask-scratch-space"}
        assert bool(left) == (number == signal.SIGKILL)  # who is killed removes nothing
    text = output.read_text()
    if number != signal.SIGKILL:
        assert "KeyboardInterrupt" in text
        assert "= expops: configs/project_config.yaml =" in text  # the summary of what had ended
        assert not list((tmp_path / "store/sessions").iterdir())


def _until(what: object) -> None:
    deadline = time.monotonic() + SECONDS
    assert callable(what)
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)
