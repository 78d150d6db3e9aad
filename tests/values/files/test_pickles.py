"""Pickles are loaded only if the run that is judged wrote them, and are judged by what they hold then (S7.2)."""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def _dumped(value: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, **options)
    return stream.getvalue()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def _objects(marker: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Planted(marker)], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _zipped(data: bytes) -> bytes:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model.pkl", data)
    return stream.getvalue()


WRITERS: list[tuple[str, Any]] = [
    ("m.pkl", lambda marker: pickle.dumps(Planted(marker))),
    ("m.pickle", lambda marker: pickle.dumps(Planted(marker), protocol=0)),
    ("m.joblib", lambda marker: _dumped(Planted(marker))),
    ("m.joblib", lambda marker: _dumped(Planted(marker), compress=3)),
    ("m.pt", lambda marker: pickle.dumps(Planted(marker))),
    ("m.npy", _objects),
    ("m.zip", lambda marker: _zipped(pickle.dumps(Planted(marker)))),
]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_a_pickle_that_is_not_trusted_is_never_run(tmp_path: Path, marker: Path, name: str, write: Any) -> None:
    (tmp_path / name).write_bytes(write(marker))
    content_of(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize(("name", "write"), [each for each in WRITERS if each[0] != "m.pt"])
def test_the_same_pickle_is_run_if_it_is_trusted(tmp_path: Path, marker: Path, name: str, write: Any) -> None:
    (tmp_path / name).write_bytes(write(marker))
    content_of(tmp_path / name, trusted=True)
    assert marker.exists()


def test_a_pickle_that_is_not_trusted_is_judged_by_its_bytes(judge: Judge) -> None:
    one, other = pickle.dumps({"a": [1.5]}, protocol=4), pickle.dumps({"a": [1.5]}, protocol=5)
    assert judge.contents("m.pkl", one, other) == (one, other)
    assert judge.paths("m.pkl", one, other) == ["files['m.pkl']"]


@pytest.mark.parametrize("name", ["m.pkl", "m.pickle", "m.joblib"])
def test_how_a_value_was_pickled_does_not_count(judge: Judge, name: str) -> None:
    one = pickle.dumps({"a": [1.5], "b": 2}, protocol=4)
    assert judge.same(name, one, pickle.dumps({"b": 2, "a": [1.5]}, protocol=2), trusted=True)
    assert judge.same(name, one, _dumped({"a": [1.5], "b": 2}, compress=3), trusted=True)


@pytest.mark.parametrize("name", ["m.pkl", "m.joblib"])
@pytest.mark.parametrize("options", [{}, {"compress": 3}, {"compress": ("gzip", 3)}, {"compress": ("xz", 3)}])
def test_a_difference_names_the_attribute_of_a_model(judge: Judge, name: str, options: Any) -> None:
    x = np.arange(12.0).reshape(6, 2) ** 2
    one, other, same = (LinearRegression().fit(x, y) for y in (x[:, 0], x[:, 0] + x[:, 1], x[:, 0]))
    assert judge.paths(name, _dumped(one), _dumped(same, **options), trusted=True) == []
    found = judge.paths(name, _dumped(one), _dumped(other, **options), trusted=True)
    assert f"files[{name!r}].coef_[0]" in found


def test_every_object_of_a_file_counts(judge: Judge) -> None:
    one, other = pickle.dumps([1]) + pickle.dumps([2]), pickle.dumps([1]) + pickle.dumps([3])
    assert judge.paths("m.pkl", one, other, trusted=True) == ["files['m.pkl'][1][0]"]
    assert judge.paths("m.pkl", one, pickle.dumps([1]), trusted=True)
    one, other = (_dumped(np.arange(3)) + _dumped(np.full(3, each)) for each in (1, 2))
    assert judge.paths("m.joblib", one, other, trusted=True) == ["files['m.joblib'][1][0]"]


def test_a_pickle_of_what_cannot_be_imported_is_judged_by_its_bytes(judge: Judge) -> None:
    data = pickle.dumps(collections.OrderedDict(), protocol=0).replace(b"OrderedDict", b"OrderedDint") + b"\xff"
    assert judge.contents("m.pkl", data, data, trusted=True) == (data, data)


def test_a_pickle_of_what_cannot_be_judged_is_judged_by_its_bytes(judge: Judge) -> None:
    data = pickle.dumps(iter([1, 2]), protocol=4)
    assert judge.contents("m.pkl", data, data, trusted=True) == (data, data)
    assert judge.paths("m.pkl", data, pickle.dumps(iter([1, 3]), protocol=4), trusted=True) == ["files['m.pkl']"]


def test_objects_in_an_array_are_read_if_it_is_trusted(judge: Judge) -> None:
    def saved(value: str) -> bytes:
        stream = io.BytesIO()
        np.save(stream, np.array(["a", value], dtype=object), allow_pickle=True)
        return stream.getvalue()

    assert judge.paths("a.npy", saved("b"), saved("c"), trusted=True) == ["files['a.npy'][1]"]
    assert judge.paths("a.npy", saved("b"), saved("c")) == ["files['a.npy']"]
