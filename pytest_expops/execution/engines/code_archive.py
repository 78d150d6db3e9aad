"""The code of a project as one file, named by what is in it: packed once, and unpacked by each worker.

An archive is a `.tar.gz` without anything of the machine or the time at which it was made. Two that are compressed by
different libraries (zlib, zlib-ng) differ in their bytes; the same content is then sent twice, and works all the same.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pytest_expops.errors import CodeArchiveError
from pytest_expops.execution.engines._sent_files import (
    LARGE,
    MOST_BYTES,
    MOST_ENTRIES,
    NO_FILE,
    UNREADABLE,
    SentFiles,
    files_to_send,
    printable,
)
from pytest_expops.execution.scratch import PREFIX, new_folder, remove, remove_abandoned
from pytest_expops.execution.user_code.installed import is_under
from pytest_expops.pipeline.model import Pipeline

TIME = 315_532_800
"""When all that is unpacked was written, as its files say: 1980, before which no zip file can tell of."""

_LEVEL = 1
"""Of compression: code is small, and data is read once."""
_ATTEMPTS = 3
"""So often a file is read that is written meanwhile; then it is taken as it was found last."""
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_UNPACKING = "unpacking"
_PADDING = 2 * tarfile.RECORDSIZE
"""At most so many bytes follow the last file."""


@dataclass(frozen=True, slots=True)
class CodeArchive:
    """What was packed.

    Args:
        digest: the SHA-256 of the archive, in hex digits.
        size: how many bytes the archive has.
        files: how many files are in it.
        left_out: by name, in the order of names, why something of the project is not in it, as the end of a sentence.
            What can be made again (caches, environments) and version control are not told of.
        base: the real path of the folder that the archive stands for; names in it are relative to that.
    """

    digest: str
    size: int
    files: int
    left_out: Mapping[str, str]
    base: str


def make_archive(pipeline: Pipeline, target: Path, without: Iterable[Path] = ()) -> CodeArchive:
    """Pack the project of a pipeline: what is under its root and, where that is elsewhere, its working directory.

    The project does not need to rest. A file that is removed meanwhile is left out, and one that is changed is taken as
    it is found; one of more than 64 MiB, which may be half written, is refused.

    Args:
        pipeline: what is to be run on workers.
        target: the file to write; it appears whole or not at all.
        without: files and folders that are not the project's, such as the session's own folder.

    Raises:
        CodeArchiveError: a part of the project cannot be sent, there is too much of it, or a disk refuses.
    """
    found = files_to_send(pipeline, [*without, target])
    with _disk_errors(f"the project {found.base} cannot be packed for workers"):
        descriptor, unfinished = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(descriptor, "wb") as file:
                written = _Digested(file)
                files = _pack(found, written)
            os.replace(unfinished, target)
        except BaseException:
            os.unlink(unfinished)
            raise
    left_out = {printable(name): why for name, why in sorted(found.left_out.items())}
    return CodeArchive(written.hasher.hexdigest(), written.size, files, left_out, found.base)


class _Digested(io.RawIOBase):
    """A file that is written, with the digest of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hasher = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # gzip writes nothing but bytes
        self.hasher.update(data)
        self.size += len(data)
        return self._file.write(data)


def _pack(found: SentFiles, target: _Digested) -> int:
    """Write the archive, and return how many files are in it."""
    files = 0
    names = sorted({*found.folders, *found.files, *found.links})
    with (
        gzip.GzipFile("", "wb", _LEVEL, target, mtime=0) as zipped,
        tarfile.TarFile(
            mode="w", fileobj=zipped, format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
        ) as tar,
    ):
        for name in names:
            if name in found.files:
                refused = _add_file(tar, name, found.files[name])
                files += refused is None
                if refused:
                    found.left_out[name] = refused
            elif name in found.links:
                link = _member(name, tarfile.SYMTYPE, 0o777)
                link.linkname = found.links[name]
                tar.addfile(link)
            else:
                tar.addfile(_member(name, tarfile.DIRTYPE, 0o755))
    return files


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.mtime = kind, mode, TIME
    return made


def _add_file(tar: tarfile.TarFile, name: str, path: str) -> str | None:
    """Write a file into the archive; return why it is not there, and nothing, as text, where it was removed."""
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except PermissionError:
        return UNREADABLE
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return NO_FILE
        member = _member(name, tarfile.REGTYPE, 0o755 if status.st_mode & stat.S_IXUSR else 0o644)
        if status.st_size > LARGE:
            _add_large(tar, member, file)
        else:
            content = _content(file, name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return None


def _content(file: IO[bytes], name: str) -> bytes:
    """Return the content of a file that is not large, at a moment when nobody wrote it, if there is one."""
    content = b""
    for _ in range(_ATTEMPTS):
        before = _state(file)
        file.seek(0)
        content = file.read(LARGE + 1)
        if len(content) > LARGE:
            raise _changed(name)
        if _state(file) == before:
            break
    return content


def _add_large(tar: tarfile.TarFile, member: tarfile.TarInfo, file: IO[bytes]) -> None:
    before = _state(file)
    member.size = before[0]
    try:
        tar.addfile(member, file)
    except OSError as error:
        if _state(file) != before:
            raise _changed(member.name) from error
        raise
    if _state(file) != before:
        raise _changed(member.name)


def _state(file: IO[bytes]) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(name: str) -> CodeArchiveError:
    return CodeArchiveError(
        f"`{printable(name)}` was written while it was packed for workers, so that they would get a half of it",
        path=name,
        hint="fix: run pytest again once what writes it has ended",
    )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into `folder`, which is private to this user and appears whole or not at all.

    Where it is there already, nothing is done: somebody else was first. What is left of processes that were killed
    while they unpacked beside it is removed.

    Raises:
        CodeArchiveError: the archive is damaged, or no archive of ours: it names a place outside of itself, say; or a
            disk refuses; or `folder` is another user's.
    """
    with _disk_errors(f"the project's code cannot be unpacked to {folder}"):
        if _is_whole(folder):
            return
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_abandoned(folder.parent.glob(f"{PREFIX}{_UNPACKING}-*"))
        place = new_folder(_UNPACKING, folder.parent)
        try:
            with _damage(archive):
                _extract(archive, os.path.realpath(place))
            try:
                os.rename(place, folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not _is_whole(folder):
                    raise
        finally:
            remove(place)


def _is_whole(folder: Path) -> bool:
    """Return whether an archive was unpacked there before."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise CodeArchiveError(
            f"{folder} is not a folder that only this user can write and read, so that no code is run from there",
            hint="fix: remove it, or choose another place",
        )
    return any(folder.iterdir())


def _extract(archive: Path, place: str) -> None:
    """Unpack an archive into an empty folder, given by its real path.

    Links are made last, so that nothing is written through them.
    """
    found: dict[str, tarfile.TarInfo] = {}
    total = 0
    with (
        gzip.open(archive) as zipped,
        tarfile.TarFile(fileobj=zipped, encoding="utf-8", errors="surrogateescape") as tar,
    ):
        for member in tar:
            total += member.size
            if len(found) > MOST_ENTRIES or total > MOST_BYTES:
                raise tarfile.TarError("there is more in it than is ever sent")
            _check(member, place, found)
            found[member.name] = member
            if member.isdir():
                _make_folder(os.path.join(place, member.name))
            elif not member.issym():
                _write(tar, member, os.path.join(place, member.name))
        if len(zipped.read(_PADDING + 1)) > _PADDING:
            raise tarfile.TarError("something follows the last file")
    _make_links([member for member in found.values() if member.issym()], place)
    for member in reversed(found.values()):
        os.utime(os.path.join(place, member.name), (TIME, TIME), follow_symlinks=False)


def _make_folder(path: str) -> None:
    os.mkdir(path)
    os.chmod(path, 0o755)  # whatever the umask


def _check(member: tarfile.TarInfo, place: str, found: Mapping[str, tarfile.TarInfo]) -> None:
    """Refuse what `make_archive` never writes: most of all, what leads out of the folder."""
    name = member.name
    if member.type not in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
        raise tarfile.TarError(f"{printable(name)!r} is neither a file nor a folder nor a link")
    if not {"", ".", ".."}.isdisjoint(name.split("/")) or os.path.isabs(name) or name in found:
        raise tarfile.TarError(f"{printable(name)!r} is no name of a file in it, or is there twice")
    above = os.path.dirname(name)
    if above and not (above in found and found[above].isdir()):
        raise tarfile.TarError(f"{printable(name)!r} is in no folder of it")
    if hasattr(tarfile, "data_filter"):  # not in the first versions of Python 3.11
        tarfile.data_filter(member, place)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    content = tar.extractfile(member)
    assert content is not None
    with open(os.open(path, _WRITE, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
        os.fchmod(file.fileno(), 0o755 if member.mode & stat.S_IXUSR else 0o644)


def _make_links(links: Iterable[tarfile.TarInfo], place: str) -> None:
    made = []
    for link in links:
        path = os.path.join(place, link.name)
        if os.path.isabs(link.linkname):
            raise tarfile.TarError(f"the link {printable(link.name)!r} leads out of it")
        os.symlink(link.linkname, path)
        made.append((link, path))
    for link, path in made:  # where a link leads may hang on another
        real = os.path.realpath(path)
        if real != place and not is_under(real, place):
            raise tarfile.TarError(f"the link {printable(link.name)!r} leads out of it")


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    """Tell what is wrong with an archive."""
    try:
        yield
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise CodeArchiveError(
            f"{archive} is damaged, or no archive of a project's code: {error}",
            hint="fix: remove it, so that it is sent again",
        ) from error


@contextmanager
def _disk_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CodeArchiveError(f"{what}: {error}") from error
