"""An engine of which the scheduler, a worker or the store does not answer waits for none of them without end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_expops.errors import StorageTrouble
from pytest_expops.execution.engines.asking import Question, within
from pytest_expops.execution.engines.base import EngineLost, OwnerLost, Work, WorkLost
from pytest_expops.execution.engines.dask import DaskEngine, Submission
from pytest_expops.execution.records import Outcome
from tests.execution.engines.test_dask import Client, Store

PATIENCE = 0.5
A = Work(Path("config.yaml"), "a")


@pytest.fixture
def never() -> Iterator[Callable[..., None]]:
    """A function that returns when the test is over."""
    over = threading.Event()
    yield lambda *_, **__: over.wait(60) and None
    over.set()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def store() -> Store:
    return Store()


def begun(client: Client, store: Store, stop: Callable[[], None] = lambda: None) -> DaskEngine:
    submission = Submission(
        print, {"session": "s"}, lambda work: (0, work.name, work.replays), lambda work: work.name, lambda _: []
    )
    engine = DaskEngine(client, submission, store, stop=stop, patience=PATIENCE)
    engine.begin([A])
    return engine


def test_what_ended_while_there_was_no_connection_is_taken_when_there_is_one(client: Client, store: Store) -> None:
    engine = begun(client, store)
    client.status = "connecting"
    store.has_run("a")
    client.futures["a"][0].becomes("cancelled")
    assert engine.ended(0.3) == []
    client.status = "running"
    assert engine.ended(30) == [A]


def test_what_was_not_begun_before_the_connection_was_lost_is_given_again(client: Client, store: Store) -> None:
    engine = begun(client, store)
    client.status = "connecting"
    client.futures["a"][0].becomes("cancelled")
    assert engine.ended(0) == []
    client.status = "running"
    engine.ended(1)
    assert len(client.futures["a"]) == 2


def test_a_scheduler_that_does_not_answer_ends_it(client: Client, store: Store, never: Callable[..., None]) -> None:
    client.scheduler_info = never  # type: ignore[assignment, method-assign]
    with pytest.raises(EngineLost, match=r"the scheduler of the Dask cluster has not answered for 0\.5 s"):
        begun(client, store).ended(30)


def test_a_scheduler_that_is_not_reached_ends_it(client: Client, store: Store) -> None:
    engine = begun(client, store)
    client.status = "connecting"
    with pytest.raises(EngineLost, match=r"the scheduler of the Dask cluster has not been reached for 0\.5 s"):
        engine.ended(30)


def test_who_does_not_answer_at_the_end_is_left(
    client: Client, store: Store, never: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_expops.execution.engines.dask.CANCEL_SECONDS", 0.1)
    engine = begun(client, store, stop=never)
    client.cancel = client.close = never  # type: ignore[assignment, method-assign]
    engine.cancel()
    engine.close()


def test_a_store_that_is_not_read_ends_it_for_all_that_follows(client: Client, store: Store) -> None:
    engine = begun(client, store)

    def gone(_: Work) -> None:
        raise StorageTrouble("records of `a` cannot be read", hint="fix: start it")

    store.record = gone  # type: ignore[assignment, method-assign]
    client.futures["a"][0].becomes("error", RuntimeError("KilledWorker"))
    for _ in range(2):
        with pytest.raises(EngineLost, match="records of `a` cannot be read") as caught:
            engine.ended(1)
        assert caught.value.hint == "fix: start it"


def test_an_answer_comes_back_whatever_it_is(never: Callable[..., None]) -> None:
    assert within(30, lambda: 7) == 7
    with pytest.raises(KeyError):
        within(30, lambda: {}["x"])
    with pytest.raises(TimeoutError, match="there was no answer for 0 s"):
        within(0, never)
    asked = Question(never)
    assert not asked.returns()


def test_a_run_that_could_not_be_told_of_has_failed_and_one_that_was_lost_has_crashed(
    client: Client, store: Store
) -> None:
    engine = begun(client, store)
    store.claims["a"] = "dask-1"
    client.futures["a"][0].becomes("error", WorkLost("records of `a` cannot be written: the disk is full"))
    found = engine.run(A)
    assert (found.outcome, found.worker) == (Outcome.FAILED, "dask-1")
    assert "records of `a` cannot be written: the disk is full" in str(found.failure)
    store = Store()
    engine = begun(Client(), store)
    store.claims["a"] = "dask-1"
    engine._tasks[A].future.becomes("error", OwnerLost("worker dask-1 had begun with it, and was lost"))
    found = engine.run(A)
    assert found.outcome is Outcome.CRASHED
    assert found.failure is not None
    assert found.failure.message == "worker dask-1 died while it ran `a`"
