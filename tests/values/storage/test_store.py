"""The store keeps each value once, gives each reader its own, and survives many writers, crashes and damage."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pathlib
import stat
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from pytest_expops.errors import StoreError
from pytest_expops.values.comparison import compare
from pytest_expops.values.storage.store import INLINE, VERIFIED, Artifact, ArtifactStore
from tests.values.samples import DISTINCT, values


@pytest.fixture
def store(tmp_path: pathlib.Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def _files(store: ArtifactStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir())


MIDDLE = np.arange(10_000.0)
LARGE = np.arange(500_000.0)
SIZES = {"small": {"loss": 0.5}, "middle": {"a": MIDDLE}, "large": {"a": LARGE}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(value=values())
def test_a_value_survives_the_store(store: ArtifactStore, value: Any) -> None:
    artifact = Artifact.from_json(json.loads(json.dumps(store.put(value).to_json())))
    assert compare(value, store.get(artifact)) == ()


def test_empty_values_survive(store: ArtifactStore) -> None:
    empty = [None, {}, [], "", pd.DataFrame(), pd.DataFrame({"a": []}), np.zeros((0, 3)), pd.Series(dtype="Int64")]
    assert compare(empty, store.get(store.put(empty))) == ()
    assert [compare(each, store.get(store.put(each))) for each in empty] == [()] * len(empty)


@pytest.mark.parametrize("value", SIZES.values(), ids=SIZES)
def test_equal_bytes_are_stored_once(store: ArtifactStore, value: Any) -> None:
    first, second = store.put(value), store.put(dict(value))
    assert first == second
    assert _files(store) == ([] if first.size <= INLINE else [first.digest])
    assert (first.inline is not None) == (first.size <= INLINE)


def test_small_values_need_no_file(store: ArtifactStore) -> None:
    artifact = store.put({"x": 1})
    store.root.rmdir()
    assert store.get(artifact) == {"x": 1}


@pytest.mark.parametrize("value", SIZES.values(), ids=SIZES)
def test_a_reader_sees_no_others_mutation(store: ArtifactStore, value: Any) -> None:
    """S2.4, of arrays in place and of the containers around them."""
    value = {**value, "list": [1]}
    artifact = store.put(value)
    one, other = store.get(artifact), store.get(artifact)
    one["list"].append(2)
    if "a" in one:
        one["a"][:] = -1
    one["new"] = 1
    assert compare(value, other) == ()
    assert compare(value, store.get(artifact, verify=True)) == ()
    assert compare(value, one) != ()


def test_a_frame_is_written_in_place_by_its_reader_only(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"a": LARGE, "b": LARGE.astype("i8"), "c": ["x", "y"] * (len(LARGE) // 2)})
    artifact = store.put(frame)
    one = store.get(artifact)
    one.loc[0, "a"] = -1.0
    one.loc[1, "b"] = -1
    one.loc[2, "c"] = "z"
    one["d"] = 1
    assert one.loc[0, "a"] == -1.0
    assert compare(frame, store.get(artifact, verify=True)) == ()
    assert [each.path for each in compare(frame[["a", "b", "c"]], one[["a", "b", "c"]])] == [
        "value['a'][0]",
        "value['b'][1]",
        "value['c'][2]",
    ]


def test_large_arrays_are_mapped_not_read(store: ArtifactStore) -> None:
    artifact = store.put({"a": LARGE})
    assert artifact.size > VERIFIED
    array = store.get(artifact)["a"]
    assert array.flags.writeable
    assert not array.flags.owndata
    assert array.ctypes.data % 64 == 0
    maps = pathlib.Path("/proc/self/maps")
    if maps.exists():
        assert str(store.path_of(artifact)) in maps.read_text()


def test_no_descriptor_stays_open(store: ArtifactStore) -> None:
    descriptors = pathlib.Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("only Linux lists the descriptors of a process")
    before = len(list(descriptors.iterdir()))
    held = [store.get(store.put({"a": LARGE + index})) for index in range(20)]
    assert len(held) == 20
    assert len(list(descriptors.iterdir())) <= before + 1


def test_a_mapping_ends_with_its_last_user(store: ArtifactStore) -> None:
    maps = pathlib.Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("only Linux lists the mappings of a process")
    artifact = store.put({"a": LARGE})
    part = store.get(artifact)["a"][10:20]
    gc.collect()
    assert artifact.digest in maps.read_text()
    assert part.tolist() == LARGE[10:20].tolist()
    del part
    gc.collect()
    assert artifact.digest not in maps.read_text()


def test_the_folder_is_the_users_own(tmp_path: pathlib.Path) -> None:
    """What is stored is executed when it is read, so that nobody else may write there."""
    tmp_path.chmod(0o755)
    made = ArtifactStore(tmp_path / "a" / "store").root
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o777)
    assert stat.S_IMODE(ArtifactStore(made).root.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(StoreError, match="the store belongs to user"):
        ArtifactStore(tmp_path)


def test_a_file_in_the_way_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match=r"store: the store cannot be made"):
        ArtifactStore(tmp_path / "store")


@pytest.mark.parametrize("name", ["middle", "large"])
class TestDamage:
    """Every kind of loss is an error of its own words, never another value."""

    def _put(self, store: ArtifactStore, name: str) -> tuple[Artifact, pathlib.Path]:
        artifact = store.put(SIZES[name])
        return artifact, store.path_of(artifact)

    def test_missing(self, store: ArtifactStore, name: str) -> None:
        artifact, path = self._put(store, name)
        path.unlink()
        with pytest.raises(StoreError, match="the artifact is missing") as caught:
            store.get(artifact)
        assert str(path) in str(caught.value)
        assert caught.value.hint

    def test_cut_short_and_mended_by_the_next_put(self, store: ArtifactStore, name: str) -> None:
        artifact, path = self._put(store, name)
        os.truncate(path, artifact.size - 1)
        with pytest.raises(StoreError, match=rf"has {artifact.size - 1} bytes, expected {artifact.size}"):
            store.get(artifact)
        assert store.put(SIZES[name]) == artifact
        assert compare(SIZES[name], store.get(artifact)) == ()

    def test_empty(self, store: ArtifactStore, name: str) -> None:
        artifact, path = self._put(store, name)
        os.truncate(path, 0)
        with pytest.raises(StoreError, match=rf"has 0 bytes, expected {artifact.size}"):
            store.get(artifact)

    @pytest.mark.parametrize("place", [0, 9, 60, 100])
    def test_a_damaged_head(self, store: ArtifactStore, name: str, place: int) -> None:
        artifact, path = self._put(store, name)
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(StoreError, match=r"damaged|not a stored value"):
            store.get(artifact)

    def test_damaged_contents_are_found_when_asked(self, store: ArtifactStore, name: str) -> None:
        artifact, path = self._put(store, name)
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
        with pytest.raises(StoreError, match="the artifact is damaged: its bytes do not have its digest"):
            store.get(artifact, verify=True)


def test_a_damaged_inline_value_is_found(store: ArtifactStore) -> None:
    artifact = store.put({"x": 1})
    assert artifact.inline is not None
    damaged = Artifact(artifact.digest, artifact.size, artifact.inline[:-1] + b"x")
    with pytest.raises(StoreError, match="damaged"):
        store.get(damaged)


@pytest.mark.parametrize(
    "data", [None, {}, {"digest": "a"}, {"digest": "a", "size": "x"}, {"digest": "a", "size": 1, "inline": "?"}]
)
def test_a_record_that_names_no_artifact_is_refused(data: Any) -> None:
    with pytest.raises(StoreError, match="a record names an artifact as"):
        Artifact.from_json(data)


def test_a_full_disk_is_told_and_leaves_nothing(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(
        StoreError, match=r"^outputs: \d+ bytes cannot be stored in .* \(No space left on device\)\n    fix: "
    ):
        store.put(SIZES["middle"], "outputs")
    assert _files(store) == []


def test_what_cannot_be_stored_is_named(store: ArtifactStore) -> None:
    with pytest.raises(StoreError, match=r"^outputs\['model'\]\['h'\]: a _thread.lock cannot be stored"):
        store.put({"model": {"h": threading.Lock()}}, "outputs")


def _put_and_get(root: str, barrier: Any, found: Any) -> None:
    store = ArtifactStore(pathlib.Path(root))
    barrier.wait(60)
    for round_ in range(5):
        value = {"a": LARGE + round_, "b": DISTINCT[0], "c": list(range(2000))}
        artifact = store.put(value)
        loaded = store.get(artifact, verify=True)
        loaded["a"][:100] = -1
        found.put((round_, artifact.digest, compare(value, store.get(artifact)) == ()))


def test_many_processes_may_put_one_value(tmp_path: pathlib.Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, found = context.Barrier(4), context.SimpleQueue()
    workers = [context.Process(target=_put_and_get, args=(str(tmp_path / "store"), barrier, found)) for _ in range(4)]
    for worker in workers:
        worker.start()
    results = [found.get() for _ in range(20)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert all(equal for _, _, equal in results)
    assert len({digest for _, digest, _ in results}) == 5
    assert _files(ArtifactStore(tmp_path / "store")) == sorted({digest for _, digest, _ in results})
