"""A shared store in a folder, perhaps of NFS: plain calls of the system, and no locks.

A file is made beside its place and moved there, or linked where there may be none: both are atomic on NFS, too.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pytest_expops.execution.engines._place import PlaceTrouble
from pytest_expops.execution.engines._trouble_words import trouble
from pytest_expops.execution.whole_files import beside

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
_BLOCK = 1 << 20
_TRIES = 5
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class LocalPlace:
    """A `StorePlace` that is a folder; it is made, private to the user, where it is not there."""

    def __init__(self, folder: str) -> None:
        """Raises `PlaceTrouble`: it cannot be made or written, or has no hard links, by which a claim is made."""
        self.url = folder
        self._root = folder
        with self._trouble():
            _make_private(folder)
            temporary = self._made(f"{folder}/probe", b"")
            try:
                os.link(temporary, f"{temporary}.link")
                os.unlink(f"{temporary}.link")
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise _without_links(error) from None
                raise
            finally:
                os.unlink(temporary)

    def read(self, path: str) -> bytes | None:
        """See `StorePlace.read`."""
        place = f"{self._root}/{path}"
        with self._trouble():
            try:
                return _content(place)
            except FileNotFoundError:
                # NFS keeps for a while that there was none; what opens the folder has that asked anew.
                try:
                    os.close(os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY))
                    return _content(place)
                except FileNotFoundError:
                    return None

    def write(self, path: str, data: bytes) -> None:
        """See `StorePlace.write`."""
        place = f"{self._root}/{path}"
        with self._trouble():
            temporary = self._made(place, data)
            try:
                os.replace(temporary, place)
            except BaseException:
                os.unlink(temporary)
                raise

    def create(self, path: str, data: bytes) -> bytes | None:
        """See `StorePlace.create`."""
        place = f"{self._root}/{path}"
        with self._trouble():
            temporary = self._made(place, data)
            try:
                os.link(temporary, place)
            except FileExistsError:
                # NFS says so, too, where it has made the link and its answer was lost.
                found = _content(place)
                return None if found == data else found
            finally:
                os.unlink(temporary)
        return None

    def put(self, path: str, source: Path) -> None:
        """See `StorePlace.put`."""
        place = Path(self._root, path)
        size = source.stat().st_size
        with self._trouble():
            with suppress(FileNotFoundError):
                if place.stat().st_size == size:
                    return
            _make_private(str(place.parent))
            # No link: who can write here is not to change the file of a worker.
            with beside(place) as temporary:
                shutil.copyfile(source, temporary)
                os.replace(temporary, place)

    def blocks(self, path: str) -> Iterator[bytes] | None:
        """See `StorePlace.blocks`."""
        with self._trouble():
            try:
                return self._blocks_of(os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                return None

    def _blocks_of(self, descriptor: int) -> Iterator[bytes]:
        with open(descriptor, "rb", buffering=0) as file:
            while True:
                with self._trouble():
                    block = file.read(_BLOCK)
                if not block:
                    return
                yield block

    def remove(self, folder: str) -> None:
        """See `StorePlace.remove`."""
        place = f"{self._root}/{folder}"
        with self._trouble():
            for left in reversed(range(_TRIES)):
                try:
                    shutil.rmtree(place)
                except FileNotFoundError:  # of the folder, or of what another has just removed from it
                    if not os.path.lexists(place):
                        return
                except OSError as error:  # who still writes there makes it one that is not empty
                    if error.errno != errno.ENOTEMPTY or not left:
                        raise

    def _made(self, place: str, data: bytes) -> str:
        """Return the path of a new file beside a place, in a folder that is made if it is not there."""
        folder, _, name = place.rpartition("/")
        temporary = f"{folder}/.{name[:100]}.{secrets.token_hex(8)}.part"
        try:
            descriptor = os.open(temporary, _NEW, 0o600)
        except FileNotFoundError:
            _make_private(folder)
            descriptor = os.open(temporary, _NEW, 0o600)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise trouble(error, self.url, _worded) from None


def _without_links(error: OSError) -> PlaceTrouble:
    hint = "fix: name a folder on a file system with hard links (NFS has them), or a bucket"
    return PlaceTrouble(f"its file system makes no hard links, by which claims are made ({_worded(error)})", hint)


def _make_private(folder: str) -> None:
    if not os.path.isdir(folder):
        _make_private(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _worded(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
