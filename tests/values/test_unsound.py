"""What cannot be judged soundly is an error that names its path, never a constant that compares equal (S7.2)."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import csv
import ctypes
import io
import multiprocessing
import random
import re
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pytest_expops.errors import FingerprintError
from pytest_expops.values import _cycles as graph
from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint, register, unregister
from tests.values.samples import Plain, holder


async def _coroutine() -> None: ...


def _generator() -> Iterator[int]:
    yield 1


def _closed(coroutine: Any) -> Any:
    coroutine.close()
    return coroutine


UNSOUND = {
    "generator": _generator,
    "coroutine": lambda: _closed(_coroutine()),
    "iterator": lambda: iter([1]),
    "map": lambda: map(str, [1]),
    "zip": lambda: zip([1], [2], strict=True),
    "dict view": lambda: {1: 2}.values(),
    "open file": lambda: io.FileIO(__file__),
    "csv reader": lambda: csv.reader(io.StringIO("a,b")),
    "lock": threading.Lock,
    "reentrant lock": threading.RLock,
    "semaphore": threading.Semaphore,
    "event": threading.Event,
    "process lock": multiprocessing.Lock,
    "thread": threading.Thread,
    "thread-local": threading.local,
    "thread-local in C": _thread._local,
    "socket": lambda: socket.socketpair()[0],
    "program": lambda: subprocess.Popen([sys.executable, "-c", ""]),
    "weak reference": lambda: weakref.ref(Plain),
    "pointer": lambda: ctypes.pointer(ctypes.c_int(1)),
    "match": lambda: re.match("a", "a"),
    "frame": sys._getframe,
    "OS entropy": random.SystemRandom,
    "context variable": lambda: contextvars.ContextVar("x"),
    "event loop": asyncio.new_event_loop,
    "memoryview of unknown": lambda: _released(),
}


def _released() -> memoryview:
    view = memoryview(b"")
    view.release()
    return view


@pytest.mark.parametrize("make", UNSOUND.values(), ids=UNSOUND)
def test_it_is_an_error_that_names_the_path(make: Any) -> None:
    value = make()
    try:
        with pytest.raises(FingerprintError) as caught:
            fingerprint({"model": Plain(parts=[1, value])}, "outputs")
        assert caught.value.path == "outputs['model'].parts[1]"
        assert str(caught.value).startswith("outputs['model'].parts[1]: ")
        assert caught.value.hint
        with pytest.raises(FingerprintError, match=re.escape("outputs['model'].parts[1]: ")):
            compare({"model": Plain(parts=[1, value])}, {"model": Plain(parts=[2, value])}, path="outputs")
    finally:
        for end in ("close", "wait"):
            getattr(value, end, lambda: None)() if not isinstance(value, (memoryview, threading.Event)) else None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": threading.Lock()}}, "o['a']['b']"),
        (Plain(x=np.array([[1, threading.Lock()]], dtype=object)), "o.x[0, 1]"),
        ({"f": holder(threading.Lock())}, "o['f'].__closure__['held']"),
        ([{(1, "a"): threading.Lock()}], "o[0][(1, 'a')]"),
        ({frozenset([threading.Lock().__class__]): threading.Lock()}, "o[<frozenset>]"),
    ],
)
def test_the_path_leads_through_every_kind_of_container(value: Any, path: str) -> None:
    with pytest.raises(FingerprintError) as caught:
        fingerprint(value, "o")
    assert caught.value.path == path


def test_a_frame_names_column_and_row() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": [1, threading.Lock()]}, index=["x", "y"])
    with pytest.raises(FingerprintError) as caught:
        fingerprint(frame, "outputs['data']")
    assert caught.value.path == "outputs['data']['b']['y']"


def test_a_cycle_does_not_hide_the_path() -> None:
    value: dict[str, Any] = {"inner": {}}
    value["inner"]["back"] = value
    value["inner"]["lock"] = [threading.Lock()]
    with pytest.raises(FingerprintError) as caught:
        fingerprint(value, "o")
    assert caught.value.path == "o['inner']['lock'][0]"


class Endless:
    def __getstate__(self) -> dict[str, Any]:
        return {"next": Endless()}


def test_a_state_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "DEPTH_LIMIT", 2_000)
    with pytest.raises(FingerprintError, match="nests without end"):
        fingerprint(Endless())


class Handle:
    """What only its registration can judge."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()


def test_a_registration_says_what_stands_for_a_type() -> None:
    with pytest.raises(FingerprintError, match=re.escape("value.lock: ")):
        fingerprint(Handle(1))
    register(Handle, lambda handle: {"number": handle.number})
    try:
        assert fingerprint(Handle(1)) == fingerprint(Handle(1))
        assert fingerprint(Handle(1)) != fingerprint(Handle(2))
        assert fingerprint(Handle(1)) != fingerprint({"number": 1})
        assert [str(each) for each in compare([Handle(1)], [Handle(2)])] == [
            "value[0]['number']: expected 1, obtained 2 (value differs; |delta| = 1.0)"
        ]
        register(Handle, lambda handle: handle)
        with pytest.raises(FingerprintError, match="returned the value itself"):
            fingerprint(Handle(1))
        register(Handle, lambda handle: handle.missing)
        with pytest.raises(FingerprintError, match=r"^value\[0\]: the function registered for .*Handle raised Attrib"):
            fingerprint([Handle(1)])
    finally:
        unregister(Handle)
    with pytest.raises(FingerprintError):
        fingerprint(Handle(1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, repr), "register: 1 is not a class"),
        ((Handle, 1), "register: 1 cannot be called"),
        ((float, repr), "register: a float is a plain value, and stands for itself"),
    ],
)
def test_a_registration_that_cannot_work_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        register(*arguments)
    assert str(caught.value) == message
