"""Stand-ins pass for the original in all but what they do, and are gone at the end (S7.2)."""

from __future__ import annotations

import copy
import datetime
import importlib
import inspect
import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.values.fingerprint import fingerprint

FUNCTIONS = [
    (time, "time"),
    (os, "urandom"),
    (os, "walk"),
    (random, "seed"),
    (np, "empty"),
    (np.random, "default_rng"),
    (random.Random, "seed"),
]


def never(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Stands in for a function, and shows that it does."""
    return "stand-in"


@pytest.fixture(params=FUNCTIONS, ids=lambda pair: f"{pair[0].__name__}.{pair[1]}")
def function(request: pytest.FixtureRequest) -> tuple[Any, str]:
    found: tuple[Any, str] = request.param
    return found


def test_what_is_replaced_is_put_back_and_what_was_kept_is_the_original_again(function: tuple[Any, str]) -> None:
    owner, name = function
    original = vars(owner)[name]
    with patching() as patches:
        patches.wrap(owner, name, never)
        kept = getattr(owner, name)
        assert kept() == "stand-in"
    assert vars(owner)[name] is original
    with patching() as patches:
        patches.wrap(time, "localtime", never)
        localtime = time.localtime
    assert localtime(0) == time.localtime(0)


def test_it_is_found_in_tables_of_functions_whichever_came_first(function: tuple[Any, str]) -> None:
    owner, name = function
    original = getattr(owner, name)
    with patching() as patches:
        patches.wrap(owner, name, never)
        stand_in = getattr(owner, name)
        assert stand_in is not original
        assert {original: 1}[stand_in] == {stand_in: 1}[original] == 1
        assert stand_in != len
    assert os.listdir in os.supports_fd


def test_it_has_the_looks_and_the_fingerprint_of_the_original(function: tuple[Any, str]) -> None:
    owner, name = function
    original = getattr(owner, name)
    expected = fingerprint(original, "f").digest
    with patching() as patches:
        patches.wrap(owner, name, never)
        stand_in = getattr(owner, name)
        assert fingerprint(stand_in, "f").digest == expected
        assert (
            fingerprint([stand_in, {"a": stand_in}], "f").digest == fingerprint([original, {"a": original}], "f").digest
        )
        for look in ("__module__", "__name__", "__qualname__", "__doc__"):
            assert getattr(stand_in, look, None) == getattr(original, look, None)
        assert callable(stand_in)
        assert repr(stand_in) == repr(original)


def test_it_is_pickled_and_copied_as_the_original() -> None:
    with patching() as patches:
        for owner, name in FUNCTIONS[:3]:
            patches.wrap(owner, name, never)
        pickled = {name: pickle.dumps(getattr(owner, name)) for owner, name in FUNCTIONS[:3]}
        assert copy.deepcopy([time.time])[0]() == "stand-in"
    assert {name: pickle.loads(each) for name, each in pickled.items()} == {
        "time": time.time,
        "urandom": os.urandom,
        "walk": os.walk,
    }


def test_a_method_is_bound() -> None:
    def around(original: Callable[..., Any], self: random.Random, *args: Any) -> Any:
        original(self, 5)

    with patching() as patches:
        patches.wrap(random.Random, "seed", around)
        generator = random.Random()
    assert generator.random() == random.Random(5).random()
    assert inspect.isfunction(random.Random.seed)


def test_a_class_written_in_c_is_changed_for_all_who_have_it() -> None:
    cls, now = datetime.datetime, datetime.datetime.now
    later: Callable[[], Any] = lambda: cls.now()  # noqa: E731 (called often, so that the interpreter specializes it)
    for _ in range(100):
        assert type(later()) is cls
    with patching() as patches:
        patches.wrap(cls, "now", lambda original: (original.__self__, type(original())))
        assert later() == (cls, cls)
        assert (cls.now, hash(cls.now)) == (now, hash(now))
        assert fingerprint(cls.now, "f").digest == fingerprint(now, "f").digest
        assert pickle.loads(pickle.dumps(cls.now))() == (cls, cls)
        inherited = type("Own", (cls,), {})
        assert inherited.now() == (inherited, inherited)
    assert type(later()) is cls
    assert cls.now == now


def test_changes_are_undone_in_the_opposite_order() -> None:
    original = time.time
    with patching() as outer:
        outer.wrap(time, "time", lambda original: ["outer"])
        with patching() as inner:
            inner.wrap(time, "time", lambda original: ["inner", *original()])
            inner.wrap(time, "time", lambda original: ["innermost", *original()])
            assert time.time() == ["innermost", "inner", "outer"]
        assert time.time() == ["outer"]
    assert time.time is original


def test_what_is_no_function_of_the_owner_is_left_out() -> None:
    with patching() as patches:
        patches.wrap(os, "no_such_function", never)
    assert not hasattr(os, "no_such_function")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "library_to_patch"
    (tmp_path / f"{name}.py").write_text("def draw():\n    return 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loaded later"])
def test_a_library_is_patched_when_it_is_there(library: str, loaded: bool) -> None:
    def patch(patches: Patches, module: ModuleType) -> None:
        patches.wrap(module, "draw", lambda original: original() + 1)

    if loaded:
        importlib.import_module(library)
    finders = list(sys.meta_path)
    with patching({library: patch}), patching({library: patch}):
        assert (library in sys.modules) is loaded
        module = importlib.import_module(library)
        assert module.draw() == 3
    assert module.draw() == 1
    assert sys.meta_path == finders


def test_what_is_written_in_c_is_no_method_of_a_class_that_has_it() -> None:
    with patching() as patches:
        patches.wrap(os, "stat", lambda original, path: original(path))
        patches.wrap(os.path, "join", lambda original, *parts: original(*parts))
        owner = type("Owner", (), {"stat": os.stat, "join": os.path.join})
        assert owner().stat(".") == os.stat(".")
        assert owner.join("a", "b") == "a/b"
        with pytest.raises(TypeError):
            owner().join("a")
