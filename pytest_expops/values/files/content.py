"""A file's content as a value, which fingerprints and comparisons judge as they do what a process returns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pytest_expops.values.files import (
    _archives,
    _arrays,
    _documents,
    _images,
    _parquet,
    _pickles,
    _sqlite,
    _tables,
)
from pytest_expops.values.files._source import LIMIT, FileSource, Room, chunks, digest_of_bytes

_READERS: dict[str, Callable[[FileSource], object]] = {
    ".json": _documents.json_document,
    **dict.fromkeys((".jsonl", ".ndjson"), _documents.json_lines),
    ".csv": _tables.comma_separated,
    ".tsv": _tables.tab_separated,
    ".parquet": _parquet.parquet,
    ".npy": _arrays.npy,
    ".npz": _arrays.npz,
    ".safetensors": _arrays.safetensors,
    **dict.fromkeys((".pickle", ".pkl", ".joblib"), _pickles.pickled),
    **dict.fromkeys((".pt", ".pth"), _pickles.torch_saved),
    ".png": _images.png,
    **dict.fromkeys((".sqlite", ".sqlite3", ".db"), _sqlite.sqlite),
    ".zip": _archives.zip_members,
    ".tar": _archives.tar_members,
    **dict.fromkeys((".gz", ".tgz"), _archives.gzip_content),
    **dict.fromkeys((".bz2", ".tbz2"), _archives.bz2_content),
    **dict.fromkeys((".xz", ".txz"), _archives.xz_content),
}
"""How to read a file, by its suffix; whatever a reader raises, the file is judged by its lines or bytes then."""


def content_of(path: Path, *, trusted: bool = False) -> object:
    """Return the content of a file: equal for two files if they hold the same, however they are written.

    A file that its suffix does not tell how to read, or that cannot be read so, is the tuple of its lines if it is text
    in UTF-8, and its bytes if not. One of more than `LIMIT` bytes is their number and a digest of them.

    Args:
        path: the file; neither its name nor its dates are in the value.
        trusted: whether pickles may be loaded, which runs what they say: say so only of what this very run wrote.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as stream:
        data = stream.read(LIMIT + 1)
        if len(data) > LIMIT:
            return digest_of_bytes([data, *chunks(stream)])
    return _read(FileSource(path.name, data, trusted, _read, Room(), path))


def _read(source: FileSource) -> object:
    reader = _READERS.get(PurePosixPath(source.name).suffix.lower())
    if reader is not None:
        try:
            return reader(source)
        except Exception:  # a library's own, or of broken data: what can still be said is what the bytes are
            pass
    try:
        return tuple(source.data.decode("utf-8").split("\n"))
    except UnicodeDecodeError:
        return source.data
