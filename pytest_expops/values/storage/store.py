"""A folder of values, each stored once under the digest of its bytes, and read as a private copy-on-write view."""

from __future__ import annotations

import base64
import itertools
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import xxhash

from pytest_expops.errors import GONE, SessionFolderError, StorageTrouble, StoreError
from pytest_expops.values.storage._private_map import map_private
from pytest_expops.values.storage.codec import Encoded, decode, encode

INLINE = 4096
"""Encodings of at most so many bytes travel within the `Artifact`: a file costs some 20 times as long as this text."""
VERIFIED = 1 << 20
"""Files of at most so many bytes are read whole and checked whenever they are loaded."""

_serial = itertools.count()
_Data = TypeVar("_Data", bytearray, memoryview)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored value: `digest` (XXH3-128 of its encoding, 32 hex digits), `size` in bytes, and, if small, the bytes."""

    digest: str
    size: int
    inline: bytes | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a record."""
        data: dict[str, Any] = {"digest": self.digest, "size": self.size}
        if self.inline is not None:
            data["inline"] = base64.b64encode(self.inline).decode("ascii")
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Artifact:
        """Return what `to_json` was called on.

        Raises:
            StoreError: `data` is something else.
        """
        try:
            inline = data.get("inline")
            size, digest = int(data["size"]), str(data["digest"])
            return cls(digest, size, None if inline is None else base64.b64decode(inline, validate=True))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"a record names an artifact as {data!r}, expected digest, size and inline") from error


class ArtifactStore:
    """Values on disk, shared by all processes of one user; nothing in it is ever changed, so that none can be torn.

    Values are pickles: a store is read only where this user alone could write it.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder `root`, or take it over.

        Raises:
            StoreError: it cannot be made, or belongs to another user.
        """
        self.root = root
        self.bring: Callable[[Artifact], object] = lambda _: None
        """Puts the file of an artifact that is not here to its place, if it is known elsewhere."""
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = root.stat()
            if hasattr(os, "getuid") and found.st_uid != os.getuid():
                hint = "choose a folder of your own: what is stored is executed when it is read"
                raise StoreError(f"{root}: the store belongs to user {found.st_uid}, expected {os.getuid()}", hint=hint)
            if stat.S_IMODE(found.st_mode) & 0o077:
                root.chmod(0o700)
        except OSError as error:
            raise StoreError(f"{root}: the store cannot be made ({error.strerror or error})") from error

    def put(self, value: object, path: str = "value") -> Artifact:
        """Store a value, once however often and by however many processes it is put.

        Args:
            value: any value; it is only read.
            path: where the value stands, such as ``outputs['model']``, for the error.

        Raises:
            StoreError: the value cannot be stored.
            StorageTrouble: the disk refuses.
        """
        encoded = encode(value, path)
        if encoded.size <= INLINE:
            data = encoded.to_bytes()
            return Artifact(xxhash.xxh3_128_hexdigest(data), len(data), data)
        artifact = Artifact(encoded.digest(), encoded.size)
        try:
            self._write(encoded, artifact)
        except FileNotFoundError as error:
            raise SessionFolderError(self.root, GONE) from error
        except OSError as error:
            reason = error.strerror or error
            message = f"{path}: {encoded.size} bytes cannot be stored in {self.root} ({reason})"
            raise StorageTrouble(message, hint=_DISK) from error
        return artifact

    def get(self, artifact: Artifact, *, verify: bool = False) -> Any:
        """Read a value, independent of every other reading of it: changing it in place touches neither file nor reader.

        Large arrays are views of private, copy-on-write memory maps; a page is read when it is touched. The pickle
        and the size are always checked.

        Args:
            artifact: what `put` returned.
            verify: whether to check the contents of large arrays too, which reads them.

        Raises:
            StorageTrouble: the artifact is missing, cut short or damaged.
            StoreError: the value cannot be rebuilt; its class cannot be imported here, say.
        """
        data = self.data(artifact, verify=verify)
        try:
            return decode(data)
        except StoreError as error:
            where = self.path_of(artifact) if artifact.inline is None else f"artifact {artifact.digest}"
            raise type(error)(f"{where}: {error.message}", hint=error.hint or _LOST) from error

    def data(self, artifact: Artifact, *, verify: bool = False) -> bytearray | memoryview:
        """Read the encoding of a value into memory that is the caller's own.

        Args:
            artifact: what `put` returned.
            verify: as for `get`.

        Raises:
            StorageTrouble: the artifact is missing, cut short or damaged.
        """
        if artifact.inline is not None:
            return _verified(bytearray(artifact.inline), artifact, f"artifact {artifact.digest}")
        path = str(self.path_of(artifact))
        if not os.path.exists(path):
            self.bring(artifact)
        try:
            # Unbuffered, and the path as text: for a small file half of the time would go there.
            with open(path, "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size != artifact.size:
                    raise StorageTrouble(f"{path}: the artifact has {size} bytes, expected {artifact.size}", hint=_LOST)
                if size <= VERIFIED:
                    return _verified(_read_all(file, size), artifact, path)
                data = map_private(file.fileno(), size)
        except FileNotFoundError as error:
            raise StorageTrouble(f"{path}: the artifact is missing", hint=_LOST) from error
        except (OSError, ValueError) as error:
            raise StorageTrouble(f"{path}: the artifact cannot be read ({error})", hint=_LOST) from error
        return _verified(data, artifact, path) if verify else data

    def path_of(self, artifact: Artifact) -> Path:
        """Return where the artifact's file is, or would be if it were not inline."""
        return self.root / artifact.digest

    def _write(self, encoded: Encoded, artifact: Artifact) -> None:
        path = self.path_of(artifact)
        try:
            if path.stat().st_size == artifact.size:
                return
        except FileNotFoundError:
            pass
        temporary = self.root / f".{artifact.digest}.{os.getpid()}.{next(_serial)}"
        try:
            with temporary.open("xb", buffering=0) as file:
                for piece in encoded.pieces:
                    _write_all(file.fileno(), memoryview(piece))
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


_LOST = (
    "fix: run pytest again, and let nothing else remove or change files in the folder of a session while it runs; if "
    "this comes again, look after the disk"
)
_DISK = "fix: see that the disk has room and can be written; `--expops-artifacts=FOLDER` stores in another place"


def _verified(data: _Data, artifact: Artifact, where: str) -> _Data:
    if xxhash.xxh3_128_hexdigest(data) != artifact.digest:
        raise StorageTrouble(f"{where}: the artifact is damaged: its bytes do not have its digest", hint=_LOST)
    return data


def _read_all(file: FileIO, size: int) -> bytearray:
    """Read the first `size` bytes; any that the file has lost meanwhile are zero, which the digest shows."""
    data = bytearray(size)
    rest = memoryview(data)
    while rest.nbytes and (taken := file.readinto(rest)):
        rest = rest[taken:]
    return data


def _write_all(descriptor: int, rest: memoryview) -> None:
    """Write all of it: the kernel takes at most 2 GiB at a time."""
    while rest.nbytes:
        rest = rest[os.write(descriptor, rest) :]
