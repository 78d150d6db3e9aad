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

GIVEN = """
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
def raises(): raise KeyError("queue")
"""


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given_clusters.py").write_text(GIVEN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def joined(name: str, stack: ExitStack, *, insecure: bool = False) -> Any:
    engine = EngineOptions("dask", f"given_clusters:{name}", "/store", insecure=insecure)
    state = cast(SessionState, SimpleNamespace(options=SimpleNamespace(engine=engine)))
    return cluster_of(state, b"", None, stack)


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
