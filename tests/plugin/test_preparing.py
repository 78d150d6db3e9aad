"""Who will replay starts an interpreter for it as soon as the items are known, and nobody else does."""

from __future__ import annotations

import pytest

from pytest_expops.plugin._setup import PreparingHooks
from pytest_expops.plugin.stash import STATE
from pytest_expops.replay.pool import ReplicaPool
from tests.conftest import Project

EDGES = "start train"
SEEDS = {"start": {"seed_parallelism": [1, 2]}}
SCRIPT = """
    def start(data):
        return {}

    def train(data):
        return {"x": 1}
"""


@pytest.fixture
def seeded(project: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, list[str]]:
    """A project with two replays, and what was prepared in this process."""
    names: list[str] = []
    prepare = ReplicaPool.prepare

    def noted(self: ReplicaPool, session: object, name: str, conditions: object, *, all_of_it: bool) -> None:
        names.append(name if all_of_it else f"libraries of {name}")
        prepare(self, session, name, conditions, all_of_it=all_of_it)  # type: ignore[arg-type] # they are passed on

    monkeypatch.setattr(ReplicaPool, "prepare", noted)
    project.write(EDGES, SCRIPT, SEEDS)
    return project, names


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["libraries of train_seed1", "train_seed1"]),
        (["-k", "seed2"], ["train_seed2"]),
        (["-k", "start"], []),
        (["--expops-replay=none"], []),
        (["--co"], []),
    ],
    ids=str,
)
def test_the_first_of_the_selected_replays_is_prepared_for(
    seeded: tuple[Project, list[str]], arguments: list[str], names: list[str]
) -> None:
    project, prepared = seeded
    assert project.run(*arguments).ret == 0
    assert prepared == names


@pytest.mark.parametrize(("workers", "prepared"), [(1, 1), (2, 1), (3, 0)])
def test_a_worker_prepares_where_there_is_a_replay_for_each(
    seeded: tuple[Project, list[str]], workers: int, prepared: int
) -> None:
    project, names = seeded
    collected = project.pytester.inline_genitems(
        "--expops-config", project.config, "--expops-replay=seeded", project.config
    )[0]
    session = collected[0].session
    session.items = collected
    session.config.option.collectonly = False
    session.config.workerinput = {"workercount": workers}  # type: ignore[attr-defined] # as pytest-xdist sets it
    run = session.config.stash[STATE]
    PreparingHooks(run).pytest_collection_finish(session)
    PreparingHooks(run).pytest_collection(session)
    run.close()
    assert names == ["train_seed1", "libraries of train_seed1"] * prepared


def test_results_that_are_kept_need_no_interpreter(seeded: tuple[Project, list[str]]) -> None:
    project, prepared = seeded
    project.pytester.makefile(".ini", tox="[pytest]\nexpops_cache = configs/.expops_cache\n")
    assert project.run("--expops-replay=all").ret == 0
    prepared.clear()
    outcome = project.run("--expops-replay=all", "--expops-cache-audit=all")
    assert outcome.ret == 0, outcome.text
    assert "run again, to check what was kept" in outcome.text
    assert prepared == []
