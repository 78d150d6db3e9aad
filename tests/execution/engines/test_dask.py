"""What the engine makes of what Dask says: nothing is run twice, and nothing is waited for in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import ReplayError
from pytest_expops.execution.engines import cluster_watch
from pytest_expops.execution.engines.base import EngineLost, Work, WorkLost, WorkRefused
from pytest_expops.execution.engines.dask import DaskEngine, Submission
from pytest_expops.execution.records import Outcome, RunRecord

CONFIG = Path("config.yaml")
UPSTREAM = {"a": [], "b": ["a"], "c": ["b"]}


class Future:
    """As Dask's: what became of it is said by the test."""

    def __init__(self, client: Client, key: str) -> None:
        self.key, self.status, self.error = key, "pending", None
        self.client = client
        self.tell: Callable[[Any], None] = lambda _: None

    def add_done_callback(self, tell: Callable[[Any], None]) -> None:
        self.tell = tell

    def becomes(self, status: str, error: Exception | None = None) -> None:
        self.status, self.error = status, error
        self.tell(self)

    def exception(self, timeout: float) -> Exception | None:
        return self.error

    def release(self) -> None:
        pass


class Client:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.status = "running"
        self.futures: dict[str, list[Future]] = {}
        self.needed: list[tuple[str, list[str]]] = []
        self.where: list[tuple[str, Any, Any]] = []
        self.cancelled: list[Future] = []
        self.workers: dict[str, Any] = {"tcp://x": {}}

    def submit(
        self, function: Any, ticket: Any, number: int, name: str, replays: bool, *needed: Future, **how: Any
    ) -> Future:
        assert (how["retries"], how["pure"]) == (0, False)
        future = Future(self, how["key"])
        self.futures.setdefault(name + ("[replay]" if replays else ""), []).append(future)
        self.needed.append((name, [each.key for each in needed]))
        self.where.append((name, how["resources"], how["workers"]))
        return future

    def cancel(self, futures: list[Future], force: bool) -> None:
        self.cancelled += futures

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": self.workers}

    def close(self, timeout: float) -> None:
        pass


class Store:
    """What workers have left."""

    def __init__(self) -> None:
        self.records: dict[str, RunRecord] = {}
        self.verdicts: dict[str, Mapping[str, Any]] = {}
        self.claims: dict[str, str] = {}

    def record(self, work: Work) -> RunRecord | None:
        return self.records.get(work.name)

    def verdict(self, work: Work) -> Mapping[str, Any] | None:
        return self.verdicts.get(work.name)

    def owner(self, work: Work) -> str | None:
        return self.claims.get(work.name + ("[replay]" if work.replays else ""))

    def settle(self, record: RunRecord, work: Work) -> None:
        self.records[work.name] = record

    def tell(self, work: Work) -> None:
        pass

    def has_run(self, name: str, outcome: Outcome = Outcome.PASSED) -> None:
        self.claims[name] = "dask-0"
        self.records[name] = RunRecord(name, 0, outcome, worker="dask-0")


def run(name: str) -> Work:
    return Work(CONFIG, name)


def replay(name: str) -> Work:
    return Work(CONFIG, name, replays=True)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def engine(client: Client, store: Store) -> DaskEngine:
    def needs(work: Work) -> list[Work]:
        return [run(work.name)] if work.replays else [run(name) for name in UPSTREAM[work.name]]

    arguments = lambda work: (0, work.name, work.replays)  # noqa: E731 (as short as it is)
    submission = Submission(print, {"session": "s"}, arguments, lambda work: f"{work.name}{work.replays}", needs)
    found = DaskEngine(client, submission, store, patience=0.5)
    found.begin([run("a"), run("b"), run("c"), replay("a")])
    return found


def test_all_is_given_at_once_each_after_what_it_needs(engine: DaskEngine, client: Client) -> None:
    keys = {name: futures[0].key for name, futures in client.futures.items()}
    assert client.needed == [("a", []), ("b", [keys["a"]]), ("c", [keys["b"]]), ("a", [keys["a"]])]
    assert len({*keys.values()}) == 4


def test_what_has_ended_is_told_once(engine: DaskEngine, client: Client, store: Store) -> None:
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    assert engine.ended(1) == [run("a")]
    assert engine.ended(0) == []
    assert engine.run(run("a")).outcome is Outcome.PASSED


def test_a_worker_that_died_of_a_process_has_crashed_it_and_blocks_what_needs_it(
    engine: DaskEngine, client: Client, store: Store
) -> None:
    store.claims["a"] = "dask-1"
    for name in ("a", "b", "c", "a[replay]"):
        client.futures[name][0].becomes("error", RuntimeError("KilledWorker"))
    assert {*engine.ended(1)} == {run("a"), run("b"), run("c"), replay("a")}
    found = engine.run(run("a"))
    assert (found.outcome, found.worker) == (Outcome.CRASHED, "dask-1")
    assert "worker dask-1 died while it ran `a`" in str(found.failure)
    assert [len(client.futures[name]) for name in "abc"] == [1, 1, 1]


def test_what_waited_behind_a_dead_worker_is_given_once_more(engine: DaskEngine, client: Client, store: Store) -> None:
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    client.futures["c"][0].becomes("error", RuntimeError("KilledWorker"))  # told before what it needs
    client.futures["b"][0].becomes("error", RuntimeError("KilledWorker"))
    assert engine.ended(1) == [run("a")]
    assert [len(client.futures[name]) for name in "abc"] == [1, 2, 2]
    assert client.needed[-1] == ("c", [client.futures["b"][1].key])


def test_a_lost_result_is_looked_up_and_not_made_again(engine: DaskEngine, client: Client, store: Store) -> None:
    store.has_run("a")
    client.futures["a"][0].becomes("cancelled")
    assert engine.ended(1) == [run("a")]
    assert len(client.futures["a"]) == 1


def test_a_replay_of_which_a_worker_died_has_no_verdict(engine: DaskEngine, client: Client, store: Store) -> None:
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    store.claims["a[replay]"] = "dask-1"
    client.futures["a[replay]"][0].becomes("error", RuntimeError("KilledWorker"))
    with pytest.raises(ReplayError, match="`a` could not be replayed: worker dask-1 died while it replayed it"):
        engine.verdict(replay("a"))
    assert len(client.futures["a[replay]"]) == 1


def test_what_a_worker_says_that_it_has_lost_is_told(engine: DaskEngine, client: Client, store: Store) -> None:
    client.futures["a"][0].becomes("error", WorkLost("the store is full"))
    assert "the store is full" in str(engine.run(run("a")).failure)


def test_a_worker_that_refuses_ends_it(engine: DaskEngine, client: Client) -> None:
    client.futures["a"][0].becomes("error", WorkRefused("numpy 1 here, 2 there"))
    with pytest.raises(EngineLost, match="numpy 1 here, 2 there"):
        engine.ended(1)


def test_what_is_given_up_again_and_again_ends_it(engine: DaskEngine, client: Client) -> None:
    for _ in range(20):
        client.futures["a"][-1].becomes("error", RuntimeError("KilledWorker"))
        assert engine.ended(0) == []
    client.futures["a"][-1].becomes("error", RuntimeError("KilledWorker"))
    with pytest.raises(EngineLost, match="Dask has given `a` up 20 times before a worker began with it"):
        engine.ended(0)


def test_without_a_worker_it_waits_no_longer_than_it_may(engine: DaskEngine, client: Client) -> None:
    client.workers.clear()
    with pytest.raises(EngineLost, match=r"no worker of the Dask cluster has been connected for 0\.5 s"):
        engine.ended(30)


def test_a_scheduler_that_is_gone_ends_it(engine: DaskEngine, client: Client) -> None:
    client.status = "closed"
    with pytest.raises(EngineLost, match="the scheduler of the Dask cluster is gone"):
        engine.ended(30)


def test_what_has_not_ended_is_cancelled(engine: DaskEngine, client: Client, store: Store) -> None:
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    engine.ended(1)
    engine.cancel()
    assert {each.key for each in client.cancelled} == {client.futures[name][0].key for name in ("b", "c", "a[replay]")}


def test_what_ends_while_something_else_is_waited_for_is_told_afterwards(
    engine: DaskEngine, client: Client, store: Store
) -> None:
    store.has_run("a")
    store.has_run("b")
    client.futures["a"][0].becomes("finished")
    rounds: list[int] = []

    def waiting() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 3:
            client.futures["b"][0].becomes("finished")

    engine.waiting = waiting
    assert engine.run(run("b")).outcome is Outcome.PASSED
    assert len(rounds) == 3  # it has slept in between
    assert engine.ended(0) == [run("a"), run("b")]


GPU = {"resources": {"GPU": 1.0}}


@pytest.fixture
def asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the scheduler asked for its workers many times within the patience of an engine."""
    monkeypatch.setattr(cluster_watch, "_LOOK_SECONDS", 0.05)


@pytest.mark.parametrize(
    ("needed", "among", "workers", "said"),
    [
        ({"GPU": 1}, [], {"tcp://x": {}}, "no worker of the Dask cluster has had GPU 1, which it needs, for 0.5 s"),
        ({"GPU": 2}, [], {"tcp://x": GPU}, "no worker of the Dask cluster has had GPU 2, which it needs, for 0.5 s"),
        ({}, ["tcp://y"], {"tcp://x": {}}, "no worker of the machines that it is for has been connected for 0.5 s"),
        (
            {"GPU": 1},
            ["tcp://y"],
            {"tcp://x": GPU, "tcp://y": {}},
            "no worker of the machines that it is for has had GPU 1, which it needs, for 0.5 s",
        ),
    ],
)
def test_what_no_worker_may_do_is_given_up_and_the_rest_goes_on(
    client: Client, store: Store, needed: Mapping[str, float], among: list[str], workers: dict[str, Any], said: str
) -> None:
    engine = picky(client, store, needed, among)
    client.workers = workers
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    assert engine.ended(1) == [run("a")]
    assert engine.ended(60) == [run("b")]
    assert said in str(engine.run(run("b")).failure)
    assert client.cancelled == [client.futures["b"][0]]
    client.futures["c"][0].becomes("cancelled")
    assert engine.ended(60) == [run("c")]


def test_what_the_last_worker_died_of_that_may_do_it_has_crashed(client: Client, store: Store) -> None:
    engine = picky(client, store, {"GPU": 1}, [])
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    assert engine.ended(1) == [run("a")]
    store.claims["b"] = "dask-1"
    assert engine.ended(60) == [run("b")]
    assert engine.run(run("b")).outcome is Outcome.CRASHED
    assert "worker dask-1 died while it ran `b`" in str(engine.run(run("b")).failure)


@pytest.mark.usefixtures("asks_often")
@pytest.mark.parametrize(("needed", "among"), [({"GPU": 1}, []), ({}, ["tcp://x"]), ({"GPU": 0.5}, ["tcp://x"])])
def test_what_a_worker_may_do_is_waited_for(
    client: Client, store: Store, needed: Mapping[str, float], among: list[str]
) -> None:
    engine = picky(client, store, needed, among)
    client.workers = {"tcp://x": GPU}
    store.has_run("a")
    client.futures["a"][0].becomes("finished")
    assert engine.ended(1) == [run("a")]
    assert engine.ended(1.5) == []
    assert not client.cancelled


def test_runs_and_replays_are_for_workers_that_may_make_them(client: Client, store: Store) -> None:
    picky(client, store, {"GPU": 1}, ["tcp://x"]).begin([replay("b")])
    named = ("b", {"GPU": 1}, ["tcp://x"])
    assert client.where == [("a", None, None), named, ("c", None, None), named]


@pytest.mark.usefixtures("asks_often")
def test_what_waits_for_something_else_is_not_given_up(client: Client, store: Store) -> None:
    engine = picky(client, store, {"GPU": 1}, [])
    assert engine.ended(1.5) == []


def picky(client: Client, store: Store, needed: Mapping[str, float], among: list[str]) -> DaskEngine:
    """An engine of which not every worker may do `b`."""
    submission = Submission(
        print,
        {"session": "s"},
        lambda work: (0, work.name, work.replays),
        lambda work: work.name,
        lambda work: [run(name) for name in UPSTREAM[work.name]],
        lambda work: needed if work.name == "b" else {},
        lambda work: among if work.name == "b" else (),
    )
    found = DaskEngine(client, submission, store, patience=0.5)
    found.begin([run("a"), run("b"), run("c")])
    return found
