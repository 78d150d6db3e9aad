"""Which workers of a cluster may do what."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.pipeline.model import CodeRef, Process
from pytest_expops.plugin.cluster._workers import Workers, check_resources


def process(**resources: float) -> Process:
    return Process("train", CodeRef("script", "train"), resources=resources)


def on(boot: str, processor: str) -> dict[str, Any]:
    return {"boot": boot, "processor": processor}


OFFERS: list[dict[str, float]] = [{"GPU": 1.0}, {"memory": 8e9}, {}]


@pytest.mark.parametrize("needed", [{}, {"GPU": 1}, {"GPU": 0.5}, {"memory": 8e9}])
def test_what_one_worker_has_can_be_run(needed: dict[str, float]) -> None:
    check_resources([process(**needed)], lambda: OFFERS, 0)


@pytest.mark.parametrize("needed", [{"GPU": 2}, {"TPU": 1}, {"GPU": 1, "memory": 1}])
def test_what_no_worker_has_is_refused(needed: dict[str, float]) -> None:
    with pytest.raises(ExpopsError) as refused:
        check_resources([process(), process(**needed)], lambda: OFFERS, 0)
    text = str(refused.value)
    assert text.startswith(
        f"`train` needs {', '.join(f'{name} {needed[name]:g}' for name in sorted(needed))}, which no "
    )
    assert "they offer GPU 1 (1 of them), memory 8e+09 (1 of them), none (1 of them)" in text
    assert "fix: start a worker with it" in text


def test_replays_go_to_machines_of_another_processor() -> None:
    found = {"a": on("1", "AMD"), "b": on("2", "AMD"), "c": on("1", "AMD"), "d": on("3", "Intel"), "e": on("4", "ARM")}
    assert Workers(found).on_two_machines() == (["a", "c", "b"], ["d", "e"])


def test_where_all_have_one_processor_half_of_the_machines_make_replays() -> None:
    assert Workers({"a": on("1", "AMD"), "b": on("2", "AMD")}).on_two_machines() == (["a"], ["b"])
    found = {
        f"{machine}{number}": on(machine, "AMD")
        for machine, size in zip("vwxyz", [1, 4, 1, 1, 2], strict=True)
        for number in range(size)
    }
    assert Workers(found).on_two_machines() == (["w0", "w1", "w2", "w3", "y0"], ["z0", "z1", "v0", "x0"])


def test_on_one_machine_nothing_is_said_of_workers() -> None:
    assert Workers({"a": on("1", "AMD"), "b": on("1", "AMD")}).on_two_machines() is None


def test_a_worker_that_comes_late_is_waited_for() -> None:
    offered = iter([[], [{}], OFFERS])
    check_resources([process(GPU=1)], lambda: next(offered), 60)
