"""The files that a process reads, as far as its parameters or its code name them, or it was seen to open them."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import xxhash

from pytest_expops.execution.seen import CODE, Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.pipeline.model import ExpandedProcess

LARGE = 1 << 30
"""Of files of more bytes than this only the size is recorded."""
MOST = 100
"""So many files that a process was seen to read are recorded, the first by name."""
CLOCK_OF_FILES = 0.02
"""By so many seconds a file may seem to be older than what wrote it: its time is that of the kernel's last tick."""

_PIECE = 1 << 20
_LONGEST = 1000
"""A text of more characters is no path."""
_SYSTEM = ("/dev", "/proc", "/sys")
_CACHES = ("__pycache__", "CACHEDIR.TAG")


class DataFiles:
    """Finds files of one session, and keeps their digests. Paths are relative to the project's root where they can be.

    A file that has been written since a process, or the first upstream of it, began is a result, and left out.
    """

    def __init__(self, session: PipelineSession) -> None:
        self._session = session
        self._expanded = session.expanded
        self._pipeline = session.expanded.pipeline
        self._root = Path(os.path.realpath(self._pipeline.root))
        self._own = os.path.realpath(session.folder.parent)
        self._digests: dict[tuple[Path, int, int], str] = {}

    def named(self, each: ExpandedProcess, texts: Iterable[str]) -> dict[str, str]:
        """Return the digests of the files of the project that some texts name."""
        paths = (path for text in sorted(set(texts)) if (path := self.file(text)) is not None)
        return self._of(each, paths)

    def read(
        self, each: ExpandedProcess, code: Collection[str], texts: Iterable[str], seen: Seen | None
    ) -> dict[str, str]:
        """Return the digests of the data files that a process was seen to read, and of those that its code names.

        Caches do not count: what lies in a hidden folder, or in one that says that it is a cache.

        Args:
            each: the process.
            code: the texts in its code.
            texts: other texts. Of files outside of the project those count whose path, or that of a folder above, is
                one of these, or stands in the code.
            seen: what it was seen to use, if it was watched.
        """
        paths = {path for text in code if (path := self.file(text)) is not None}
        if seen is not None:
            paths |= {Path(os.path.realpath(each)) for each in seen.read}
        written = {os.path.realpath(path) for path in self._written(each, seen)}
        outside = [text for text in (*code, *texts) if os.path.isabs(text) and text.strip("/")]
        chosen = [
            path
            for path in sorted(paths)
            if str(path) not in written and self._is_data(path) and self._named(path, outside)
        ]
        return self._of(each, chosen[:MOST])

    def paths(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the paths of the files that some texts name: of the project, or absolute."""
        found = {str(path) for text in texts if (path := self.file(text)) is not None}
        absolute = (text for text in texts if text.startswith(os.sep) and len(text) <= _LONGEST and "\0" not in text)
        return tuple(sorted(found | {os.path.realpath(text) for text in absolute if os.path.isfile(text)}))

    def again(self, labels: Iterable[str]) -> dict[str, str]:
        """Return the digests of the files that have been recorded under these paths, as far as they are there."""
        paths = ((label, self._root / label) for label in labels)
        return {label: self._digest(path) for label, path in paths if _is_readable(path)}

    def file(self, text: str) -> Path | None:
        """Return the file of the project that a text names, if it names one."""
        if len(text) > _LONGEST or "\n" in text or "\0" in text:
            return None
        for base in (self._pipeline.working_directory, self._pipeline.root, self._pipeline.workspace):
            path = base / text
            try:
                if path.is_file():
                    path = path.resolve()
                    return path if path.is_relative_to(self._root) else None
            except (OSError, ValueError):  # a text that no file can be called by
                return None
        return None

    def _of(self, each: ExpandedProcess, paths: Iterable[Path]) -> dict[str, str]:
        begun = self._begun(each)
        return {self._label(path): self._digest(path) for path in paths if path.stat().st_mtime < begun}

    def _label(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else path.as_posix()

    def _digest(self, path: Path) -> str:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in self._digests:
            self._digests[key] = _file_digest(path)
        return self._digests[key]

    def _is_data(self, path: Path) -> bool:
        """Return whether a file is there, and is no code, no part of an environment, and no cache."""
        text = str(path)
        if text.endswith(CODE) or is_installed(text) or any(is_under(text, each) for each in (*_SYSTEM, self._own)):
            return False
        below = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        if any(part.startswith(".") or part in _CACHES for part in below.parts):
            return False
        folders = [self._root.joinpath(*below.parts[:count]) for count in range(1, len(below.parts))]
        return _is_readable(path) and not any((each / _CACHES[1]).exists() for each in folders)

    def _named(self, path: Path, outside: Iterable[str]) -> bool:
        if path.is_relative_to(self._root):
            return True
        return any(path.is_relative_to(os.path.realpath(each)) for each in outside)

    def _written(self, each: ExpandedProcess, seen: Seen | None) -> Iterator[str]:
        """Yield the files that it, or anything before it, was seen to write."""
        yield from seen.written if seen is not None else ()
        for name in self._upstream(each):
            record = self._session.known(name)
            if record is not None and record.seen is not None:
                yield from record.seen.written

    def _begun(self, each: ExpandedProcess) -> float:
        """Return when a process, or the first upstream of it, began; as far as the clocks of file systems show."""
        records = [record for name in self._upstream(each) if (record := self._session.known(name)) is not None]
        return min((record.started for record in records if record.started), default=math.inf) - CLOCK_OF_FILES

    def _upstream(self, each: ExpandedProcess) -> set[str]:
        """Return its name, and those of all before it."""
        return {each.name, *self._expanded.ancestors(each.name)}


def _is_readable(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except (OSError, ValueError):  # a path that no file can have
        return False


def _file_digest(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGE:
        return f"{size} bytes"
    hasher = xxhash.xxh3_64()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest()
