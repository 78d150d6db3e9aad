"""Replays on another machine than the first run's: here two workers of which one takes itself for another machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.plugin.cluster._own_cluster import OwnCluster
from pytest_expops.urls import KEY_VARIABLE
from tests.conftest import Outcome, Project

pytest.importorskip("distributed")

KEY = "0123456789abcdef0123456789abcdef"
ELSEWHERE = """
import pathlib
_read = pathlib.Path.read_text
_THERE = {"/proc/sys/kernel/random/boot_id": "another\\n", "/proc/cpuinfo": "model name : Other 9000\\nflags : avx\\n"}
pathlib.Path.read_text = lambda self, *args, **keywords: _THERE.get(str(self)) or _read(self, *args, **keywords)
"""
SCRIPT = """
    import os

    def same(data):
        with open(os.environ["PLACES"], "a") as file:
            file.write(os.environ["PLACE"] + "\\n")
        return {"x": 1}

    def other(data):
        same(data)
        return {"machine": os.environ["PLACE"]}
"""


@pytest.fixture
def two_machines(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/sitecustomize.py").write_text(ELSEWHERE, encoding="utf-8")
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    places = str(tmp_path / "places")
    cluster = OwnCluster(tmp_path / "dask", 1, {"PLACE": "here", "PLACES": places}, {"GPU": 1.0})
    path = f"{tmp_path / 'elsewhere'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    cluster.add_worker("1", {"PYTHONPATH": path, "PLACE": "there", "PLACES": places})
    try:
        yield [
            "--expops-engine=dask",
            f"--expops-scheduler={cluster.scheduler_file}",
            f"--expops-store={tmp_path / 'store'}",
            "--expops-vary=host",
            "--expops-replay=all",
            "--expops-artifacts=kept",
        ]
    finally:
        cluster.close()


def run(project: Project, options: list[str]) -> Outcome:
    return project.run(*options, subprocess=True)


def told_as_it_was(project: Project, tmp_path: Path) -> bool:
    """Whether the verdict names the processors of the first run and of the replay, in that order."""
    places = (tmp_path / "places").read_text().split()
    (path,) = (project.root / "kept").rglob("verdicts/*.json")
    told = json.loads(path.read_text(encoding="utf-8"))["machines"]
    return sorted(places) == ["here", "there"] and [each == "Other 9000" for each in told] == [
        each == "there" for each in places
    ]


def test_the_same_bits_are_told_with_both_machines(project: Project, two_machines: list[str], tmp_path: Path) -> None:
    project.write("same", SCRIPT)
    found = run(project, [*two_machines, "--expops-report=r.html"])
    assert found.where("passed") == {"same", "same[replay]"}, found.text
    page = (project.root / "r.html").read_text(encoding="utf-8")
    assert re.search(r"first run on .*, replayed on another machine, ", page)
    assert "replayed 1: 1 matched; 1 of them the same bits on 2 machines: " in found.text
    assert found.text.split("on 2 machines: ")[1].split("\n")[0].count(", ") == 1
    assert "Other 9000" in found.text
    assert told_as_it_was(project, tmp_path)


def test_a_difference_is_told_with_both_machines(project: Project, two_machines: list[str], tmp_path: Path) -> None:
    project.write("other", SCRIPT)
    found = run(project, two_machines)
    assert found.where("failed") == {"other[replay]"}, found.text
    message = found.message("other[replay]")
    assert "on another machine (" in message
    assert "the same bits" not in found.text
    assert told_as_it_was(project, tmp_path)


def test_what_a_process_needs_is_looked_for_on_both_machines(project: Project, two_machines: list[str]) -> None:
    project.write("same", SCRIPT, processes={"same": {"resources": {"GPU": 1}}})
    found = run(project, [*two_machines, "--expops-engine-timeout=1"])
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    lacks = r"`same` needs GPU 1, which no worker for (first runs|replays on another machine) has; they offer none \(1 "
    assert re.search(lacks, found.text)
