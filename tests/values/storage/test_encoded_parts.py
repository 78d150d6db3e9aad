"""A part is rebuilt as it was, shares nothing with any other reading, and copies no array of the stored value."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.storage.codec import decode
from pytest_expops.values.storage.encoded_parts import EncodedPart, decode_part, encode_part
from pytest_expops.values.storage.store import ArtifactStore
from tests.values.samples import values

ROWS = 4000


def _frame() -> pd.DataFrame:
    """Two blocks of numbers, dates, categories, text and objects, with a labelled index."""
    return pd.DataFrame(
        {
            "a": np.arange(ROWS) / 7,
            "b": np.where(np.arange(ROWS) % 5, 1.5, np.nan),
            "n": np.arange(ROWS),
            "when": pd.date_range("2020-01-31", periods=ROWS, freq="D"),
            "kind": pd.Categorical([f"k{row % 3}" for row in range(ROWS)]),
            "text": [f"row {row}" for row in range(ROWS)],
            "object": [{"row": row, "tags": [row, str(row)]} for row in range(ROWS)],
        },
        index=pd.Index([f"id{row}" for row in range(ROWS)], name="id"),
    )


class Opaque:
    """An object with a state of its own."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows


VALUES: dict[str, Any] = {
    "frame": _frame(),
    "floats": pd.DataFrame({name: np.arange(ROWS) / 3 for name in "abcd"}),
    "array": np.arange(3.0 * ROWS).reshape(ROWS, 3),
    "columns first": np.asfortranarray(np.arange(3.0 * ROWS).reshape(ROWS, 3)),
    "backwards": np.arange(ROWS)[::-1],
    "objects": np.array([{"row": row} for row in range(ROWS)], dtype=object),
    "records": np.array([(row, row / 2) for row in range(ROWS)], dtype=[("i", "i8"), ("f", "f4")]),
    "list": [[row, {"row": np.arange(4) + row}] for row in range(ROWS)],
    "series": pd.Series([datetime.date(2020, 1, 1)] * ROWS),
    "opaque": [Opaque(np.arange(ROWS)), Opaque(np.arange(ROWS))],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return ArtifactStore(tmp_path_factory.mktemp("parts") / "store")


def _rows(value: Any, start: int, stop: int) -> Any:
    return value.iloc[start:stop] if hasattr(value, "iloc") else value[start:stop]


def _encoded(store: ArtifactStore, value: Any, start: int = 0, stop: int = 10**9) -> tuple[Any, EncodedPart]:
    artifact = store.put(value)
    data = memoryview(store.data(artifact))
    part = encode_part(_rows(decode(data), start, stop), data)
    assert part is not None
    return artifact, part


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(("start", "stop"), [(0, 1000), (1000, 1001), (1500, ROWS), (7, 7)])
def test_a_part_is_rebuilt_as_it_was(store: ArtifactStore, value: Any, start: int, stop: int) -> None:
    artifact, part = _encoded(store, value, start, stop)
    rebuilt = decode_part(part, store.data(artifact))
    assert compare(_rows(value, start, stop), rebuilt) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(value=st.lists(values(), max_size=5), start=st.integers(0, 5), stop=st.integers(0, 5))
def test_a_part_of_any_value_is_rebuilt_as_it_was(store: ArtifactStore, value: Any, start: int, stop: int) -> None:
    value = [*value, "x" * 5000]
    artifact, part = _encoded(store, value, start, stop)
    assert compare(value[start:stop], decode_part(part, store.data(artifact))) == ()


@pytest.mark.parametrize("kind", ["frame", "floats", "array", "columns first", "backwards", "records", "opaque"])
def test_no_numbers_are_in_the_pickle(store: ArtifactStore, kind: str) -> None:
    whole = pd.DataFrame(VALUES[kind]).drop(columns=["text", "object"]) if kind == "frame" else VALUES[kind]
    whole = whole.reset_index(drop=True) if kind == "frame" else whole
    _, part = _encoded(store, whole, 0, 2000)
    assert part.ranges
    assert part.size < 4000


def test_strides_may_be_of_any_sign(store: ArtifactStore) -> None:
    artifact = store.put(VALUES["array"])
    data = memoryview(store.data(artifact))
    for view in (decode(data)[::-1], decode(data)[10:2:-3, ::-2], decode(data).T[1]):
        part = encode_part(view, data)
        assert part is not None
        assert part.ranges
        assert compare(view, decode_part(part, store.data(artifact))) == ()


def test_numbers_of_another_place_are(store: ArtifactStore) -> None:
    """What lies beside the encoding would be gone with the value."""
    artifact, data = store.put(VALUES["array"]), memoryview(bytearray(10))
    value = store.get(artifact)[:1000]
    part = encode_part(value, data)
    assert part is not None
    assert part.ranges == ()
    assert part.size > value.nbytes
    rebuilt = decode_part(part, bytearray())
    rebuilt[0] = -1.0
    assert compare(VALUES["array"][1:1000], rebuilt[1:]) == ()


def _spoil(frame: pd.DataFrame) -> None:
    frame["a"].to_numpy().flags.writeable = True
    for column in ("a", "b", "n"):
        array = frame[column].to_numpy()
        array.flags.writeable = True
        array[:] = 77
    for each in frame["object"]:
        each["tags"].append("spoilt")
        each["row"] = None
    frame.loc[frame.index[0], "text"] = "spoilt"


def test_what_one_reader_writes_no_other_sees(store: ArtifactStore) -> None:
    """S2.4, of two copies of one part and of overlapping parts, whichever is read first."""
    value = _frame()
    artifact, part = _encoded(store, value, 100, 300)
    _, other = _encoded(store, value, 200, 400)
    before = decode_part(part, store.data(artifact))
    spoilt = decode_part(part, store.data(artifact))
    _spoil(spoilt)
    assert spoilt["object"].iloc[0] == {"row": None, "tags": [100, "100", "spoilt"]}
    assert spoilt["a"].iloc[0] == 77
    for rebuilt in (before, decode_part(part, store.data(artifact))):
        assert compare(value.iloc[100:300], rebuilt) == ()
    assert compare(value.iloc[200:400], decode_part(other, store.data(artifact))) == ()
    assert compare(value, store.get(artifact, verify=True)) == ()


def test_a_part_outlives_its_file_only_where_it_needs_none_of_it(store: ArtifactStore, tmp_path: pathlib.Path) -> None:
    _, part = _encoded(store, VALUES["list"], 0, 10)
    assert part.ranges == ()
    assert compare(VALUES["list"][:10], decode_part(part, bytearray())) == ()


def test_what_pickle_alone_cannot_take_is_not_encoded(store: ArtifactStore) -> None:
    data = memoryview(bytearray(10))
    assert encode_part([lambda: 1], data) is None
    defined_in_main = type("Local", (), {"__module__": "__main__"})
    assert encode_part([defined_in_main], data) is None
    assert encode_part([1], data) is not None
