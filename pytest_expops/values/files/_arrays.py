"""Arrays as NumPy and safetensors store them: names, dtypes, shapes and elements."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from pytest_expops.values.files._archives import zip_members
from pytest_expops.values.files._documents import parsed
from pytest_expops.values.files._pickles import all_objects, judged
from pytest_expops.values.files._source import FileSource


def npy(source: FileSource) -> object:
    """Return the array in a file, or all where several were saved one after the other; objects only if trusted."""
    stream = io.BytesIO(source.data)
    found = all_objects(source, stream, lambda: np.lib.format.read_array(stream, allow_pickle=source.trusted))
    return judged(found) if source.trusted else found


def npz(source: FileSource) -> object:
    """Return the arrays in an archive by name, less the ``.npy`` that NumPy adds to each."""
    members = zip_members(source)
    named = {name.removesuffix(".npy") if isinstance(name, str) else name: each for name, each in members.items()}
    return named if len(named) == len(members) else members


_DTYPES = {
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    "BOOL": "?",
    "C64": "<c8",
}
"""The types of safetensors that NumPy has."""


def safetensors(source: FileSource) -> object:
    """Return tensors by name, and ``__metadata__`` where there is any.

    The format: the length of a header in 8 bytes, that header as JSON, and the elements of all tensors.
    """
    length = int.from_bytes(source.data[:8], "little")
    header = parsed(source.data[8 : 8 + length])
    data = memoryview(source.data)[8 + length :]
    metadata = header.pop("__metadata__", None)
    spans = [(entry["data_offsets"][0], entry["data_offsets"][1]) for entry in header.values()]
    if [0, *sorted(end for _, end in spans)] != [*sorted(begin for begin, _ in spans), len(data)]:
        raise ValueError("the tensors leave a gap, or overlap")
    found: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    for (name, entry), (begin, end) in zip(header.items(), spans, strict=True):
        found[name] = _tensor(entry["dtype"], entry["shape"], data[begin:end])
    return found


def _tensor(dtype: str, shape: list[int], data: memoryview) -> Any:
    if dtype in _DTYPES:
        return np.frombuffer(data, dtype=_DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":  # the upper half of a float32, so that it can be shown, and told how far it is off
        bits = np.frombuffer(data, dtype="<u2").reshape(shape).astype(np.uint32) << 16
        return {"dtype": dtype, "as float32": bits.view(np.float32)}
    return {"dtype": dtype, "shape": tuple(shape), "bytes": np.frombuffer(data, dtype=np.uint8)}
