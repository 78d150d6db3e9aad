"""Small pipelines for tests: `project` writes a config and its script, and runs pytest on them."""

from __future__ import annotations

import os
import sys
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas  # noqa: F401
import pytest
import yaml

# All of these are imported before any in-process run: pytester forgets the modules that a run imports, which NumPy
# bears only once, and which costs a second a run for the rest.
import tests.hypothesis_profiles  # noqa: F401

# Tests rewrite helper modules within a second, in which Python takes cached bytecode of the same size for current.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


class Project:
    """A classic project in pytester's folder: `configs/project_config.yaml` and `models/model.py`."""

    config = "configs/project_config.yaml"

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path

    def write(  # noqa: PLR0913 (the parts of a config, all but two by keyword)
        self,
        edges: str,
        script: str,
        processes: dict[str, dict[str, Any]] | None = None,
        *,
        folder: str = ".",
        config: str = "configs/project_config.yaml",
        script_path: str = "models/model.py",
        parameters: dict[str, Any] | None = None,
        reproducibility: dict[str, Any] | None = None,
        call: str = "process",
    ) -> Path:
        """Write a classic config with these edges, and each process's keys; return the config's path."""
        names = dict.fromkeys(name for line in edges.splitlines() for name in line.split())
        bodies = processes or {}
        document: dict[str, Any] = {
            "model": {
                "parameters": {
                    "custom_script_path": script_path,
                    "hyperparameters": parameters or {},
                    "pipeline": {
                        "process_adjlist": textwrap.dedent(edges).strip() + "\n",
                        "processes": [{"name": name, **bodies.get(name, {})} for name in names],
                    },
                }
            }
        }
        if reproducibility:
            document["reproducibility"] = reproducibility
        root = self.root / folder
        self.script(script, folder=folder, path=script_path)
        path = root / config
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    def script(self, text: str, *, folder: str = ".", path: str = "models/model.py") -> Path:
        target = self.root / folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), encoding="utf-8")
        return target

    def run(self, *args: str, subprocess: bool = False, config: str | None = None, diagnose: bool = False) -> Outcome:
        """`pytest --expops-config CONFIG args`, with the outcome of each item read from a JUnit report.

        Unless `args` say otherwise, only what is under a seed layer is replayed: most tests are about other things.
        """
        replay = [] if any(each.startswith("--expops-replay=") for each in args) else ["-o", "expops_replay=seeded"]
        arguments = ["--expops-config", config or self.config, *replay, *args]
        return self.pytest(*arguments, subprocess=subprocess, diagnose=diagnose)

    def pytest(self, *args: str, subprocess: bool = False, diagnose: bool = False) -> Outcome:
        """`pytest args`. Most tests do without a diagnosis, which costs seconds, and run all anew each time."""
        report = self.root / "junit.xml"
        report.unlink(missing_ok=True)
        common = [f"--junitxml={report}", "-p", "no:hypothesispytest", "-o", "junit_family=xunit1"]
        ini = self.root / "tox.ini"
        if not ini.exists() or "expops_cache =" not in ini.read_text(encoding="utf-8"):
            common += ["-o", "expops_cache=off"]
        if not diagnose:
            common.append("--expops-diagnose=off")
        run = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest_inprocess
        result = run(*common, *args)
        return Outcome(result, report)


class Outcome:
    """What came of a run: `result` as pytester gives it, and the outcome of each item by name."""

    def __init__(self, result: pytest.RunResult, report: Path) -> None:
        self.result = result
        self.ret = result.ret
        self.text = result.stdout.str() + result.stderr.str()
        self.cases = list(ET.parse(report).iter("testcase")) if report.exists() else []

    @property
    def items(self) -> dict[str, str]:
        """Item name -> passed, failed, error or skipped."""
        return {str(case.get("name")): _outcome(case) for case in self.cases}

    def where(self, outcome: str) -> set[str]:
        """The names of the items of one outcome."""
        return {name for name, each in self.items.items() if each == outcome}

    def message(self, name: str) -> str:
        """The failure or skip of an item, message and text."""
        case = next(case for case in self.cases if case.get("name") == name)
        return "\n".join(
            f"{child.get('message', '')}\n{child.text or ''}" for child in case if child.tag != "properties"
        )

    def properties(self, name: str) -> dict[str, str]:
        case = next(case for case in self.cases if case.get("name") == name)
        return {str(each.get("name")): str(each.get("value")) for each in case.iter("property")}


def _outcome(case: ET.Element) -> str:
    tags = {child.tag for child in case}
    for tag, word in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        if tag in tags:
            return word
    return "passed"


@pytest.fixture(autouse=True)
def _not_in_ci() -> Iterator[None]:
    """Tests run as on a developer's machine, wherever they run: some of what the plugin does is another in CI."""
    # Not by the fixture `monkeypatch`: it would be made before all others of a test, and so undone after them.
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        patch.delenv("BUILD_NUMBER", raising=False)
        patch.delenv("GITHUB_ACTIONS", raising=False)
        yield


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


@pytest.fixture(params=["-n0", "-n2", "no:xdist"])
def workers(request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """Arguments for a run without workers, with two, and without pytest-xdist at all."""
    chosen = ["-p", "no:xdist"] if request.param == "no:xdist" else [request.param]
    return lambda: list(chosen)


FAN = """
load split
split seeds
seeds train
train evaluate
evaluate merge
"""

FAN_PROCESSES: dict[str, dict[str, Any]] = {
    "split": {"data_parallelism": {"size": 2, "data_name": "df"}},
    "seeds": {"seed_parallelism": {"seeds": [40, 41]}},
    "merge": {"data_parallelism": {"aggregation": True}, "seed_parallelism": {"aggregation": True}},
}

FAN_SCRIPT = """
import random

import numpy as np
import pandas as pd

from pytest_expops.core import log_metric, process, step


@process()
def load(data):
    return {"df": pd.DataFrame({"x": range(5), "name": list("abcde")})}


@process()
def split(data):
    return {"df": data["load"]["df"], "note": "whole"}


@process()
def seeds(data):
    return data["split"]


@process()
def train(data, hyperparameters):
    df = data["seeds"]["df"]
    return {
        "rows": list(df["x"]),
        "note": data["seeds"]["note"],
        "seed": hyperparameters["random_seed"],
        "weights": np.random.rand(3),
        "luck": random.random(),
    }


@step()
def score(weights):
    log_metric("mean", weights.mean())
    return {"score": float(weights.mean() + np.random.rand())}


@process()
def evaluate(data):
    trained = data["train"]
    log_metric("rows", len(trained["rows"]))
    return {**score(trained["weights"]), "rows": trained["rows"], "seed": trained["seed"]}


@process()
def merge(data):
    parts = data["evaluate"]
    return {"parts": parts, "keys": {key: list(value) for key, value in parts.items()}}
"""

FAN_NAMES = [
    "load",
    "split",
    "seeds_1",
    "seeds_2",
    *(f"{base}_{part}_seed{seed}" for base in ("train", "evaluate") for part in (1, 2) for seed in (40, 41)),
    "merge",
]


FAN_CHECKS = ["split[split]", *(f"{name}[replay]" for name in FAN_NAMES if "_seed" in name)]


@pytest.fixture
def fan(project: Project) -> Project:
    """load -> split in 2 -> seeds 40, 41 -> train -> evaluate -> merge."""
    project.write(FAN, FAN_SCRIPT, FAN_PROCESSES)
    return project
