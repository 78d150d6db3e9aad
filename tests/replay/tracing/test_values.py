"""Digests of running values: equal for equal values (S7.2), by type where nothing can be said, and without a trace."""

from __future__ import annotations

import gc
import io
import random
import sys
import threading
import types
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.seeding.task_seeds import rng_digests
from pytest_expops.replay.tracing.digests import LEAVES, Digester, value_of
from pytest_expops.values.fingerprint import fingerprint

THIS = __file__


def digester(seconds: float = 20.0) -> Digester:
    return Digester(lambda file: file == THIS, seconds)


def text(value: Any) -> str:
    return digester().text(value)


class Point:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Raises:
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("no state")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(values, values)
def test_digests_tell_values_apart_as_fingerprints_do(one: Any, other: Any) -> None:
    assert (value_of(text(one)) == value_of(text(other))) == (fingerprint(one) == fingerprint(other))


@given(st.dictionaries(st.text(max_size=3), scalars, min_size=2))
def test_the_order_of_a_dict_is_told_apart_from_its_value(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert value_of(text(value)) == value_of(text(backwards))
    assert text(value) != text(backwards)
    assert text([value]) != text([backwards])
    assert text(value) == text(dict(value))


def test_a_set_has_no_order() -> None:
    assert text({"a", "b", "c"}) == text({"c", "b", "a"})
    assert text({1, 9, 17}) == text({17, 9, 1})


@pytest.mark.parametrize(
    "make",
    [
        lambda: (x for x in range(3)),
        lambda: threading.Lock(),
        lambda: io.StringIO,
        lambda: iter([1]),
        lambda: weakref.ref(Point),
        lambda: Raises(),
        lambda: object(),
        lambda: threading.Thread(target=print),
        lambda: random,
        lambda: Point,
        lambda: ProcessContext,
        lambda: [threading.Lock(), Raises()],
        lambda: {"lock": threading.Lock(), "x": 1},
        lambda: Point(lock=threading.Lock(), x=1),
    ],
)
def test_what_cannot_be_judged_matches_its_like(make: Any) -> None:
    assert text(make()) == text(make())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (threading.Lock(), (x for x in range(3))),
        ([threading.Lock(), 1], [threading.Lock(), 2]),
        ({"lock": threading.Lock(), "x": 1}, {"lock": threading.Lock(), "x": 2}),
        (Point(lock=threading.Lock(), x=1), Point(lock=threading.Lock(), x=2)),
        (Point(inner=Point(lock=threading.Lock(), x=1)), Point(inner=Point(lock=threading.Lock(), x=2))),
        (Point(x=1), Point(x=2)),
        (np.arange(3), np.arange(3.0)),
        (random.Random(1), random.Random(2)),
        (np.random.default_rng(1), np.random.default_rng(2)),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})),
        (random, sys),
        (Point, Raises),
        (lambda x=1: x, lambda x=2: x),
    ],
)
def test_what_can_be_judged_of_it_differs(one: Any, other: Any) -> None:
    assert text(one) != text(other)


def test_a_function_is_its_name_and_what_it_captured() -> None:
    def adder(number: Any) -> Any:
        def add(x: int) -> int:
            return x + int(number)

        return add

    assert text(adder(1)) == text(adder(1))
    assert text(adder(1)) != text(adder(2))
    assert text(test_a_function_is_its_name_and_what_it_captured).startswith("function ")

    def loop(n: int) -> int:
        return loop(n - 1)

    assert text(loop) == text(loop)


def test_the_context_of_a_process_is_no_value() -> None:
    one, other = (
        ProcessContext(
            project_id="p",
            run_id=run,
            process_name="p",
            hyperparameters={},
            upstream={},
            document={},
            config_path=None,  # type: ignore[arg-type]
            checkpoint_root=None,  # type: ignore[arg-type]
        )
        for run in ("one", "other")
    )
    assert text(one) == text(other) == "context"


def test_a_value_that_holds_itself_has_a_digest() -> None:
    def knot() -> list[Any]:
        made: list[Any] = [threading.Lock()]
        made.append(made)
        return made

    assert text(knot()) == text(knot())


def test_leaves_name_the_parts_and_are_few() -> None:
    few = digester().leaves({"w": [1, 2], "b": 3}, "return")
    assert few == {
        "digest": fingerprint({"w": [1, 2], "b": 3}).digest + text({"w": [1, 2], "b": 3})[32:],
        "leaves": [["return['w'][0]", text(1)], ["return['w'][1]", text(2)], ["return['b']", text(3)]],
    }
    many = {"w": list(map(str, range(20))), "v": {str(key): key for key in range(90)}}
    assert [path for path, _ in digester().leaves(many, "return")["leaves"]] == ["return['w']", "return['v']"]
    changed = {"w": many["w"], "v": {**many["v"], "55": -1}}  # type: ignore[dict-item]
    one, other = (dict(digester().leaves(each, "return")["leaves"]) for each in (many, changed))
    assert {path for path in one if one[path] != other[path]} == {"return['v']"}
    assert len(digester().leaves({str(key): key for key in range(200)}, "return")["leaves"]) == LEAVES
    assert digester().leaves(threading.Lock(), "return") == {
        "digest": "opaque _thread.lock",
        "leaves": [["return", "opaque _thread.lock"]],
    }


def test_digesting_leaves_random_states_garbage_collection_and_lifetimes_alone() -> None:
    value = Point(rng=np.random.default_rng(3), python=random.Random(4), rows=[Point(x=1)])
    known = weakref.ref(value)
    before, count = rng_digests(), sys.getrefcount(value)
    states = value.rng.bit_generator.state, value.python.getstate()
    made = digester()
    with made.working():
        assert not gc.isenabled()
        made.text(value), made.leaves(value, "return"), made.rng()
    assert gc.isenabled()
    assert rng_digests() == before
    assert (value.rng.bit_generator.state, value.python.getstate()) == states
    assert sys.getrefcount(value) == count
    del value
    assert known() is None
    gc.disable()
    try:
        with made.working():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_time_for_digests_is_bounded() -> None:
    made = digester(0.0)
    assert not made.exhausted
    with made.working():
        made.text(list(range(100)))
    assert made.exhausted


def test_a_module_that_is_no_module_of_its_own_is_told_by_its_name() -> None:
    assert text(types.ModuleType("one")) == "module one"
