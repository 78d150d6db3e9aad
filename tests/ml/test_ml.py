"""Real training with each library: replayed and matched, and its unseeded twin found out (S4.3, S7.1).

The projects stand under `projects/`, so that they run as ExpOps's own templates do, in the folder above it (S1.1).
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project

pytestmark = [pytest.mark.ml, pytest.mark.slow]

PROJECTS = Path(__file__).parent / "projects"
UNDER_SEEDS = {
    "sklearn": ["train_forest", "train_global", "train_unseeded", "judge_unseeded", "evaluate"],
    "torch": ["train", "train_unseeded", "judge_unseeded", "evaluate"],
    "tensorflow": ["train", "train_unseeded", "judge_unseeded", "evaluate"],
}
SEEDS = {"sklearn": [40, 41], "torch": [40, 41], "tensorflow": [40]}  # TensorFlow takes its time to build a graph

RESULTS = """
SEEDS = {seeds}


def test_every_model_has_learnt_something(ensemble):
    assert {{part: list(seeds) for part, seeds in ensemble.items()}} == {{
        part: [f"seed{{seed}}" for seed in SEEDS] for part in ("data1", "data2")
    }}
    assert all(0.5 < accuracy <= 1 for seeds in ensemble.values() for accuracy in seeds.values())


def test_every_partition_and_seed_differs(expops):
    evaluated = expops.outputs("evaluate")
    assert len({{repr(each) for each in evaluated.values()}}) == 2 * len(SEEDS)
    metrics = expops.metrics("evaluate")
    assert set(zip(metrics.partition, metrics.seed)) == {{(part, seed) for part in (1, 2) for seed in SEEDS}}
"""

KEEP = """
from pathlib import Path


def test_keep(expops):
    with Path("results.txt").open("a") as file:
        file.write(repr(sorted(expops.outputs("evaluate").items())) + "\\x00")
"""


def copy_project(library: str, project: Project) -> str:
    """Put the library's project into pytester's folder; the path of its config."""
    for module in {"sklearn", library}:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    name = f"{library}_project"
    shutil.copytree(PROJECTS / name, project.root / "projects" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return f"projects/{name}/configs/project_config.yaml"


@pytest.mark.parametrize("library", UNDER_SEEDS)
def test_training_is_replayed_and_its_unseeded_twin_found_out(library: str, project: Project) -> None:
    config = copy_project(library, project)
    project.pytester.makepyfile(test_results=RESULTS.format(seeds=SEEDS[library]))

    outcome = project.pytest("--expops-config", config, "-n2", "test_results.py", subprocess=True)

    coordinates = [f"{part}_seed{seed}" for part in (1, 2) for seed in SEEDS[library]]
    others = ["load", "partition", "fan_out_1", "fan_out_2", "ensemble"]
    expected = dict.fromkeys([*others, *(f"{each}[replay]" for each in others), "partition[split]"], "passed")
    for each in [f"{base}_{at}" for base in UNDER_SEEDS[library] for at in coordinates]:
        expected[each] = "passed"
        # Downstream of the twin is judged on its own: given the same inputs, it is deterministic.
        expected[f"{each}[replay]"] = "failed" if each.startswith("train_unseeded") else "passed"
    expected |= dict.fromkeys(
        ["test_every_model_has_learnt_something", "test_every_partition_and_seed_differs"], "passed"
    )
    assert outcome.items == expected, outcome.text
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED


def test_another_session_trains_the_same_models(project: Project) -> None:
    """S6.4: without workers or with two, and with another hash seed."""
    config = copy_project("sklearn", project)
    project.pytester.makepyfile(test_results=KEEP)
    for workers in ("-n0", "-n2"):
        chosen = ["--expops-config", config, "--expops-replay=none", "-k", "test_keep", workers, "test_results.py"]
        assert project.pytest(*chosen, subprocess=True).items == {"test_keep": "passed"}
    one, other, rest = (project.root / "results.txt").read_text(encoding="utf-8").split("\x00")
    assert one.count("seed4") == 4
    assert (other, rest) == (one, "")
