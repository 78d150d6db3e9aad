"""Archives by their members, each by its own content: neither dates, owners and rights, nor the order of members.

Nothing is written to disk, and no link is followed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import IO, Any

from pytest_expops.values.files._source import DEPTH, FileSource, chunks, digest_of_bytes

Name = str | tuple[str, int]
"""Of a member; where several have one name, the second and later ones with their number."""


def zip_members(source: FileSource) -> dict[Name, object]:
    """Return the members of a zip archive."""
    _check_depth(source)
    with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
        members = archive.infolist()
        held = source.room.take(sum(member.file_size for member in members))

        def content(member: zipfile.ZipInfo) -> object:
            if member.is_dir():
                return _DIRECTORY
            with archive.open(member) as stream:
                if stat.S_ISLNK(member.external_attr >> 16):
                    return {"type": "link", "target": stream.read().decode("utf-8", "surrogateescape")}
                return _member(source, member.filename, stream, held)

        return _by_name((member.filename, content(member)) for member in members)


def tar_members(source: FileSource) -> dict[Name, object]:
    """Return the members of a tar archive."""
    _check_depth(source)
    with tarfile.open(fileobj=io.BytesIO(source.data), mode="r:") as archive:
        members = archive.getmembers()
        if source.data[archive.offset :].strip(b"\0"):
            raise ValueError("a header within the archive is broken")
        held = source.room.take(sum(member.size for member in members))

        def content(member: tarfile.TarInfo) -> object:
            if member.isdir():
                return _DIRECTORY
            if member.issym() or member.islnk():
                return {"type": "link" if member.issym() else "hard link", "target": member.linkname}
            stream = archive.extractfile(member)
            if stream is None:
                return {"type": "device", "kind": member.type, "number": (member.devmajor, member.devminor)}
            return _member(source, member.name, stream, held)

        return _by_name((member.name, content(member)) for member in members)


def gzip_content(source: FileSource) -> object:
    """Return the content of what was compressed by gzip."""
    return _decompressed(source, gzip.open)


def bz2_content(source: FileSource) -> object:
    """Return the content of what was compressed by bzip2."""
    return _decompressed(source, bz2.open)


def xz_content(source: FileSource) -> object:
    """Return the content of what was compressed by xz."""
    return _decompressed(source, lzma.open)


def _decompressed(source: FileSource, unpack: Callable[..., Any]) -> object:
    _check_depth(source)
    name = PurePosixPath(source.name)
    inner = name.stem + ".tar" if name.suffix.lower().startswith(".t") else name.stem
    with unpack(io.BytesIO(source.data)) as stream:
        data = stream.read(source.room.left + 1)
        if not source.room.take(len(data)):
            return digest_of_bytes([data, *chunks(stream)])
    return source.member(inner, data)


_DIRECTORY = {"type": "directory"}


def _check_depth(source: FileSource) -> None:
    if source.depth >= DEPTH:
        raise ValueError("archives are nested too deep")


def _member(source: FileSource, name: str, stream: IO[bytes], held: bool) -> object:
    return source.member(name, stream.read()) if held else digest_of_bytes(chunks(stream))


def _by_name(members: Iterable[tuple[str, object]]) -> dict[Name, object]:
    found: dict[Name, object] = {}
    times: dict[str, int] = {}
    for name, content in members:
        times[name] = times.get(name, 0) + 1
        found[name if times[name] == 1 else (name, times[name])] = content
    return found
