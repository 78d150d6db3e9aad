"""What may be recorded, and that it is recorded once and right by any number of workers, whatever becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Project
from tests.plugin.items.test_baseline import LOCK, baselines, lock

SEEDED = "load seeds\nseeds train\ntrain evaluate"
SCRIPT = """
import os
import random
import numpy as np

def load():
    return {"x": np.arange(4.0)}

def seeds(x):
    return {"x": x}

def train(x):
    return {"w": float(np.random.rand())}

def evaluate(w):
    return {"score": 2 * w}
"""
PROCESSES: dict[str, dict[str, Any]] = {"seeds": {"seed_parallelism": {"seeds": [1, 2]}}}
NAMES = ["load", "seeds", "train_seed1", "train_seed2", "evaluate_seed1", "evaluate_seed2"]


@pytest.fixture
def seeded(project: Project) -> Project:
    """load -> seeds 1, 2 -> train -> evaluate."""
    project.write(SEEDED, SCRIPT, PROCESSES)
    return project


def test_the_file_is_the_same_by_any_number_of_workers(seeded: Project) -> None:
    seeded.run("-p", "no:xdist", "--expops-baseline=new")
    alone = (seeded.root / LOCK).read_text()
    assert list(json.loads(alone)["entries"]) == NAMES
    (seeded.root / LOCK).unlink()
    outcome = seeded.run("-n2", "--expops-baseline=new")
    assert (seeded.root / LOCK).read_text() == alone
    assert f"baseline {LOCK}: 6 added" in outcome.text
    checked = seeded.run("--expops-replay=none")
    assert f"compared 6 with {LOCK}: 6 the same" in checked.text
    assert set(baselines(checked).values()) == {"passed"}


def test_seeds_partitions_and_sizes_are_recorded(fan: Project) -> None:
    fan.run("--expops-baseline=new")
    entry = lock(fan)["entries"]["train_2_seed41"]
    assert (entry["seeds"], entry["partitions"], entry["rows"]) == ([41], [2], 2)
    assert lock(fan)["entries"]["load"]["base_seed"] == 42


def test_what_does_not_replay_is_not_recorded_nor_what_comes_after_it(seeded: Project) -> None:
    seeded.script(SCRIPT.replace("np.random.rand()", "np.random.rand() + os.getpid() * (os.getpid() % 2 + 1)"))
    outcome = seeded.run("--expops-baseline=new")
    assert list(lock(seeded)["entries"]) == ["load", "seeds"]
    assert "not recorded: train_seed1 and evaluate_seed1: `train_seed1` gives other results when it is replayed" in (
        outcome.text
    )
    assert baselines(outcome)["train_seed1"] == "passed"  # it is not the check that fails, but the replay
    assert outcome.items["train_seed1[replay]"] == "failed"


def test_a_seeded_process_that_was_not_replayed_is_not_recorded(seeded: Project) -> None:
    outcome = seeded.run("--expops-baseline=new", "--expops-replay=none")
    assert list(lock(seeded)["entries"]) == ["load", "seeds"]
    assert "not recorded: train_seed1: `train_seed1` was not replayed" in outcome.text
    deselected = seeded.run("--expops-baseline=new", "-k", "not replay")
    assert "`train_seed2` was not replayed" in deselected.text
    assert list(lock(seeded)["entries"]) == ["load", "seeds"]


def test_an_update_leaves_the_entries_of_what_failed_or_was_blocked(seeded: Project) -> None:
    seeded.run("--expops-baseline=new")
    before = lock(seeded)["entries"]
    assert list(before) == NAMES
    fails = "def train(x, random_seed):\n    assert random_seed != 1"
    seeded.script(SCRIPT.replace("2 * w", "3 * w").replace("def train(x):", fails))
    outcome = seeded.run("--expops-baseline=update")
    after = lock(seeded)["entries"]
    assert [name for name in NAMES if after[name] != before[name]] == ["train_seed2", "evaluate_seed2"]
    assert f"baseline {LOCK}: 2 updated, 2 unchanged\n  updated train_seed2: same results\n" in outcome.text
    assert "  updated evaluate_seed2: outputs score\n" in outcome.text


def test_an_update_leaves_the_entry_of_what_does_not_replay(seeded: Project) -> None:
    seeded.run("--expops-baseline=new")
    before = lock(seeded)["entries"]
    shaky = "(3 + (id(object()) + os.getpid()) % 7919) * w if w > 0.42 else 3 * w"
    seeded.script(SCRIPT.replace("2 * w", shaky))
    outcome = seeded.run("--expops-baseline=update")
    differed = {name.removesuffix("[replay]") for name in outcome.where("failed") if name.endswith("[replay]")}
    assert len(differed) == 1
    after = lock(seeded)["entries"]
    changed = {name for name in NAMES if after[name] != before[name]}
    assert changed == {"evaluate_seed1", "evaluate_seed2"} - differed


DIES = SCRIPT.replace(
    "def train(x):", "def train(x, random_seed):\n    if random_seed == 1:\n        os.kill(os.getpid(), 9)"
)


def test_after_a_workers_death_the_rest_is_recorded(seeded: Project) -> None:
    seeded.script(DIES)
    outcome = seeded.run("-n2", "--expops-baseline=new")
    assert list(lock(seeded)["entries"]) == ["load", "seeds", "train_seed2", "evaluate_seed2"]
    assert f"baseline {LOCK}: 4 added" in outcome.text


def test_after_the_first_failure_what_is_complete_is_recorded(seeded: Project) -> None:
    seeded.script(SCRIPT.replace('return {"x": x}', "raise OSError"))
    seeded.run("-x", "--expops-baseline=new")
    assert list(lock(seeded)["entries"]) == ["load"]


WAITS = """
import glob, time

def load():
    return {"x": 1}

def train(x):
    while not glob.glob("kept/*/*/proposed/load.json"):
        time.sleep(0.02)
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_after_ctrl_c_what_is_complete_is_recorded(project: Project, workers: str) -> None:
    project.write("load train", WAITS)
    outcome = project.run(workers, "--expops-baseline=new", "--expops-artifacts=kept", subprocess=True)
    assert outcome.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED)
    assert list(lock(project)["entries"]) == ["load"]


def test_each_worker_running_everything_records_the_same(project: Project) -> None:
    project.write("load train", "def load():\n    return {'x': 1}\ndef train(x):\n    return {'y': x}\n")
    outcome = project.run("-n2", "--dist", "each", "--expops-baseline=new")
    assert list(lock(project)["entries"]) == ["load", "train"]
    assert f"baseline {LOCK}: 2 added" in outcome.text
