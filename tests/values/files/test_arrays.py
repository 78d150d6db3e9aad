"""Arrays in files are judged by name, dtype, shape and elements (S7.2)."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.values.files.judging import Judge

ARRAY = np.arange(6.0).reshape(2, 3)


def _npy(*arrays: Any) -> bytes:
    stream = io.BytesIO()
    for each in arrays:
        np.save(stream, each)
    return stream.getvalue()


def _npz(save: Any = np.savez, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _changed(array: Any, value: float) -> Any:
    other = array.copy()
    other[1, 2] = value
    return other


def test_the_order_in_memory_does_not_count(judge: Judge) -> None:
    assert judge.same("a.npy", _npy(ARRAY), _npy(np.asfortranarray(ARRAY)))
    assert judge.same("a.npy", _npy(ARRAY), _npy(ARRAY.astype(">f8")))


def test_an_element_is_named(judge: Judge) -> None:
    assert judge.paths("a.npy", _npy(ARRAY), _npy(_changed(ARRAY, 5.1))) == ["files['a.npy'][1, 2]"]
    assert judge.paths("a.npy", _npy(ARRAY), _npy(_changed(ARRAY, 5.1)), rtol=0.1) == []
    assert judge.paths("a.npy", _npy(ARRAY), _npy(ARRAY.astype(np.float32))) == ["files['a.npy']"]


def test_arrays_saved_one_after_the_other_all_count(judge: Judge) -> None:
    assert judge.paths("a.npy", _npy(ARRAY, ARRAY), _npy(ARRAY, ARRAY)) == []
    assert judge.paths("a.npy", _npy(ARRAY, ARRAY), _npy(ARRAY, _changed(ARRAY, 7.0))) == ["files['a.npy'][1][1, 2]"]
    assert judge.paths("a.npy", _npy(ARRAY, ARRAY), _npy(ARRAY)) == ["files['a.npy']"]


def test_an_array_that_breaks_off_is_judged_by_its_bytes(judge: Judge) -> None:
    whole = _npy(ARRAY)
    assert judge.paths("a.npy", whole, whole[:-8])
    assert judge.paths("a.npy", whole, whole + b"\x00")


def test_compression_and_the_order_of_arrays_do_not_count(judge: Judge) -> None:
    one = _npz(x=ARRAY, y=ARRAY)
    assert judge.same("a.npz", one, _npz(np.savez_compressed, y=ARRAY, x=ARRAY))
    assert judge.paths("a.npz", one, _npz(x=ARRAY, y=_changed(ARRAY, 7.0))) == ["files['a.npz']['y'][1, 2]"]
    assert judge.paths("a.npz", one, _npz(x=ARRAY)) == ["files['a.npz']['y']"]


def test_two_members_that_differ_only_in_the_suffix_both_count(judge: Judge) -> None:
    def packed(first: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", first)
            archive.writestr("a.npy", _npy(ARRAY))
        return stream.getvalue()

    assert judge.paths("a.npz", packed(b"1"), packed(b"2")) == ["files['a.npz']['a'][0]"]


def _safetensors(metadata: dict[str, str] | None = None, indent: int | None = None, **tensors: Any) -> bytes:
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, indent=indent).encode()
    return len(text).to_bytes(8, "little") + text + data


W = ("F32", [2, 3], ARRAY.astype("<f4").tobytes())
B = ("I64", [2], np.array([1, 2], dtype="<i8").tobytes())


def test_the_layout_of_safetensors_does_not_count(judge: Judge) -> None:
    assert judge.same("m.safetensors", _safetensors(w=W, b=B), _safetensors(b=B, w=W))
    assert judge.same("m.safetensors", _safetensors(w=W, b=B), _safetensors(w=W, b=B, indent=1))


def test_a_tensor_is_an_array(judge: Judge) -> None:
    found = judge.contents("m.safetensors", _safetensors(w=W), _safetensors(e=("F32", [0, 3], b"")))
    assert isinstance(found[0], dict)
    np.testing.assert_array_equal(found[0]["w"], ARRAY.astype(np.float32))
    assert isinstance(found[1], dict)
    assert found[1]["e"].shape == (0, 3)


def test_a_difference_in_safetensors_names_tensor_and_element(judge: Judge) -> None:
    one = _safetensors({"step": "1"}, w=W, b=B)
    changed = ("F32", [2, 3], _changed(ARRAY, 5.1).astype("<f4").tobytes())
    flat = ("F32", [6], W[2])
    path = "files['m.safetensors']"
    assert judge.paths("m.safetensors", one, _safetensors({"step": "1"}, w=changed, b=B)) == [f"{path}['w'][1, 2]"]
    assert judge.paths("m.safetensors", one, _safetensors({"step": "1"}, w=flat, b=B)) == [f"{path}['w']"]
    assert judge.paths("m.safetensors", one, _safetensors({"step": "2"}, w=W, b=B)) == [
        f"{path}['__metadata__']['step']"
    ]
    assert judge.paths("m.safetensors", one, _safetensors(w=W, b=B)) == [f"{path}['__metadata__']"]


def test_bfloat16_is_compared_as_numbers(judge: Judge) -> None:
    def stored(value: float) -> bytes:
        bits = (np.array([1.0, value], dtype=np.float32).view(np.uint32) >> 16).astype("<u2")
        return _safetensors(w=("BF16", [2], bits.tobytes()))

    assert judge.paths("m.safetensors", stored(2.0), stored(2.5)) == ["files['m.safetensors']['w']['as float32'][1]"]
    assert judge.paths("m.safetensors", stored(2.0), stored(2.5), rtol=0.5) == []


def test_a_type_that_numpy_does_not_have_is_compared_by_its_bytes(judge: Judge) -> None:
    one, other = (_safetensors(w=("F8_E4M3", [2], each)) for each in (b"\x01\x02", b"\x01\x03"))
    assert judge.paths("m.safetensors", one, other) == ["files['m.safetensors']['w']['bytes'][1]"]
    assert judge.paths("m.safetensors", one, _safetensors(w=("F8_E5M2", [2], b"\x01\x02")))


@pytest.mark.parametrize("broken", [_safetensors(w=W)[:-4], _safetensors(w=W) + b"\xff", _safetensors(w=(*W[:2], b""))])
def test_broken_safetensors_are_judged_by_their_bytes(judge: Judge, broken: bytes) -> None:
    found = judge.contents("m.safetensors", broken, _safetensors(w=W))
    assert not isinstance(found[0], dict)
    assert isinstance(found[1], dict)


def test_safetensors_that_overlap_are_judged_by_their_bytes(judge: Judge) -> None:
    header = {name: {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]} for name in ("a", "b")}
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(7) + b"\xff"
    assert judge.contents("m.safetensors", data, data) == (data, data)
