"""Fingerprints are equal for equal values only (S7.2)."""

from __future__ import annotations

import copy
import itertools
import json
import os
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.errors import FingerprintError
from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import Fingerprint, fingerprint
from tests.values.samples import DISTINCT, EQUAL, Plain, frames, ring, values


def test_look_alikes_all_differ() -> None:
    """S7.2: types, dtypes, shapes, labels and bits count, pair by pair, and the comparison says so as well."""
    digests = [fingerprint(value).digest for value in DISTINCT]
    alike = [
        (DISTINCT[a], DISTINCT[b])
        for a, b in itertools.combinations(range(len(DISTINCT)), 2)
        if digests[a] == digests[b]
    ]
    assert alike == []
    assert all(re.fullmatch("[0-9a-f]{32}", digest) for digest in digests)


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_identity_and_layout_do_not_count(one: Any, other: Any) -> None:
    """S7.2: neither insertion order, sharing, strides, chunks, NaN payload nor source lines."""
    assert fingerprint(one) == fingerprint(other)
    assert set(fingerprint(one).leaves) == set(fingerprint(other).leaves)
    assert compare(one, other) == ()


@given(values())
def test_copying_and_pickling_never_change_a_fingerprint(value: Any) -> None:
    expected = fingerprint(value)
    assert fingerprint(copy.deepcopy(value)) == expected
    assert fingerprint(pickle.loads(pickle.dumps(value))) == expected


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=3), values(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_reordering_a_dict_never_changes_a_fingerprint(value: dict[str, Any], random: Any) -> None:
    """S7.2, of dicts and of attributes; the order of a list does count."""
    items = list(value.items())
    random.shuffle(items)
    assert fingerprint(dict(items)) == fingerprint(value)
    attributes = {f"a{index}": each for index, each in enumerate(value.values())}
    shuffled = list(attributes.items())
    random.shuffle(shuffled)
    assert fingerprint(Plain(**dict(shuffled))) == fingerprint(Plain(**attributes))
    assert (fingerprint([key for key, _ in items]) == fingerprint(list(value))) == (
        [key for key, _ in items] == list(value)
    )


@given(st.lists(st.integers(), min_size=2, unique=True), st.randoms(use_true_random=False))
def test_a_sets_history_never_changes_a_fingerprint(items: list[int], random: Any) -> None:
    """S7.2: sets that were filled and emptied in other orders iterate in other orders."""
    other = set(range(1000))
    random.shuffle(items)
    other.update(items)
    other.difference_update(set(range(1000)) - set(items))
    assert fingerprint(other) == fingerprint(set(items))


@given(values(), values())
def test_comparison_and_fingerprint_agree(one: Any, other: Any) -> None:
    assert (compare(one, other) == ()) == (fingerprint(one) == fingerprint(other))
    assert compare(one, one) == ()


@settings(max_examples=40)
@given(frames(), st.data())
def test_changing_one_cell_changes_that_column_only(frame: pd.DataFrame, data: st.DataObject) -> None:
    if frame.empty:
        return
    row = data.draw(st.integers(0, len(frame) - 1))
    other = frame.copy()
    other.loc[row, "int"] = int(frame.loc[row, "int"]) + 1
    assert fingerprint(frame).differs_at(fingerprint(other)) == ("value['int']",)
    (difference,) = compare(frame, other)
    assert difference.path == f"value['int'][{row}]"
    assert difference.detail.startswith(f"1 of {len(frame)} element")


def test_hash_seed_and_process_do_not_count() -> None:
    """S7.1: replays run in another interpreter with another `PYTHONHASHSEED`."""
    program = (
        "from pytest_expops.values.fingerprint import fingerprint\n"
        "from tests.values.samples import DISTINCT\n"
        "print('\\n'.join(fingerprint(each).digest for each in DISTINCT))\n"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [fingerprint(each).digest for each in DISTINCT]


def test_leaves_name_the_parts() -> None:
    value = {"model": Plain(coef_=np.zeros((2, 2)), classes_=[1, 2]), "scores": [0.5] * 50, "tags": {"a"}}
    made = fingerprint(value, "outputs")
    assert [leaf.path for leaf in made.leaves] == [
        "outputs['model'].classes_[0]",
        "outputs['model'].classes_[1]",
        "outputs['model'].coef_",
        "outputs['scores']",
        "outputs['tags']",
    ]
    value["model"].coef_[1, 1] = 1
    value["tags"].add("b")
    assert made.differs_at(fingerprint(value, "outputs")) == ("outputs['model'].coef_", "outputs['tags']")
    assert made.differs_at(made) == ()


def test_a_changed_container_is_named_by_its_path() -> None:
    """Each leaf of a tuple equals that of the list, so that only the path above them can be named."""
    one, other = {"a": {"b": [1, 2]}}, {"a": {"b": (1, 2)}}
    assert fingerprint(one).differs_at(fingerprint(other)) == ("value['a']['b']",)
    assert fingerprint([]).differs_at(fingerprint(())) == ("value",)


def test_leaves_are_bounded() -> None:
    wide = fingerprint({index: {"a": 1, "b": 2} for index in range(200)})
    assert len(wide.leaves) == 256
    assert [leaf.path for leaf in wide.leaves[:2]] == ["value[0]['a']", "value[0]['b']"]
    assert wide.leaves[-1].path == "value[199]"
    assert fingerprint(list(map(str, range(100_000)))).leaves[0].path == "value"
    assert len(fingerprint([{"a": [1, 2]} for _ in range(1000)]).leaves) == 1


def test_a_fingerprint_survives_json() -> None:
    made = fingerprint({"a": [1, 2.5], "b": "x"})
    read = Fingerprint.from_json(json.loads(json.dumps(made.to_json())))
    assert (read.digest, read.leaves) == (made.digest, made.leaves)
    assert hash(read) == hash(made)


@pytest.mark.parametrize("length", [2, 3, 7])
def test_cycles_terminate_and_compare_by_what_they_unfold_to(length: int) -> None:
    one, other = ring(length), copy.deepcopy(ring(length))
    assert fingerprint({"a": one}) == fingerprint({"a": other})
    other[0].append(5)
    assert fingerprint({"a": one}) != fingerprint({"a": other})
    assert compare({"a": one}, {"a": other}) != ()


def test_objects_that_refer_to_each_other_compare_by_state() -> None:
    def family(name: str) -> Plain:
        parent = Plain(name=name)
        parent.children = [Plain(name=f"child {index}", parent=parent) for index in range(3)]
        return parent

    assert fingerprint(family("a")) == fingerprint(family("a"))
    assert fingerprint(family("a")) != fingerprint(family("b"))
    assert compare(family("a"), family("a")) == ()
    assert [each.path for each in compare(family("a"), family("b"))] == ["value.name"]


def test_depth_beyond_the_recursion_limit_is_no_obstacle() -> None:
    def nested(depth: int, last: Any) -> list[Any]:
        value = [last]
        for _ in range(depth):
            value = [value]
        return value

    assert fingerprint(nested(3_000, 1)) == fingerprint(nested(3_000, 1))
    assert fingerprint(nested(3_000, 1)) != fingerprint(nested(3_000, 2))
    (difference,) = compare(nested(3_000, 1), nested(3_000, 2))
    assert (difference.path, difference.expected, difference.obtained) == ("value" + "[0]" * 3001, "1", "2")
    assert len(str(difference)) < 250
    with pytest.raises(FingerprintError, match=r"^value(\[0\])+\.\.\.(\[0\])+: ") as caught:
        fingerprint(nested(3_000, iter([])))
    assert caught.value.path == "value" + "[0]" * 3001


def test_shared_parts_are_hashed_once() -> None:
    value: list[Any] = [object()]
    for _ in range(200):
        value = [value, value]
    assert fingerprint(value) == fingerprint(copy.deepcopy(value))


@settings(max_examples=20)
@given(st.integers(0, 40), st.sampled_from(["C", "F", "strided", "reversed"]), st.booleans())
def test_large_arrays_have_the_digest_of_small_ones(offset: int, layout: str, nan: bool) -> None:
    """Whichever way the bytes are gone through: at once, in pieces, several in step, replacing NaNs or not."""
    from pytest_expops.values import bulk

    base = np.arange(6000.0).reshape(60, 100) + offset
    if nan:
        base[-1, -1] = np.nan
    array = {"C": base, "F": np.asfortranarray(base), "strided": np.repeat(base, 2, 1)[:, ::2], "reversed": base[::-1]}[
        layout
    ]
    expected = xxhash.xxh3_128_digest(np.ascontiguousarray(array))
    with pytest.MonkeyPatch.context() as patch:
        assert bulk.array_digest(array) == expected
        patch.setattr(bulk, "PIECE", 1 << 10)
        assert bulk.array_digest(array) == expected
        assert bulk.array_digests([array, base, array[0]]) == [
            expected,
            xxhash.xxh3_128_digest(base),
            xxhash.xxh3_128_digest(np.ascontiguousarray(array[0])),
        ]


def test_what_pickles_exceptions_with_their_traceback_does_not_count() -> None:
    pytest.importorskip("tblib")
    code = """
from pytest_expops.values.fingerprint import fingerprint

def raised(text):
    try:
        raise ValueError(text)
    except ValueError as error:
        return error

before = fingerprint(raised("x")).digest
import tblib.pickling_support
tblib.pickling_support.install()
print(fingerprint(raised("x")).digest == before, fingerprint(raised("y")).digest == before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False"], done.stderr
