"""What Python, joblib and PyTorch pickle, read only if the file is trusted: reading it runs what it says."""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Callable
from typing import IO, Any

from pytest_expops.values.files._source import FileSource
from pytest_expops.values.fingerprint import fingerprint

_COMPRESSED = (b"x", b"\x1f\x8b", b"BZ", b"]\x00", b"\xfd7zXZ", b'\x04"M\x18')
"""How zlib, gzip, bz2, lzma, xz and lz4 begin, and no pickle does; joblib alone compresses so."""


class NotTrusted(Exception):
    """A file may only be read if the run that is judged has written it."""


def pickled(source: FileSource) -> object:
    """Return the objects in a file that `pickle` or `joblib.dump` wrote."""
    if not source.trusted:
        raise NotTrusted
    stream = io.BufferedReader(io.BytesIO(source.data))  # joblib goes back to the beginning of what has no `peek`
    if source.data.startswith(_COMPRESSED):
        return judged(importlib.import_module("joblib").load(stream))
    if b"joblib.numpy_pickle" in source.data:  # arrays lie between the parts of the pickle
        load = importlib.import_module("joblib").load
        return judged(all_objects(source, stream, lambda: load(stream)))
    return judged(all_objects(source, stream, lambda: pickle.load(stream)))


def torch_saved(source: FileSource) -> object:
    """Return what `torch.save` wrote; tensors in plain containers are read even if the file is not trusted."""
    torch = importlib.import_module("torch")
    try:
        return judged(torch.load(io.BytesIO(source.data), map_location="cpu", weights_only=True))
    except Exception:
        if not source.trusted:
            raise
    return judged(torch.load(io.BytesIO(source.data), map_location="cpu", weights_only=False))


def all_objects(source: FileSource, stream: IO[bytes], load: Callable[[], Any]) -> object:
    """Return what `load` reads from the stream of a source; a tuple where one call does not bring it to its end."""
    found = [load()]
    while stream.tell() < len(source.data):
        found.append(load())
    return found[0] if len(found) == 1 else tuple(found)


def judged(value: Any) -> Any:
    """Return a value that can be judged.

    Raises:
        FingerprintError: it cannot; the bytes of its file can.
    """
    fingerprint(value)
    return value
