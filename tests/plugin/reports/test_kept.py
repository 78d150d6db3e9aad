"""With --expops-artifacts the session's folder has tables of its metrics, and a page that lists it."""

from __future__ import annotations

import csv

import pytest

from tests.conftest import Project

SCRIPT = """
    from pytest_expops.core import log_metric, step

    def load(): return {"n": 600}

    @step()
    def fit(seed):
        log_metric("accuracy", 0.1 + seed)

    def train(n, random_seed):
        for number in range(n):
            log_metric("loss", 1 / (number + 3), step=number)
        log_metric("kind", "=1+1")
        fit(random_seed)
        return {"x": 1}
"""
SEEDS = {"load": {"seed_parallelism": {"seeds": [1, 2]}}}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_all_readings_are_in_the_table(project: Project, workers: str) -> None:
    project.write("load train", SCRIPT, SEEDS)
    outcome = project.run(workers, "--expops-artifacts=kept", "--expops-replay=none")
    assert outcome.ret == 0
    assert "expops: metrics and a list of what is kept: kept/session-1/index.html" in outcome.text
    with open(project.root / "kept/session-1/metrics.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 602  # more than a report keeps of a series
    losses = [row for row in rows if row["metric"] == "loss" and row["seed"] == "2"]
    assert [(int(row["step"]), float(row["value"])) for row in losses] == [(n, 1 / (n + 3)) for n in range(600)]
    assert {row["config"] for row in rows} == {project.config}
    assert {row["value"] for row in rows if row["metric"] == "kind"} == {"'=1+1"}
    assert [row["value"] for row in rows if row["metric"] == "fit/accuracy"] == ["1.1", "2.1"]
    assert (project.root / "kept/session-1/metrics.parquet").exists()
    assert "1-project_config" in (project.root / "kept/session-1/index.html").read_text(encoding="utf-8")


def test_without_pyarrow_there_is_the_csv(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_expops.report.metrics.importlib.util.find_spec", lambda name: None)
    project.write("load train", SCRIPT)
    project.script(SCRIPT.replace("random_seed", "random_seed=1"))
    outcome = project.run("-n0", "--expops-artifacts=kept", "--expops-replay=none")
    assert "was not written" not in outcome.text
    kept = {each.name for each in (project.root / "kept/session-1").iterdir()}
    assert {"metrics.csv", "index.html"} <= kept
    assert "metrics.parquet" not in kept


def test_nothing_of_it_is_written_where_nothing_runs_or_is_kept(project: Project) -> None:
    project.write("load train", SCRIPT, SEEDS)
    assert "what is kept" not in project.run("-n0", "--expops-artifacts=kept", "--co").text
    assert not list(project.root.rglob("metrics.csv"))
    assert "what is kept" not in project.run("-n0", "--expops-replay=none").text


def test_what_cannot_be_written_is_said_and_changes_no_status(project: Project) -> None:
    script = SCRIPT.replace(
        'return {"x": 1}', 'os.makedirs("kept/session-1/metrics.csv/x", exist_ok=True); return {"x": 1}'
    )
    project.write("load train", f"    import os\n{script}", SEEDS)
    outcome = project.run("-n0", "--expops-artifacts=kept", "--expops-replay=none")
    assert outcome.ret == 0
    assert "expops: the table of metrics was not written: " in outcome.text
    assert "index.html" in outcome.text
