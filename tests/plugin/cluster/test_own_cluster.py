"""A session on a Dask cluster of its own: what it says is what a session with workers of pytest-xdist says."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.plugin.cluster._own_cluster import OwnCluster
from tests.conftest import Outcome, Project

distributed = pytest.importorskip("distributed")

DASK = ("--expops-engine=dask", "--expops-engine-workers=2", "--expops-replay=all")
SCRIPT = """
    import os, sys, random, warnings
    import numpy as np

    def load(data):
        print("loading")
        return {"x": np.arange(1_000.0), "seen": "loaded"}

    def fit(x, random_seed):
        return {"model": x * np.random.default_rng(random_seed).normal()}

    def other(data):
        return {"z": 2}

    def unseeded(data):
        return {"y": np.random.default_rng().normal(size=3)}

    def broken(data):
        warnings.warn("odd")
        raise ValueError("no such column: price")

    def after(data):
        return {"y": 1}

    def killed(data):
        os._exit(7)

    def beside(data):
        return {"y": os.path.exists("configs")}
"""
EDGES = "load fit\nother unseeded\nbroken after\nkilled\nbeside"
SEEDS = {"load": {"seed_parallelism": {"seeds": [1, 2, 3]}}}
OWN = {"started", "duration", "worker", "written"}


def found_in(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Records and verdicts of a session, by process, without what is another in each."""
    records: dict[str, Any] = {}
    for path in folder.rglob("records/*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            records[record["process"]] = {key: each for key, each in record.items() if key not in OWN}
    verdicts = [json.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("verdicts/*.json")]
    return records, {each["process"]: each["status"] for each in verdicts}


def both(project: Project, *args: str) -> tuple[Outcome, Outcome]:
    local = project.run("-n2", "--expops-replay=all", "--expops-artifacts=local", *args, diagnose=True, subprocess=True)
    there = project.run(*DASK, "--expops-artifacts=there", *args, diagnose=True, subprocess=True)
    return local, there


def test_all_is_as_with_workers_of_xdist(project: Project) -> None:
    project.write(EDGES, SCRIPT, SEEDS)
    local, there = both(project)
    assert {**there.items, "killed": ""} == {**local.items, "killed": ""}  # xdist reports what its worker died of
    records, verdicts = found_in(project.root / "local")
    other_records, other_verdicts = found_in(project.root / "there")
    crashed = records.pop("killed"), other_records.pop("killed")
    assert [each["outcome"] for each in crashed] == ["crashed"] * 2
    assert records.pop("unseeded")["outputs"] != other_records.pop("unseeded")["outputs"]
    assert other_records == records
    assert (other_verdicts, other_verdicts["unseeded"]) == (verdicts, "differed")
    assert "no such column: price" in there.message("broken")
    assert re.search(r"worker dask-\d died while it ran `killed`: it ended with exit status 7", there.message("killed"))
    assert "np.random.default_rng()" in there.message("unseeded[replay]")
    assert (
        "expops: processes are run and replayed on a Dask cluster of the session's own, on this machine" in there.text
    )
    assert "of a Dask cluster of the session's own: dask-" in there.text


def test_workers_of_xdist_are_refused(project: Project) -> None:
    project.write("f", "def f(data):\n    return {'x': 1}\n")
    refused = project.run("--expops-engine=dask", "-n2")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-engine: 'dask' cannot be combined with workers of pytest-xdist (-n, --dist, --tx)" in refused.text
    assert project.run("--expops-engine=dask", "-n0", "--co").ret == pytest.ExitCode.OK


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds open ports by /proc")
def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    cluster = OwnCluster(tmp_path / "dask", 1, {}, {})
    try:
        with distributed.Client(scheduler_file=str(cluster.scheduler_file), set_as_default=False) as client:
            client.wait_for_workers(1)
        scheduler, nanny = (program.pid for program in cluster._programs)
        assert [listened_at(each) for each in (scheduler, *and_children(nanny))] == [{LOOPBACK}, {LOOPBACK}, {LOOPBACK}]
    finally:
        cluster.close()


def and_children(pid: int) -> list[int]:
    """A program and those that it has started which listen at all."""
    text = "".join(each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children"))
    return [pid, *(each for each in map(int, text.split()) if listened_at(each))]


LOOPBACK = "0100007F"
"""127.0.0.1, as the kernel has it."""


def listened_at(pid: int) -> set[str]:
    """The addresses at which a program listens."""
    sockets = {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(local.partition(":")[0])
    return found


def test_the_first_failure_ends_it_with_what_runs_there(project: Project) -> None:
    script = "import time, pathlib\ndef quick(data):\n    raise ValueError('no')\ndef slow(data):\n    time.sleep(60)\n"
    project.write("quick\nslow", script)
    ended = project.run(*DASK, "-x", subprocess=True)
    assert ended.items.get("quick") == "failed", ended.text
    assert "slow" not in ended.items, ended.text
    assert ended.result.duration < 45


def test_tests_get_results_of_aggregations_from_there(project: Project) -> None:
    script = """
        def begin(data):
            return {}

        def train(random_seed):
            return {"score": random_seed / 10}

        def collect(score):
            return {"scores": score}
    """
    bodies = {"begin": {"seed_parallelism": {"seeds": [1, 2]}}, "collect": {"seed_aggregation": True}}
    project.write("begin train\ntrain collect", script, bodies)
    project.pytester.makepyfile(
        test_it="def test_it(collect):\n    assert sorted(collect['scores']) == ['seed1', 'seed2']\n"
    )
    found = project.run(*DASK, ".", subprocess=True)
    assert found.where("failed") == set(), found.text
    assert found.items["test_it"] == "passed"


@pytest.mark.parametrize("asks", ["expops", "tmp_path"])
def test_what_only_a_test_asks_for_is_made_there_too(project: Project, asks: str) -> None:
    project.write("f", "def f(data):\n    return {'x': 1}\n")
    read = "expops['f']['x'] == 1" if asks == "expops" else asks
    project.pytester.makepyfile(test_it=f"def test_it({asks}):\n    assert {read}\n")
    found = project.run(*DASK, ".", "-k", "test_it", subprocess=True)
    assert found.items == {"test_it": "passed"}, found.text
    assert ("of a Dask cluster of the session's own: dask-" in found.text) == (asks == "expops")


def test_modules_beside_the_project_are_found_there_too(project: Project) -> None:
    project.write("f", "import beside_it\ndef f(data):\n    return {'x': beside_it.X}\n", folder="below")
    project.pytester.makeini("[pytest]\npythonpath = src\n")
    (project.root / "src").mkdir()
    (project.root / "src/beside_it.py").write_text("X = 1\n", encoding="utf-8")
    found = project.run(*DASK, subprocess=True, config=f"below/{project.config}")
    assert found.where("passed") == {"f", "f[replay]"}, found.text


def test_what_needs_a_resource_runs_where_it_is(project: Project) -> None:
    names = [f"gpu{number}" for number in range(4)]
    script = "import time\n" + "".join(f"def {name}(data):\n    time.sleep(0.2)\n    return {{}}\n" for name in names)
    project.write("\n".join(names), script, {name: {"resources": {"GPU": 1, "memory": "1G"}} for name in names})
    found = project.run(*DASK, subprocess=True)
    assert found.where("passed") == {*names, *(f"{name}[replay]" for name in names)}
    assert {found.properties(name)["expops_worker"] for name in names} == {"dask-0"}


def test_without_dask_it_is_said_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("f", "def f(data):\n    return {'x': 1}\n")
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused = project.run(*DASK)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-engine=dask: it needs Dask's scheduler (distributed), which is not installed\n" in refused.text
    assert "install it with: pip install 'pytest-expops[dask]'" in refused.text
