"""Sessions on clusters of programs of their own, which see nothing of the project, against the same with `-n 2`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.urls import KEY_VARIABLE
from tests.clusters import KEY, RealCluster, Room, Seen, on, outcomes, real_cluster, write
from tests.s3_server import BUCKET, s3_server

pytest.importorskip("distributed")


CONFIG = """
reproducibility:
  memory: off
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        load split
        split train
        train merge
        load luck
        load fails
        fails after
        load says
        load exits
        load killed
        load breaks
        load slow
        load large
        load alone
        load reads
        merge figure
      processes:
        - name: load
        - {name: split, data_parallelism: {size: 2, data_name: table}}
        - {name: train, seed_parallelism: {seeds: [1, 2]}}
        - {name: merge, data_parallelism: {aggregation: true}, seed_parallelism: {aggregation: true}}
        - name: luck
        - name: fails
        - name: after
        - name: says
        - name: exits
        - name: killed
        - name: breaks
        - {name: slow, timeout: 2}
        - {name: large, memory: 700M}
        - {name: alone, isolate: true}
        - {name: reads}
        - {name: figure, type: chart}
reporting:
  static_entrypoint: models/charts.py
  charts:
    - {name: figure, probe_paths: {merge: merge}}
"""
FILES = {
    "models/helper.py": "OFFSET = 2.0\n",
    **{f"data/{name}.txt": f"text {name}\n" for name in "abcdefgh"},
    "models/charts.py": """
from expops.reporting import chart

@chart()
def figure(metrics, ctx):
    (ctx.output_dir / "figure.png").write_bytes(b"image of" + repr(sorted(metrics)).encode())
""",
    "models/model.py": """
import os, random, signal, sys, time, warnings
from pathlib import Path

import numpy as np
import pandas as pd

from models.helper import OFFSET
from pytest_expops.core import log_metric


def note(name):
    file = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT) if "RUNS" in os.environ else None
    if file is not None:
        os.write(file, f"{name} {os.getcwd()} {__file__}\\n".encode())
        os.close(file)

def load(data):
    note("load")
    x = np.arange(200_000.0)
    return {"table": pd.DataFrame({"x": x, "y": x % 7, "z": [f"r{n % 100}" for n in range(200_000)]})}

def split(data):
    return {"table": data["load"]["table"]}

def train(data, hyperparameters):
    table = data["split"]["table"]
    log_metric("rows", len(table))
    return {"weights": np.random.rand(50_000), "mean": float(table["x"].mean()) + OFFSET,
            "seed": hyperparameters.get("random_seed"), "luck": random.random()}

def merge(data):
    return {"parts": {key: sorted(map(str, each)) for key, each in data["train"].items()}}

def luck(data):
    return {"value": time.time_ns()}

def fails(data):
    raise ValueError("this one fails")

def after(data):
    return {"x": 1}

def says(data):
    print("printed by says")
    warnings.warn("warned by says", UserWarning)
    warnings.warn("shown by pytest alone", DeprecationWarning)
    return {"here": 1}

def exits(data):
    os._exit(3)

def killed(data):
    os.kill(os.getpid(), signal.SIGKILL)

def breaks(data):
    os.kill(os.getpid(), signal.SIGSEGV)

def slow(data):
    time.sleep(60)

def large(data):
    return {"sum": float(np.ones(400_000_000).sum())}

def alone(data):
    return {"x": np.random.rand(3)}

def reads(data):
    print(os.getcwd())
    return {"text": Path("data/a.txt").read_text()}
""",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with real_cluster(folder, tls=True, variables={KEY_VARIABLE: KEY, "RUNS": str(folder / "runs.txt")}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def room(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A project that does much of what a project can do, well and badly."""
    project = write(tmp_path_factory.mktemp("room") / "p", {"configs/project_config.yaml": CONFIG, **FILES})
    return Room(project, {**cluster.tls, KEY_VARIABLE: KEY})


@pytest.fixture(scope="module")
def with_workers(room: Room) -> Seen:
    """What `-n 2` gives, with which sessions on clusters are compared."""
    return room.run("-n2", "--expops-vary=files")


CRASHED = {"exits": "ended with exit status 3", "killed": "was killed by SIGKILL", "breaks": "was killed by SIGSEGV"}
EACH_TIME = {"luck", "large", *CRASHED}
"""What says another time, amount of memory or name of a worker each time."""


@pytest.fixture(scope="module")
def on_cluster(room: Room, cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return room.run(*on(cluster, f"file://{tmp_path_factory.mktemp('store')}"), "--expops-vary=files")


def test_the_outcomes_are_those_of_workers_of_xdist(on_cluster: Seen, with_workers: Seen) -> None:
    assert on_cluster.code == with_workers.code == 1
    expected = {name: outcome for name, (outcome, _) in with_workers.items.items()}
    assert {name: outcome for name, (outcome, _) in on_cluster.items.items()} == {
        **expected,
        **dict.fromkeys(CRASHED, "failed"),
    }
    assert expected["luck[replay]"] == expected["slow"] == expected["large"] == "failed"


def test_the_records_are_those_of_workers_of_xdist(on_cluster: Seen, with_workers: Seen) -> None:
    found, expected = on_cluster.records(), with_workers.records()
    assert found.keys() == expected.keys()
    for name in expected:
        if name not in EACH_TIME:
            assert found[name] == expected[name]
        assert found[name]["outcome"] == expected[name]["outcome"]


def test_the_verdicts_are_those_of_workers_of_xdist(on_cluster: Seen, with_workers: Seen) -> None:
    found, expected = on_cluster.verdicts(), with_workers.verdicts()
    assert found.keys() == expected.keys()
    for name in expected.keys() - EACH_TIME:
        there, here = ({**each[name], "printed": COPY.sub("", each[name]["printed"])} for each in (found, expected))
        assert there == here
    assert causes(found["luck"]) == causes(expected["luck"]) == ["clock"]
    assert "-copies/" in expected["reads"]["printed"]
    assert "-copies/" in found["reads"]["printed"]


COPY = re.compile(r"/\S+-copies/1-project_config/[^/]+/[^/\s]+")
"""Where a copy is that was replayed in."""


def causes(verdict: Mapping[str, Any]) -> list[str]:
    return [each["source"] for each in verdict["diagnosis"]["causes"]]


def test_a_process_that_kills_its_interpreter_has_crashed_and_says_how(on_cluster: Seen) -> None:
    records = on_cluster.records()
    assert {name for name, each in records.items() if each["outcome"] == "crashed"} == CRASHED.keys()
    for name, how in CRASHED.items():
        assert how in on_cluster.items[name][1]
        assert "nothing to replay" in on_cluster.items[f"{name}[replay]"][1]


def test_what_a_process_printed_and_warned_of_is_shown(on_cluster: Seen) -> None:
    assert "printed by says" in on_cluster.report.read_text(encoding="utf-8")
    assert "UserWarning: warned by says" in on_cluster.text
    assert "DeprecationWarning: shown by pytest alone" in on_cluster.text


def test_images_of_charts_come_back(on_cluster: Seen, with_workers: Seen) -> None:
    found, expected = (
        [path.read_bytes() for path in each.kept.rglob("figure.png")] for each in (on_cluster, with_workers)
    )
    assert found == expected
    assert found


def test_a_worker_runs_its_own_copy_of_the_project(on_cluster: Seen, cluster: RealCluster) -> None:
    lines = (cluster.folder / "runs.txt").read_text().splitlines()
    firsts = [line.split() for line in lines if line.startswith("load ")]
    assert firsts
    for _, folder, file in firsts:
        assert Path(folder).is_relative_to(cluster.folder)
        assert Path(file).is_relative_to(folder)


def test_nothing_is_left_on_workers_or_in_the_store(on_cluster: Seen, cluster: RealCluster) -> None:
    for program in cluster.programs.values():
        assert os.listdir(program.place / "tmp") in ([], ["dask-scratch-space"])


@pytest.mark.s3
def test_with_a_bucket_all_is_the_same(
    room: Room, with_workers: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(monkeypatch), real_cluster(tmp_path / "cluster", tls=True) as cluster:
        seen = room.run(*on(cluster, f"s3://{BUCKET}/expops"), "--expops-vary=files", variables=cluster.tls)
    test_the_records_are_those_of_workers_of_xdist(seen, with_workers)
    test_the_verdicts_are_those_of_workers_of_xdist(seen, with_workers)
    test_a_process_that_kills_its_interpreter_has_crashed_and_says_how(seen)
    test_images_of_charts_come_back(seen, with_workers)


SMALL = """
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        first second
      processes:
        - name: first
        - name: second
"""
SMALL_SCRIPT = """
import os
import numpy as np

def first(data):
    with open(os.environ.get("RUNS", os.devnull), "a") as file:
        file.write(f"first {os.getcwd()} {__file__}\\n")
    return {"x": np.arange(3.0)}

def second(data):
    return {"sum": float(data["first"]["x"].sum())}
"""
PASSED = {"first": "passed", "second": "passed", "first[replay]": "passed", "second[replay]": "passed"}


@pytest.fixture(scope="module")
def small(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Room:
    files = {"configs/project_config.yaml": SMALL, "models/model.py": SMALL_SCRIPT}
    return Room(write(tmp_path_factory.mktemp("small") / "p", files), {**cluster.tls, KEY_VARIABLE: KEY})


def test_a_scheduler_is_found_by_its_file(small: Room, cluster: RealCluster, tmp_path: Path) -> None:
    where = [f"--expops-scheduler={cluster.scheduler_file}", f"--expops-store={tmp_path / 'store'}"]
    seen = small.run("--expops-engine=dask", *where)
    assert outcomes(seen) == PASSED, seen.text


def test_workers_that_see_the_project_run_it_where_it_is(small: Room, cluster: RealCluster, tmp_path: Path) -> None:
    (cluster.folder / "runs.txt").unlink(missing_ok=True)
    seen = small.run(*on(cluster, tmp_path / "store"), "--expops-code=shared")
    assert outcomes(seen) == PASSED, seen.text
    ((_, folder, file),) = {tuple(line.split()) for line in (cluster.folder / "runs.txt").read_text().splitlines()}
    assert folder == str(small.project)
    assert file == str(small.project / "models/model.py")
    assert not list((tmp_path / "store").glob("code/*"))


FACTORY = """
import distributed

def cluster():
    return distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tls://")
"""


def test_a_function_gives_a_cluster(small: Room, tmp_path: Path) -> None:
    (tmp_path / "factory.py").write_text(FACTORY, encoding="utf-8")
    where = ["--expops-scheduler=factory:cluster", f"--expops-store={tmp_path / 'store'}"]
    seen = small.run("--expops-engine=dask", *where, variables={"PYTHONPATH": str(tmp_path)})
    assert outcomes(seen) == PASSED, seen.text


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, "the environment of the worker has no EXPOPS_CACHE_KEY"),
        ({KEY_VARIABLE: KEY[::-1]}, "it is not signed with the key of this session for this place"),
    ],
)
def test_a_worker_without_the_key_takes_no_part(
    small: Room, tmp_path: Path, variables: dict[str, str], why: str
) -> None:
    with real_cluster(tmp_path / "cluster", workers=1, variables=variables) as cluster:
        seen = small.run(*on(cluster, tmp_path / "store"), variables=dict.fromkeys(cluster_variables(small), ""))
    assert seen.code == 1
    assert "worker dask-w0 cannot take part: " in seen.text
    assert why in seen.text
    assert "Traceback" not in seen.text


def cluster_variables(room: Room) -> list[str]:
    return [name for name in room.variables if name.startswith("DASK_")]


def test_a_worker_with_another_library_is_refused_or_told_of(small: Room, tmp_path: Path) -> None:
    write(tmp_path / "old", {"numpy-0.0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n"})
    variables = {KEY_VARIABLE: KEY, "PYTHONPATH": str(tmp_path / "old")}
    without_tls = dict.fromkeys(cluster_variables(small), "")
    with real_cluster(tmp_path / "cluster", workers=1, variables=variables) as cluster:
        refused = small.run(*on(cluster, tmp_path / "store"), variables=without_tls)
        told = small.run(*on(cluster, tmp_path / "store"), "--expops-engine-environment=warn", variables=without_tls)
    assert refused.code == pytest.ExitCode.USAGE_ERROR
    assert "1 of 1 worker has another Python or other libraries" in refused.text
    assert "here, 0.0.1 there" in refused.text
    assert outcomes(told) == PASSED, told.text
    assert "here, 0.0.1 there" in told.text


def test_a_scheduler_elsewhere_without_tls_is_refused(small: Room, tmp_path: Path) -> None:
    seen = small.run(
        "--expops-engine=dask", "--expops-scheduler=tcp://192.0.2.1:8786", f"--expops-store={tmp_path / 'store'}"
    )
    assert seen.code == pytest.ExitCode.USAGE_ERROR
    assert "has no TLS" in seen.text
    assert not (tmp_path / "store").exists()


def test_with_tls_nobody_takes_part_without_a_certificate(small: Room, cluster: RealCluster, tmp_path: Path) -> None:
    without_tls = dict.fromkeys(cluster_variables(small), "")
    seen = small.run(*on(cluster, tmp_path / "store"), "--expops-engine-timeout=3", variables=without_tls)
    assert seen.code == pytest.ExitCode.USAGE_ERROR
    assert f"{cluster.address} cannot be reached" in seen.text
    assert "Traceback" not in seen.text
