"""Which workers of a cluster may do what."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.pipeline.model import CodeRef, Process
from pytest_expops.plugin.cluster._workers import Workers


def process(**resources: float) -> Process:
    return Process("train", CodeRef("script", "train"), resources=resources)


def on(boot: str, processor: str) -> dict[str, Any]:
    return {"boot": boot, "processor": processor}


OFFERS = {"a": {"GPU": 1.0}, "b": {"memory": 8e9}, "c": {}}


@pytest.mark.parametrize("needed", [{}, {"GPU": 1}, {"GPU": 0.5}, {"memory": 8e9}])
def test_what_one_worker_has_can_be_run(needed: dict[str, float]) -> None:
    Workers({}, OFFERS).check_resources([process(**needed)])


@pytest.mark.parametrize("needed", [{"GPU": 2}, {"TPU": 1}, {"GPU": 1, "memory": 1}])
def test_what_no_worker_has_is_refused(needed: dict[str, float]) -> None:
    with pytest.raises(ExpopsError) as refused:
        Workers({}, OFFERS).check_resources([process(), process(**needed)])
    text = str(refused.value)
    assert text.startswith(
        f"`train` needs {', '.join(f'{name} {needed[name]:g}' for name in sorted(needed))}, which no "
    )
    assert "they offer GPU 1 (1 of them), memory 8e+09 (1 of them), none (1 of them)" in text
    assert "fix: start a worker with it" in text


def test_replays_go_to_a_machine_of_another_processor() -> None:
    found = {"a": on("1", "AMD"), "b": on("2", "AMD"), "c": on("1", "AMD"), "d": on("3", "Intel")}
    assert Workers(found).on_two_machines() == (["a", "c"], ["d"])


def test_replays_go_to_another_machine_where_all_have_one_processor() -> None:
    assert Workers({"a": on("1", "AMD"), "b": on("2", "AMD")}).on_two_machines() == (["a"], ["b"])


def test_on_one_machine_nothing_is_said_of_workers() -> None:
    assert Workers({"a": on("1", "AMD"), "b": on("1", "AMD")}).on_two_machines() is None
