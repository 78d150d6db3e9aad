"""What is joined, and what is refused of it, without a cluster."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.plugin.cluster import _joining
from pytest_expops.plugin.cluster._joining import client_of, cluster_of
from pytest_expops.plugin.options.engine import EngineOptions
from pytest_expops.plugin.state import SessionState
from pytest_expops.urls import KEY_VARIABLE

GIVEN = """
import os

closed = []

class Cluster:
    scheduler_address = "tls://head:8786"
    def close(self):
        closed.append(self)

class Open(Cluster):
    scheduler_address = "tcp://head:8786"

def nothing(): pass
def address(): return "tls://head:8786"
def plain(): return "tcp://head:8786"
def file(): return os.environ["SCHEDULER_FILE"]
def raises(): raise KeyError("queue")
"""


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given_clusters.py").write_text(GIVEN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def joined(name: str, stack: ExitStack, *, insecure: bool = False) -> Any:
    return cluster_of(state_with(f"given_clusters:{name}", insecure=insecure), b"", None, stack)


def state_with(scheduler: str, *, insecure: bool = False) -> SessionState:
    engine = EngineOptions("dask", scheduler, "/store", insecure=insecure)
    return cast(SessionState, SimpleNamespace(options=SimpleNamespace(engine=engine)))


def test_a_cluster_is_closed_at_the_end() -> None:
    with ExitStack() as stack:
        cluster = joined("Cluster", stack)
    import given_clusters  # type: ignore[import-not-found] # written by the fixture

    assert given_clusters.closed[-1] is cluster


def test_a_function_may_return_an_address() -> None:
    with ExitStack() as stack:
        assert joined("address", stack) == "tls://head:8786"
        assert joined("plain", stack, insecure=True) == "tcp://head:8786"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "--expops-scheduler=given_clusters:nothing has returned None"),
        ("raises", "--expops-scheduler=given_clusters:raises raised KeyError: 'queue'"),
        ("missing", "--expops-scheduler=given_clusters:missing raised AttributeError"),
        ("plain", "the scheduler at tcp://head:8786 is not this machine's own loopback address, and has no TLS"),
        ("Open", "the scheduler at tcp://head:8786 is not this machine's own loopback address, and has no TLS"),
    ],
)
def test_what_is_no_cluster_to_be_joined_is_refused(name: str, message: str) -> None:
    with ExitStack() as stack, pytest.raises(ExpopsError) as refused:
        joined(name, stack)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"address": "tcp://10.0.0.7:8786"}',
            "the scheduler at tcp://10.0.0.7:8786 is not this machine's own loopback",
        ),
        ("[]", "{file} is no scheduler file (TypeError: "),
        ("", "{file} is no scheduler file (JSONDecodeError: "),
        (None, "{file} is no scheduler file (FileNotFoundError: "),
    ],
)
def test_a_scheduler_file_is_looked_into(
    tmp_path: Path, content: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SCHEDULER_FILE", str(file))
    for scheduler in (str(file), "given_clusters:file"):
        with ExitStack() as stack, pytest.raises(ExpopsError) as refused:
            cluster_of(state_with(scheduler), b"", None, stack)
        assert str(refused.value).startswith(message.format(file=file))


@pytest.mark.parametrize("address", ["tls://10.0.0.7:8786", "tcp://127.0.0.1:8786"])
def test_a_scheduler_file_that_may_be_used(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(f'{{"address": "{address}"}}', encoding="utf-8")
    monkeypatch.setenv("SCHEDULER_FILE", str(file))
    with ExitStack() as stack:
        assert cluster_of(state_with(str(file)), b"", None, stack) == joined("file", stack) == str(file)


def test_a_scheduler_that_takes_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()
    said: list[str] = []

    class Client:
        def __init__(self, *_: object, **__: object) -> None:
            assert told.wait(60)

    def tell(text: str) -> None:
        said.append(text)
        told.set()

    monkeypatch.setattr(_joining, "SOON", 0.01)
    client_of(SimpleNamespace(Client=Client), "tls://head:8786", EngineOptions(timeout=60.0), tell)
    assert said == ["tls://head:8786 has not been reached yet; it is waited for, at most 60 s"]


def test_of_one_that_is_reached_at_once_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {*threading.enumerate()}
    said: list[str] = []
    client_of(
        SimpleNamespace(Client=type("Client", (), {"__init__": lambda *_, **__: None})),
        "x",
        EngineOptions(),
        said.append,
    )
    for thread in {*threading.enumerate()} - before:
        thread.join(60)
    assert said == []


@pytest.mark.parametrize(("asked", "started"), [(3, 3), (0, 5)])
def test_a_cluster_of_the_sessions_own_has_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, started: int
) -> None:
    made: list[tuple[Any, ...]] = []

    class Started:
        scheduler_file = tmp_path / "scheduler.json"

        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)

        def close(self) -> None:
            made.append(())

    monkeypatch.setattr(_joining, "OwnCluster", Started)
    monkeypatch.setattr(_joining, "cores", lambda: 5)
    needed = [{"GPU": 1.0, "memory": 2.0}, {"GPU": 3.0}, {}]
    processes = {str(number): SimpleNamespace(resources=each) for number, each in enumerate(needed)}
    session = SimpleNamespace(expanded=SimpleNamespace(pipeline=SimpleNamespace(processes=processes)))
    options = SimpleNamespace(engine=EngineOptions("dask", workers=asked))
    state = cast(SessionState, SimpleNamespace(options=options, sessions={"config": session}))
    with ExitStack() as stack:
        assert cluster_of(state, b"secret", tmp_path, stack) == str(Started.scheduler_file)
    assert made == [(tmp_path / "dask", started, {KEY_VARIABLE: "secret"}, {"GPU": 3.0, "memory": 2.0}), ()]
