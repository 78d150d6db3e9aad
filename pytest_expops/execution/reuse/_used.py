"""What a run was seen to use besides what its text shows, as it was then; and what of that is another now."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from pytest_expops.execution.reuse._made_from import digest_of, text_of
from pytest_expops.execution.seen import ALL, Seen
from pytest_expops.execution.user_code.installed import is_under

ABSENT, FOLDER = "absent", "a folder"
"""In place of the digest of a file."""
_PIECE = 1 << 20
_MOST_WRITTEN = 1000
_SYSTEM = ("/dev", "/proc", "/sys")
_VOLATILE = frozenset({"COLUMNS", "LINES", "PWD", "OLDPWD", "SHLVL", "EDITOR", "_", "PYTHONHASHSEED", "MPLBACKEND"})
"""Variables that say from where, or in what terminal, a program was started."""


@dataclass(frozen=True, slots=True)
class Used:
    """Digests of what a run was seen to use; of files by absolute path, of the rest by name.

    `files` are those that it read or asked about, `left` those that it wrote, as it left them, `listings` the names in
    folders. `config` are parts of the config that its context handed out. `code` are the digests of project code that
    counts because `modules` were seen to be imported.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    code: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Used:
        """Return what `to_json` was called on."""
        return cls(**{**data, "modules": tuple(data["modules"])})


class Surroundings:
    """Files, folders, variables and the config as they are in this session; each file is read once.

    Args:
        document: the config.
        variables: the environment variables before any script was imported.
        left_out: folders of the session and of the cache.
    """

    def __init__(self, document: Mapping[str, Any], variables: Mapping[str, str], left_out: Iterable[Path]) -> None:
        self._document = document
        self._variables = variables
        self._left_out = [os.path.realpath(each) for each in left_out]
        self._digests: dict[tuple[str, int, int, int], str] = {}

    def used(self, seen: Seen, opened: Iterable[str], salt: str) -> Used:
        """Return what a run used, as it is now. `opened` are files that were opened by whomever meanwhile."""
        written = {each for each in map(os.path.realpath, seen.written) if self._counts(each)}
        read = {*map(os.path.realpath, seen.read), *map(os.path.realpath, seen.looked), *map(os.path.realpath, opened)}
        return Used(
            files={each: self.file(each) for each in sorted(read - written) if self._counts(each)},
            left={each: self.file(each) for each in sorted(written)},
            listings={each: self._listing(each) for each in seen.listed if self._counts(each)},
            variables={each: self._variable(each, salt) for each in seen.variables if not is_volatile(each)},
            config={each: self._config(each) for each in seen.config},
            modules=seen.modules,
        )

    def changed(self, used: Used, salt: str) -> Iterator[str]:
        """Yield what is another than it was, in words."""
        for path, digest in used.files.items():
            if (now := self.file(path)) != digest:
                yield f"the file {path} {_how(digest, now)}"
        for path, digest in used.left.items():
            if (now := self.file(path)) != digest:
                yield f"the file {path}, which it wrote, {_how(digest, now)}"
        yield from (
            f"there are other files in {each}" for each, was in used.listings.items() if self._listing(each) != was
        )
        for name, digest in used.variables.items():
            if self._variable(name, salt) != digest:
                yield "environment variables changed" if name == ALL else f"the environment variable {name} changed"
        for key, digest in used.config.items():
            if self._config(key) != digest:
                yield "the config changed" if key == ALL else f"`{key}` in the config changed"

    def file(self, path: str) -> str:
        """Return the digest of a file's contents, or in its place that there is none, or that it is a folder."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return ABSENT
        if not stat.S_ISREG(found.st_mode):
            return FOLDER if stat.S_ISDIR(found.st_mode) else f"mode {found.st_mode:o}"
        key = (path, found.st_mtime_ns, found.st_size, found.st_ino)
        if key not in self._digests:
            self._digests[key] = _file_digest(path)
        return self._digests[key]

    def changed_since(self, used: Used, time: float, besides: Iterable[str]) -> Iterator[str]:
        """Yield files that were changed after a time (seconds since the epoch), but for those `besides`."""
        known = set(besides)
        for path in used.files:
            try:
                found = os.stat(path)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_mtime > time and path not in known:
                yield path

    def written_since(self, roots: Iterable[Path], time: float, known: Container[str]) -> list[str]:
        """Return the files in some folders that were written after a time and are not `known`: at most a thousand."""
        found = []
        for root in roots:
            for folder, folders, names in os.walk(root):
                folders[:] = [each for each in folders if not each.startswith((".", "__pycache__"))]
                paths = [path for name in names if self._counts(path := os.path.join(folder, name))]
                found += [each for each in paths if each not in known and _written(each) > time]
                if len(found) > _MOST_WRITTEN:
                    return found
        return found

    def _counts(self, path: str) -> bool:
        return not any(path == each or is_under(path, each) for each in (*_SYSTEM, *self._left_out))

    def _listing(self, path: str) -> str:
        try:
            return digest_of(sorted(os.listdir(path)))
        except OSError:
            return ABSENT

    def _variable(self, name: str, salt: str) -> str:
        """Return a digest that tells nobody the value: it is salted."""
        if name == ALL:
            of_all = {each: value for each, value in self._variables.items() if not is_volatile(each)}
            return digest_of([salt, sorted(of_all.items())])
        value = self._variables.get(name)
        return ABSENT if value is None else digest_of([salt, value])

    def _config(self, key: str) -> str:
        return digest_of(text_of(self._document if key == ALL else self._document.get(key)))


def is_volatile(name: str) -> bool:
    """Return whether a variable only says from where, in what terminal, or by which test a program was started."""
    return name in _VOLATILE or name.startswith("PYTEST_")


def _how(before: str, now: str) -> str:
    if now == ABSENT:
        return "is not there any more"
    return "is there now" if before == ABSENT else "changed"


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _file_digest(path: str) -> str:
    hasher = xxhash.xxh3_128()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                hasher.update(piece)
    except OSError as error:
        return f"not readable ({error.strerror})"
    return hasher.hexdigest()
