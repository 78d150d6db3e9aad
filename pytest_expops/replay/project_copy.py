"""Copies of the project: as it was when the session began, and as the first run of one process found it.

A replay in the second does without what runs have written since: caches, say. The user's own files are only read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_expops.errors import CopyRefused
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.pipeline.model import ExpandedPipeline

LARGE = 64 << 20
"""A file of so many bytes is not copied: the copy has a link to it."""
MOST_BYTES = 1 << 30
"""So much is copied at the most."""
MOST_FILES = 20_000
"""So many files are."""
LINKED = frozenset({".git", ".hg", ".svn", ".tox", ".nox", "node_modules"})
"""Folders that a copy has links to, as to virtual environments."""
OMITTED = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".ipynb_checkpoints"})
"""Folders that it is without."""

_FICLONE = 0x40049409
Known = tuple[int, int]
"""When the inode of a file was changed, in nanoseconds, and its size."""
Keeps = Callable[[str, os.stat_result], bool]
"""Whether a file that was changed since the session began is copied as it is now."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the project `base` was when the session began: its copy in `folder`, and of each file what tells a change.

    `linked` are large files, which are not copied; `left_out` folders of the session itself.
    """

    base: str
    folder: str
    known: dict[str, Known] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        """Plain data; the inverse of `from_json`."""
        return [self.base, self.folder, self.known, self.linked, self.left_out]

    @classmethod
    def from_json(cls, data: Any) -> Snapshot:
        """What `to_json` gave."""
        base, folder, known, linked, left_out = data
        pairs = {path: (at, size) for path, (at, size) in known.items()}
        return cls(base, folder, pairs, tuple(linked), tuple(left_out))


@dataclass(frozen=True, slots=True)
class Move:
    """From the project `base` to a copy of it at `place`; both are real paths."""

    base: str
    place: str

    def there(self, data: Any) -> Any:
        """Return plain data with paths into the project as paths into the copy."""
        return _mapped(data, self._there)

    def _there(self, text: str) -> str:
        if not os.path.isabs(text) or is_installed(text):
            return text
        return _replaced(os.path.realpath(text), self.base, self.place, text)

    def back(self, data: Any) -> Any:
        """Return plain data with the path of the copy, wherever it stands in a text, as that of the project."""
        return _mapped(data, lambda text: text.replace(self.place, self.base))

    def relocated(self, expanded: ExpandedPipeline) -> ExpandedPipeline:
        """Return the pipeline as it stands in the copy; what lies outside of the project stays where it is."""
        pipeline = expanded.pipeline
        moved = replace(
            pipeline,
            path=self._path(pipeline.path),
            root=self._path(pipeline.root),
            workspace=self._path(pipeline.workspace),
            working_directory=self._path(pipeline.working_directory),
            scripts={key: self._path(path) for key, path in pipeline.scripts.items()},
        )
        return replace(expanded, pipeline=moved)

    def _path(self, path: Path) -> Path:
        return Path(self._there(str(path)))


def _mapped(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, dict):
        return {key: _mapped(value, change) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_mapped(each, change) for each in data]
    return change(data) if isinstance(data, str) and os.sep in data else data


def _replaced(path: str, base: str, place: str, otherwise: str) -> str:
    return place + path[len(base) :] if path == base or is_under(path, base) else otherwise


def take_snapshot(base: Path, folder: Path, left_out: Sequence[Path]) -> Snapshot:
    """Copy the project to `folder`.

    Args:
        base: the project.
        folder: where there is nothing yet.
        left_out: folders that are not the project's.

    Raises:
        CopyRefused: there is too much of it, or it cannot be copied.
    """
    real = os.path.realpath(base)
    snapshot = Snapshot(real, str(folder), left_out=tuple(map(os.path.realpath, left_out)))
    total, linked = 0, []
    with _refusing(real):
        for path, found in _files(real, snapshot.left_out):
            name = os.path.relpath(path, real)
            snapshot.known[name] = found.st_ctime_ns, found.st_size
            total += found.st_size if found.st_size < LARGE else 0
            if found.st_size >= LARGE:
                linked.append(name)
            if total > MOST_BYTES or len(snapshot.known) > MOST_FILES:
                raise CopyRefused(f"{real} has more than {MOST_FILES} files or {MOST_BYTES >> 20} MB to copy")
        os.makedirs(folder)
        for name in snapshot.known.keys() - linked:
            _copy(os.path.join(real, name), os.path.join(folder, name))
    return replace(snapshot, linked=tuple(linked))


@contextmanager
def copied(snapshot: Snapshot, place: Path, keeps: Keeps) -> Iterator[tuple[Move, tuple[str, ...]]]:
    """Copy the project to `place`, which is removed at the end; give the move, and the files that the copy is without.

    A file that was changed since the session began is copied as it is now if `keeps` says so, else as it was then, if
    it was there.

    Raises:
        CopyRefused: it cannot be copied.
    """
    shutil.rmtree(place, ignore_errors=True)
    without = []
    try:
        with _refusing(snapshot.base):
            os.makedirs(place)
            for path, found in _files(snapshot.base, snapshot.left_out, str(place)):
                name = os.path.relpath(path, snapshot.base)
                target = os.path.join(place, name)
                known = snapshot.known.get(name)
                if known == (found.st_ctime_ns, found.st_size) or keeps(path, found):
                    _copy(path, target) if found.st_size < LARGE else _link(path, target)
                    continue
                without.append(path)
                if known is not None and name not in snapshot.linked:
                    _copy(os.path.join(snapshot.folder, name), target)
        yield Move(snapshot.base, os.path.realpath(place)), tuple(sorted(without))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def found_by_first_run(session: PipelineSession, name: str) -> Keeps:
    """Return what says of a file changed since the session began whether the first run of `name` may have found it so.

    It has, if a process upstream wrote it; not, if itself or a process beside it did. Of a file that nobody was seen to
    write it is said by the time.
    """
    records, own = session.all_records(), session.record(name)
    upstream = [records[each].written for each in session.expanded.ancestors(name) if each in records]
    others = [record.written for record in records.values()]

    def keeps(path: str, found: os.stat_result) -> bool:
        if any(path in written for written in upstream):
            return True
        if path in own.written or any(written.get(path) == found.st_mtime_ns for written in others):
            return False
        return found.st_mtime_ns < own.started * 1e9

    return keeps


def _files(base: str, left_out: Sequence[str], place: str | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every regular file of a project; all else is made at `place`, if that is given."""
    with os.scandir(base) as entries:
        waiting = list(entries)
    while waiting:
        entry = waiting.pop()
        target = os.path.join(place, os.path.relpath(entry.path, base)) if place is not None else None
        if entry.is_symlink():
            if target is not None:
                real = os.path.realpath(entry.path)
                _link(_replaced(real, base, place or base, real), target)
        elif not entry.is_dir():
            if stat.S_ISREG(entry.stat().st_mode):
                yield entry.path, entry.stat()
        elif entry.name in LINKED or os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
            if target is not None:
                _link(entry.path, target)
        elif entry.name not in OMITTED and entry.path not in left_out:
            if target is not None:
                os.makedirs(target, exist_ok=True)
            with os.scandir(entry.path) as entries:
                waiting += entries


def _link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.symlink(path, target)


def _copy(path: str, target: str) -> None:
    """Copy a file with its times; its blocks are shared until one of them is changed, where the file system can."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(path, "rb") as source, open(target, "wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _FICLONE, source.fileno())
        except OSError:
            shutil.copyfileobj(source, copy, 1 << 20)
    shutil.copystat(path, target)


@contextmanager
def _refusing(base: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CopyRefused(f"{base} cannot be copied: {error}") from error
