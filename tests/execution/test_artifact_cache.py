"""Each reading of a partition is the partition, and the reader's own, whatever is kept from one to the next (S2.4)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.errors import PartitionError, StoreError
from pytest_expops.execution import artifact_cache
from pytest_expops.execution.artifact_cache import ArtifactReader, PartCache
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.records import Output
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.values.comparison import compare
from pytest_expops.values.storage.codec import decode
from pytest_expops.values.storage.encoded_parts import decode_part
from pytest_expops.values.storage.store import ArtifactStore

ROWS = 600


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


class Decodings:
    """Counts how often a value is rebuilt as a whole, and how often a partition is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.whole = self.parts = 0
        plain = ArtifactStore.get

        def counted_whole(*arguments: Any) -> Any:
            self.whole += 1
            return decode(*arguments)

        def counted_part(*arguments: Any) -> Any:
            self.parts += 1
            return decode_part(*arguments)

        def counted_plain(*arguments: Any) -> Any:
            self.whole += 1
            return plain(*arguments)

        monkeypatch.setattr(artifact_cache, "decode", counted_whole)
        monkeypatch.setattr(artifact_cache, "decode_part", counted_part)
        monkeypatch.setattr(ArtifactStore, "get", counted_plain)


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Decodings:
    return Decodings(monkeypatch)


def reader(store: ArtifactStore, memory: int = 1 << 24) -> ArtifactReader:
    return ArtifactReader(store, PartCache(memory))


def partition(size: int | tuple[int, ...], index: int) -> Partition:
    return Partition("rows", DataSplit(size, "df"), index)


def objects(rows: int = ROWS) -> pd.DataFrame:
    """Numbers and, in a column of objects, lists."""
    number = np.arange(rows)
    tags = [[row, f"tag {row}".ljust(150), []] for row in range(rows)]
    return pd.DataFrame({"x": number / 7, "n": number, "tags": tags})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    sizes=st.one_of(st.integers(1, 9), st.lists(st.integers(0, 200), min_size=1, max_size=6).map(tuple)),
    reads=st.lists(st.integers(0, 8), min_size=1, max_size=8),
    memory=st.sampled_from([0, 1, 40_000, 1 << 24]),
    kind=st.sampled_from(["objects", "list", "array of objects", "numbers"]),
)
def test_each_reading_is_the_partition_as_it_was(
    store: ArtifactStore, sizes: int | tuple[int, ...], reads: list[int], memory: int, kind: str
) -> None:
    """Whatever was read, evicted and written to before."""
    rows = ROWS if isinstance(sizes, int) else sum(sizes)
    frame = objects(rows)
    value = {"objects": frame, "list": list(frame["tags"]), "array of objects": frame["tags"].to_numpy()}.get(
        kind, frame[["x", "n"]]
    )
    artifact, reading = store.put(value), reader(store, memory)
    count = sizes if isinstance(sizes, int) else len(sizes)
    for index in reads:
        wanted = partition(sizes, index % count)
        found = reading.partition(artifact, wanted)
        assert compare(wanted.of(value), found) == ()
        spoil(found)
        assert reading.cache.held <= memory
    assert compare(value, store.get(artifact, verify=True)) == ()


def spoil(value: Any) -> None:
    """Write to all that is in it, in place."""
    if isinstance(value, pd.DataFrame):
        for column in value:
            array = value[column].to_numpy()
            if array.dtype == object:
                spoil(list(array))
            else:
                array.flags.writeable = True
                array[:] = -1
    else:
        for each in value:
            each[2].append("spoilt")
            each[0] = None


def test_a_value_with_much_in_its_pickle_is_rebuilt_once(store: ArtifactStore, decodings: Decodings) -> None:
    artifact, reading = store.put(objects()), reader(store)
    for _ in range(2):
        for index in range(10):
            reading.partition(artifact, partition(10, index))
    assert (decodings.whole, decodings.parts) == (1, 20)
    assert 0 < reading.cache.held < 2 * artifact.size


def test_numbers_are_not_kept(store: ArtifactStore, decodings: Decodings) -> None:
    """A view of a mapped file costs nothing, and needs no memory."""
    artifact, reading = store.put(objects(70_000)[["x", "n"]]), reader(store)
    parts = [reading.partition(artifact, partition(10, index)) for index in range(10)]
    assert (decodings.whole, decodings.parts, reading.cache.held) == (10, 0, 0)
    arrays = [part["x"].to_numpy() for part in parts]
    assert not any(array.flags.owndata for array in arrays)
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert maps.read_text().count(artifact.digest) == 10, "each has a private map of its own"


def test_of_a_mixed_frame_only_the_objects_are_kept(store: ArtifactStore) -> None:
    frame = objects(20_000)
    numbers = pd.DataFrame({f"x{index}": frame["x"] + index for index in range(30)})
    alone, reading = reader(store), reader(store)
    alone.partition(store.put(frame[["tags"]]), partition(10, 0))
    reading.partition(store.put(pd.concat([numbers, frame[["tags"]]], axis=1)), partition(10, 0))
    assert reading.cache.held - alone.cache.held < 0.01 * numbers.memory_usage().sum()


def test_what_does_not_fit_is_rebuilt_again(store: ArtifactStore, decodings: Decodings) -> None:
    """A third of the room is a third of the partitions at a time."""
    artifact, room = store.put(objects()), reader(store)
    room.partition(artifact, partition(9, 0))
    decodings.whole = 0
    reading = reader(store, room.cache.held * 4 // 9)
    for index in range(9):
        reading.partition(artifact, partition(9, index))
    assert decodings.whole == 3
    decodings.whole = 0
    off = reader(store, 0)
    for index in range(9):
        off.partition(artifact, partition(9, index))
    assert (decodings.whole, off.cache.held) == (9, 0)


def test_what_every_partition_repeats_is_not_kept(store: ArtifactStore, decodings: Decodings) -> None:
    """Thousands of column names are in the pickle of each partition; it is rebuilt no sooner than the whole."""
    names = pd.Index([f"column {index}".ljust(300) for index in range(500)], dtype=object)
    frame = pd.DataFrame(np.arange(10_000.0).reshape(20, 500), columns=names)
    artifact, reading = store.put(frame), reader(store)
    for index in range(10):
        assert compare(frame.iloc[2 * index : 2 * index + 2], reading.partition(artifact, partition(10, index))) == ()
    assert (decodings.whole, decodings.parts, reading.cache.held) == (11, 0, 0)


class OnceOnly:
    """Refuses to be pickled a second time, and one of its kind to be rebuilt."""

    def __init__(self, number: int, text: str, trips: int = 0) -> None:
        self.number, self.text, self.trips = number, text, trips

    def __reduce__(self) -> Any:
        if self.trips and self.number % 2:
            raise pickle.PicklingError("once is enough")
        return _once_only, (self.number, self.text, self.trips + 1)


def _once_only(number: int, text: str, trips: int) -> OnceOnly:
    if trips > 1:
        raise ValueError("once is enough")
    return OnceOnly(number, text, trips)


def test_what_cannot_be_pickled_twice_is_read_as_a_whole(store: ArtifactStore) -> None:
    rows = ["x" * 100_000, *(OnceOnly(number, "x" * 100_000) for number in range(4)), "x" * 100_000]
    artifact, reading = store.put(rows), reader(store)
    for _ in range(2):
        found = [reading.partition(artifact, partition(6, index))[0] for index in range(6)]
        assert [each.number for each in found[1:5]] == [0, 1, 2, 3]
        assert {each.trips for each in found[1:5]} == {1}
        assert found[0] == found[5] == "x" * 100_000
    assert reading.cache.get(((artifact.digest, 6), 5)) is not None, "the others are kept"


def test_two_splits_of_one_value_are_told_apart(store: ArtifactStore) -> None:
    value = objects()
    artifact, reading = store.put(value), reader(store)
    for size in (10, 5, (200, 400)):
        assert compare(partition(size, 1).of(value), reading.partition(artifact, partition(size, 1))) == ()


def test_other_outputs_are_whole_and_what_is_not_stored_is_left_out(store: ArtifactStore) -> None:
    """S3.4, and a replay's outputs that equal the first run's."""
    stored = {
        "df": Output("1", store.put(objects())),
        "n": Output("2", store.put({"rows": ROWS})),
        "equal": Output("3", None),
    }
    found = reader(store).outputs(stored, partition(10, 9))
    assert list(found) == ["df", "n"]
    assert found["n"] == {"rows": ROWS}
    assert compare(objects().iloc[540:], found["df"]) == ()
    assert compare(objects(), reader(store).outputs(stored)["df"]) == ()


@pytest.mark.parametrize("memory", [0, 1 << 24])
def test_errors_are_those_of_the_store_and_the_split(store: ArtifactStore, memory: int) -> None:
    artifact, reading = store.put(objects()), reader(store, memory)
    with pytest.raises(PartitionError, match=r"sizes \[1, 2\] sum to 3, but `df` of `rows` has 600 rows"):
        reading.partition(artifact, partition((1, 2), 0))
    with pytest.raises(IndexError, match="there is no 10"):
        reading.partition(artifact, partition(10, 10))
    path = store.path_of(artifact)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match="damaged"):
        reading.partition(artifact, partition(10, 0))
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        reading.partition(artifact, partition(10, 0))
