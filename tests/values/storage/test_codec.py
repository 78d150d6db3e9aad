"""Values survive being stored, whatever they are made of, and come back writable."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import StoreError
from pytest_expops.values.comparison import compare
from pytest_expops.values.storage.codec import ALIGNMENT, decode, encode, pickle_size
from tests.values.samples import DISTINCT, FRAME, Plain, adder, holder, values


def _round_trip(value: Any) -> Any:
    return decode(bytearray(encode(value).to_bytes()))


@given(values())
def test_a_value_survives_the_round_trip(value: Any) -> None:
    assert compare(value, _round_trip(value)) == ()


@given(st.lists(st.integers(0, 255).map(lambda size: np.arange(size * 3.0)), max_size=5))
def test_buffers_are_aligned_and_the_size_is_told(value: list[Any]) -> None:
    encoded = encode(value)
    data = encoded.to_bytes()
    assert len(data) == encoded.size
    large = [each for each in value if each.nbytes >= 1024]
    assert [data.find(each.tobytes()) % ALIGNMENT for each in large] == [0] * len(large)


UNPICKLABLE = (memoryview,)


def test_every_sample_survives_that_can_be_stored() -> None:
    stored = [value for value in DISTINCT if not isinstance(value, UNPICKLABLE)]
    assert len(stored) == len(DISTINCT) - 2
    changed = [value for value in stored if compare(value, _round_trip(value)) != ()]
    assert changed == []


def test_lambdas_closures_and_local_classes_survive() -> None:
    class Local:
        def __init__(self, number: int) -> None:
            self.number = number

    value = _round_trip({"add": adder(3), "local": Local(5), "lambda": lambda: 7})
    assert (value["add"](4), value["local"].number, value["lambda"]()) == (7, 5, 7)


def test_a_class_of_main_can_be_read_by_another_program(tmp_path: pathlib.Path) -> None:
    """Plain pickle would store its name, which leads nowhere in the program that reads."""
    script, stored = tmp_path / "script.py", tmp_path / "stored"
    script.write_text(
        "import pathlib, sys\n"
        "from pytest_expops.values.storage.codec import encode\n"
        "class Model:\n"
        "    def predict(self): return 42\n"
        "pathlib.Path(sys.argv[1]).write_bytes(encode([Model()]).to_bytes())\n"
    )
    subprocess.run([sys.executable, str(script), str(stored)], check=True)
    assert decode(bytearray(stored.read_bytes()))[0].predict() == 42


@pytest.mark.parametrize("rows", [1, 3, 100_000])
def test_what_is_loaded_can_be_written_in_place(rows: int) -> None:
    """S2.4: a process may change its inputs freely, also arrays that pandas or the user marked read-only."""
    frame = pd.DataFrame({"a": np.arange(float(rows)), "b": ["x"] * rows, "c": pd.array([1] * rows, dtype="Int64")})
    marked = np.arange(float(rows))
    marked.flags.writeable = False
    value = {
        "frame": frame,
        "part": frame.iloc[::2],
        "column": frame["a"].to_numpy(),
        "marked": marked,
        "fortran": np.asfortranarray(np.ones((rows, 3))),
        "strided": np.ones((rows, 4))[:, ::2],
        "backwards": np.arange(rows)[::-1],
        "fields": np.zeros(rows, [("a", "f8")]),
        "when": np.zeros(rows, "M8[ns]"),
        "objects": np.array([None] * rows),
    }
    loaded = _round_trip(value)
    assert compare(value, loaded) == ()
    loaded["frame"].loc[0, "a"] = -1
    loaded["frame"].loc[0, "b"] = "changed"
    loaded["frame"].loc[0, "c"] = 5
    loaded["part"].loc[0, "a"] = -1
    for name in ("column", "marked", "fortran", "strided", "backwards"):
        loaded[name][0] = -1
    loaded["fields"]["a"][0] = 1
    loaded["when"][0] = "2024-01-01"
    loaded["objects"][0] = 1
    assert {each.path.split("]")[0] for each in compare(value, loaded)} == {f"value['{name}'" for name in value}
    assert frame.loc[0].tolist() == [0.0, "x", 1]


@pytest.mark.parametrize("kind", ["M8[ns]", ">M8[D]", "m8[s]"])
def test_dates_are_beside_the_pickle(kind: str) -> None:
    """NumPy has no buffers of them, and would copy them into it."""
    dates = np.arange(6000).astype(kind).reshape(2, 3000)
    frame = pd.DataFrame({"when": pd.date_range("2020-01-31", periods=3000, tz="UTC")})
    for value in (dates, dates[:, ::-2], frame):
        data = bytearray(encode(value).to_bytes())
        assert pickle_size(data) < 2500
        assert compare(value, decode(data)) == ()


def test_a_mark_or_gap_costs_no_place_in_the_pickle() -> None:
    """Read-only and strided arrays go beside the pickle too, from where they load without a copy."""
    base = np.arange(100_000.0)
    base.flags.writeable = False
    for value in (base, base[::2], pd.DataFrame({"a": base})["a"].to_numpy(), pd.DataFrame({"a": base}).iloc[10:]):
        encoded = encode(value)
        assert len(encoded.pieces[0]) < 2_000
    assert encode(base).pieces[-1].obj.ctypes.data == base.ctypes.data


class Stubborn:
    """Its pickling fails with the user's own words."""

    def __reduce__(self) -> Any:
        raise RuntimeError("no way")


class Forgetful(Exception):
    """It is stored, but cannot be made again from what is stored."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"{number} {text}")


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"model": Plain(handle=threading.Lock())}, "outputs['model'].handle", "a _thread.lock cannot be stored"),
        ({"rows": (each for each in [1])}, "outputs['rows']", "a generator cannot be stored"),
        ([[1, Stubborn()]], "outputs[0][1]", "Stubborn cannot be stored (RuntimeError: no way)"),
        ({"f": holder(threading.Lock())}, "outputs['f'].__closure__['held']", "a _thread.lock cannot be stored"),
        (pd.DataFrame({"a": [1, threading.Lock()]}), "outputs['a'][1]", "a _thread.lock cannot be stored"),
        (threading.Lock(), "outputs", "a _thread.lock cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_path(value: Any, path: str, reason: str) -> None:
    with pytest.raises(StoreError) as caught:
        encode(value, "outputs")
    assert caught.value.message.startswith(f"{path}: ")
    assert reason in caught.value.message
    assert caught.value.key == path
    assert caught.value.hint


def test_a_long_path_is_cut_where_it_is_shown() -> None:
    value: list[Any] = [threading.Lock()]
    for _ in range(100):
        value = [value]
    with pytest.raises(StoreError, match=r"^outputs(\[0\])+\.\.\.(\[0\])+: a _thread.lock") as caught:
        encode(value, "outputs")
    assert caught.value.key == "outputs" + "[0]" * 101


def test_a_cycle_does_not_hide_what_cannot_be_stored() -> None:
    value: dict[str, Any] = {"lock": threading.Lock()}
    value["self"] = value
    with pytest.raises(StoreError, match=r"^value\['lock'\]: a _thread.lock"):
        encode(value)


def test_what_cannot_be_rebuilt_says_so() -> None:
    data = bytearray(encode(Forgetful(1, "a")).to_bytes())
    with pytest.raises(StoreError, match=r"a stored value cannot be rebuilt \(TypeError: .*missing 1 required"):
        decode(data)


@pytest.mark.parametrize("size", [0, 10, 40, -1])
def test_bytes_cut_short_are_refused(size: int) -> None:
    data = bytearray(encode(np.arange(1000)).to_bytes())
    with pytest.raises(StoreError, match=r"a stored value (is cut short: \d+|has \d+) bytes, expected"):
        decode(data[:size])
    with pytest.raises(StoreError, match=r"a stored value has \d+ bytes, expected"):
        decode(data + b"more")


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_damaged_pickle_is_never_read(place: int, flip: int) -> None:
    data = bytearray(encode(["some", {"plain": "data"}, 1.5]).to_bytes())
    data[place % len(data)] ^= flip
    with pytest.raises(StoreError):
        decode(data)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(StoreError, match="these bytes are not a stored value"):
        decode(bytearray(pickle.dumps(list(range(100)))))


def test_the_original_is_not_touched_by_encoding() -> None:
    before = FRAME.copy()
    encode(FRAME)
    assert compare(before, FRAME) == ()
