"""On which of two workers of a cluster runs and replays are made, and what becomes of those that neither may make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.urls import KEY_VARIABLE
from tests.clusters import KEY, RealCluster, Room, on, outcomes, real_cluster, write

pytest.importorskip("distributed")

SIDES = ("left", "right")
CONFIG = """
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        left left1 left2 left3
        right right1 right2 right3
      processes:
        - {name: left, resources: {LEFT: 1}}
        - {name: right, resources: {RIGHT: 1}}
        - {name: left1}
        - {name: left2}
        - {name: left3}
        - {name: right1}
        - {name: right2}
        - {name: right3}
"""
NAMES = [f"{side}{number}" for side in SIDES for number in ("", 1, 2, 3)]
SCRIPT = """
import os

def note(name):
    file = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{name} {os.environ['SIDE']}\\n".encode())
    os.close(file)
    return {"x": 1}
""" + "".join(f"\ndef {name}(data):\n    return note({name!r})\n" for name in NAMES)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    # A worker without work takes some of another one's, wherever its inputs are: when, is a matter of time.
    settings = {"DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False"}
    with real_cluster(tmp_path / "cluster", workers=0, settings=settings) as cluster:
        for side in SIDES:
            variables = {KEY_VARIABLE: KEY, "SIDE": side, "SEEN": str(tmp_path / "seen")}
            cluster.start_worker(side, variables, resources=f"{side.upper()}=1")
        cluster.wait_for_workers(2)
        yield cluster


def test_runs_and_replays_are_made_where_the_inputs_are(cluster: RealCluster, tmp_path: Path) -> None:
    project = write(tmp_path / "p", {"configs/project_config.yaml": CONFIG, "models/model.py": SCRIPT})
    seen = Room(project, {KEY_VARIABLE: KEY}).run(*on(cluster, tmp_path / "store"))
    assert set(outcomes(seen).values()) == {"passed"}, seen.text
    lines = sorted((tmp_path / "seen").read_text().splitlines())
    assert lines == sorted(
        f"{side}{number} {side}" for side in SIDES for number in ("", 1, 2, 3) for _ in ("run", "replay")
    )


ENDS = """
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        after needs
        needs last
      processes:
        - {name: ends, resources: {LEFT: 1}}
        - {name: after, resources: {RIGHT: 1}}
        - {name: needs, resources: {LEFT: 1}}
        - {name: last}
"""
ENDS_SCRIPT = """
import os, signal, subprocess, time

def ends(data):
    child = subprocess.Popen(["sleep", "600"])
    with open(os.environ["SEEN"] + ".part", "w") as file:
        file.write(str(child.pid))
    os.rename(file.name, os.environ["SEEN"])
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)

def after(data):
    while not os.path.exists(os.environ["SEEN"]):
        time.sleep(0.01)
    return {"x": 1}

def needs(data): return {"x": 2}
def last(data): return {"x": 3}
"""


def test_what_needs_a_worker_that_is_gone_is_not_waited_for_without_end(cluster: RealCluster, tmp_path: Path) -> None:
    project = write(tmp_path / "p", {"configs/project_config.yaml": ENDS, "models/model.py": ENDS_SCRIPT})
    seen = Room(project, {KEY_VARIABLE: KEY}).run(*on(cluster, tmp_path / "store"), "--expops-engine-timeout=2")
    assert outcomes(seen) == {
        "ends": "failed",
        "ends[replay]": "skipped",
        "after": "passed",
        "after[replay]": "passed",
        "needs": "failed",
        "needs[replay]": "skipped",
        "last": "skipped",
        "last[replay]": "skipped",
    }, seen.text
    assert "worker dask-left died while it ran `ends`" in seen.items["ends"][1]
    assert "no worker of the Dask cluster has had LEFT 1, which it needs, for 2 s" in seen.items["needs"][1]
    assert "run on 2 workers of a Dask cluster: dask-left 1 process, dask-right 1 process\n" in seen.text
    child = (tmp_path / "seen").read_text()
    deadline = time.monotonic() + 20
    while _is_alive(child):  # nobody would look after it
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_alive(process: str) -> bool:
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_no_worker_has_ends_it_before_anything_is_run(cluster: RealCluster, tmp_path: Path) -> None:
    project = write(
        tmp_path / "p",
        {"configs/project_config.yaml": CONFIG.replace("{RIGHT: 1}", "{GPU: 1}"), "models/model.py": SCRIPT},
    )
    seen = Room(project, {KEY_VARIABLE: KEY}).run(*on(cluster, tmp_path / "store"), "--expops-engine-timeout=1")
    assert seen.code == pytest.ExitCode.USAGE_ERROR
    offers = seen.text.split("`right` needs GPU 1, which no worker of the cluster has; they offer ")[1].split("\n")[0]
    assert sorted(offers.split(", ")) == ["LEFT 1 (1 of them)", "RIGHT 1 (1 of them)"]
    assert not (tmp_path / "seen").exists()
