"""When Dask is told to forget the results of what is over, by a client that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.engines import dask
from pytest_expops.execution.engines.base import Work
from pytest_expops.execution.engines.dask import DaskEngine, Submission

MANY = 120
WORK = [Work(Path("/config.yaml"), f"p{number}") for number in range(MANY)]


class _Future:
    status = "finished"

    def __init__(self, client: _Client) -> None:
        self._client = client

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        call(self)

    def release(self) -> None:
        self._client.released += 1


class _Client:
    status = "running"

    def __init__(self) -> None:
        self.released = 0
        self.keys: list[Any] = []

    def submit(self, *_: Any, key: Any, **how: Any) -> _Future:
        self.keys.append(key)
        return _Future(self)

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": {"one": {}}}

    def close(self, timeout: float) -> None: ...


@pytest.fixture
def client() -> _Client:
    return _Client()


@pytest.fixture
def engine(client: _Client) -> DaskEngine:
    submission = Submission(
        function=print,
        ticket={"session": "s"},
        arguments=lambda work: (0, work.name, work.replays),
        group=lambda work: "run_0_p-s",
        needs=lambda work: [],
    )
    return DaskEngine(client, submission, made=None)  # type: ignore[arg-type]


def test_results_are_let_go_many_at_a_time(
    engine: DaskEngine, client: _Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "_LET_GO", 50)
    engine.begin(WORK)
    assert engine.ended(1.0) == WORK
    assert client.released == 100


def test_nothing_is_let_go_before_it_is_over(engine: DaskEngine, client: _Client) -> None:
    engine.begin(WORK)
    assert client.released == 0


def test_works_of_one_kind_have_one_group_and_each_a_key(engine: DaskEngine, client: _Client) -> None:
    engine.begin(WORK)
    assert client.keys == [("run_0_p-s", work.name, 0) for work in WORK]
