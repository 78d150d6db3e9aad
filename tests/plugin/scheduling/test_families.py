"""How close the scheduler comes to the least makespan, in the model; and that the least is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.plugin.scheduling._priorities import Priorities
from pytest_expops.plugin.scheduling.parts import PartitionShares
from tests.plugin.scheduling.families import FAMILIES, Family, least_makespan, make
from tests.plugin.scheduling.model import Model
from tests.plugin.scheduling.scenario import Scenario


def makespan(family: Family, workers: int, *, known: bool = True) -> float:
    """With the durations of an earlier session, or without."""
    seconds = tuple(family.seconds.values())
    history = dict(zip(family.ids, seconds, strict=True)) if known else {}
    outcome = Model(Scenario(family.ids, family.graph, seconds, workers, history)).run()
    assert outcome.ended == "finished"
    return outcome.makespan


@pytest.mark.parametrize("workers", [2, 4, 8])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_makespan_is_at_most_a_twentieth_over_the_bound(tmp_path: Path, name: str, workers: int) -> None:
    """No time is taken: the model's is its own."""
    family = make(name, 120, mean=0.2, folder=tmp_path)
    assert 1 <= makespan(family, workers) / least_makespan(family.upstream, family.seconds, workers) <= 1.05


def test_a_first_session_knows_the_rows_of_unequal_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the config lists them; without, the longest chains are begun late."""
    family = make("unequal", 50, mean=0.2, folder=tmp_path)
    least = least_makespan(family.upstream, family.seconds, 8)
    assert makespan(family, 8, known=False) / least <= 1.05
    monkeypatch.setattr(PartitionShares, "_share", lambda *_: 1.0)
    assert makespan(family, 8, known=False) / least > 1.05


def test_a_serial_head_and_a_serial_tail_are_counted() -> None:
    upstream: dict[str, tuple[str, ...]] = {"source": (), **{f"part{number}": ("source",) for number in range(4)}}
    upstream["merge"] = tuple(f"part{number}" for number in range(4))
    seconds = dict.fromkeys(upstream, 1.0) | {"source": 3.0, "merge": 2.0}
    assert least_makespan(upstream, seconds, workers=1) == 9
    assert least_makespan(upstream, seconds, workers=2) == 3 + 4 / 2 + 2
    assert least_makespan(upstream, seconds, workers=8) == 3 + 1 + 2


def test_independent_items_take_their_work_by_workers_or_the_longest() -> None:
    upstream: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ()}
    assert least_makespan(upstream, {"a": 1.0, "b": 2.0, "c": 3.0}, workers=2) == 3.0
    assert least_makespan(upstream, {"a": 3.0, "b": 2.0, "c": 3.0}, workers=2) == 4.0


def test_a_scheduler_to_which_all_are_alike_is_told_by_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest path is left for the end."""
    compute = Priorities.compute

    def alike(priorities: Priorities) -> None:
        compute(priorities)
        priorities.rank[:] = [1.0] * len(priorities.rank)

    family = make("unequal", 120, mean=0.2, folder=tmp_path)
    monkeypatch.setattr(Priorities, "compute", alike)
    assert makespan(family, 8) / least_makespan(family.upstream, family.seconds, 8) > 1.05
