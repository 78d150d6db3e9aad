"""Which files of a project are sent to workers: all of it, but for what can be made again and what nothing names."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_expops.errors import CodeArchiveError
from pytest_expops.execution.provenance.names_of_files import NamedFiles
from pytest_expops.execution.provenance.texts import texts_in
from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.pipeline.model import Pipeline
from pytest_expops.wording import joined, listed

LARGE = 64 << 20
"""A file of more bytes is sent only where the config names it, or a folder that it is in."""
MOST_BYTES = 4 << 30
"""So much is sent at the most."""
MOST_FILES = 20_000
"""So many files are."""
MOST_ENTRIES = 10 * MOST_FILES
"""After so many files, folders and links no more are looked at."""
NOT_SENT = frozenset(
    {
        *(".git", ".hg", ".svn", ".bzr", ".jj"),
        *("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".ipynb_checkpoints", ".hypothesis"),
        *(".expops_cache", ".tox", ".nox", "node_modules"),
    }
)
"""What is left out without a word, wherever it is: version control, caches, environments.

So are folders that say of themselves that they are an environment or a cache.
"""
UNREADABLE = "it cannot be read"
NO_FILE = "it is neither a file nor a folder"
SHARED = "where all workers see the project under the same path, `--expops-code=shared` sends nothing"

_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
_CACHE = "CACHEDIR.TAG"
_TOLD = 3
"""So many places are told that take most of the room."""
_MOST_OF = 0.8
"""Of a folder that has one in it with this share of it, that one is told."""


@dataclass(slots=True)
class SentFiles:
    """The files of a project to be sent. All names are relative to the real path `base`.

    Args:
        base: the folder that the names are relative to.
        folders: all folders, also empty ones.
        files: by name, the path of the file with the content, which is another where a link led outside.
        links: by name, what a link leads to, relative to the folder that the link is in.
        left_out: by name, why it is not sent.
    """

    base: str
    folders: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def files_to_send(pipeline: Pipeline, without: Iterable[Path]) -> SentFiles:
    """Return which files of the project of a pipeline are sent: those under its root and its working directory.

    Args:
        pipeline: what is to be run on workers.
        without: files and folders that are not the project's, such as the session's own folder.

    Raises:
        CodeArchiveError: a script lies elsewhere, a link leads to a folder elsewhere, or there is too much.
    """
    roots = _outermost(pipeline.root, pipeline.working_directory)
    base = os.path.commonpath(roots)
    for key, path in pipeline.scripts.items():
        real = os.path.realpath(path)
        if not is_installed(real) and not any(is_under(real, root) for root in roots):
            raise CodeArchiveError(
                f"the script `{key}` ({path}) lies outside of the project's folder, which is what workers are sent",
                path=os.path.relpath(real, base),
                hint=f"fix: move it into {base}; {SHARED}",
            )
    selection = _Selection(base, roots, {os.path.realpath(each) for each in without})
    selection.look_at_folders()
    selection.look_at_links()
    selection.leave_out_large(pipeline)
    selection.check_room()
    return selection.found


def _outermost(*folders: Path) -> list[str]:
    """Return the real paths of folders, less those that are in another of them."""
    real = sorted({os.path.realpath(each) for each in folders})
    return [each for each in real if not any(is_under(each, other) for other in real)]


class _Selection:
    """Finds the files under some folders."""

    def __init__(self, base: str, roots: Sequence[str], without: Collection[str]) -> None:
        self.found = SentFiles(base)
        self._roots = roots
        self._without = without
        self._sizes: dict[str, int] = {}
        self._links: dict[str, str] = {}
        self._waiting = [*roots]
        self._is_partial = False

    def look_at_folders(self) -> None:
        """Enter all folders and files; links are kept for later, when it is known what they may lead to."""
        for root in self._roots:
            above = (str(each) for each in Path(root).parents if is_under(str(each), self.found.base))
            self.found.folders |= {self._name(each) for each in above}
        while self._waiting:
            if len(self._sizes) + len(self.found.folders) + len(self._links) > MOST_ENTRIES:
                self._is_partial = True
                return
            self._look_at_folder(self._waiting.pop())

    def _look_at_folder(self, folder: str) -> None:
        name = self._name(folder)
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except (FileNotFoundError, NotADirectoryError):  # it was removed just now
            return
        except PermissionError:
            self.found.left_out[name] = UNREADABLE
            return
        if name != ".":
            self.found.folders.add(name)
        for entry in found:
            if entry.name not in NOT_SENT and entry.path not in self._without:
                self._look_at(entry)

    def _look_at(self, entry: os.DirEntry[str]) -> None:
        name = self._name(entry.path)
        if entry.is_symlink():
            self._links[name] = entry.path
        elif entry.is_dir(follow_symlinks=False):
            if not _can_be_made_again(entry.path):
                self._waiting.append(entry.path)
        else:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # it was removed just now
                return
            if stat.S_ISREG(status.st_mode):
                self._enter(name, entry.path, status.st_size)
            else:
                self.found.left_out[name] = NO_FILE

    def _enter(self, name: str, path: str, size: int) -> None:
        self.found.files[name] = path
        self._sizes[name] = size

    def look_at_links(self) -> None:
        """Keep links within the project; take the content of a file that a link leads to elsewhere."""
        refused = sorted(name for name, path in self._links.items() if not self._has_place(name, path))
        if refused:
            raise CodeArchiveError(
                f"{listed([printable(each) for each in refused], quote='`')}: a link that leads out of the project to "
                "what is no file, and is not sent to workers",
                path=refused[0],
                hint=f"fix: put what it leads to into the project; {SHARED}",
            )

    def _has_place(self, name: str, path: str) -> bool:
        """Enter a link; False where it cannot be sent."""
        real = os.path.realpath(path)
        target = self._name(real)
        is_there = os.path.lexists(real)
        within = any(real == root or is_under(real, root) for root in self._roots)
        if within and (self._is_sent(target) or (not is_there and self._is_sent(self._name(os.path.dirname(real))))):
            self.found.links[name] = os.path.relpath(real, os.path.dirname(path))
        elif os.path.isfile(real):
            self._enter(name, real, os.stat(real).st_size)
        elif within or not os.path.exists(real):
            self.found.left_out[name] = "it is a link to what is not sent" if is_there else "it is a link to nothing"
        else:
            return os.path.isdir(real) and _can_be_made_again(real)
        return True

    def _is_sent(self, name: str) -> bool:
        return name == "." or name in self.found.folders or name in self.found.files

    def leave_out_large(self, pipeline: Pipeline) -> None:
        """Take large files out again that the config does not name."""
        found = self.found
        large = [name for name, size in self._sizes.items() if size > LARGE]
        if not large:
            return
        bases = (pipeline.working_directory, pipeline.root, pipeline.workspace)
        named = NamedFiles(large, Path(found.base), bases, ()).named_by(texts_in(pipeline.document))
        for name in set(large) - named:
            size = self._sizes.pop(name)
            del found.files[name]
            found.left_out[name] = f"it has {_in_mib(size)}, and the config does not name it"
        for name, target in [*found.links.items()]:
            if os.path.normpath(os.path.join(os.path.dirname(name), target)) in found.left_out:
                del found.links[name]
                found.left_out[name] = "it is a link to what is not sent"

    def check_room(self) -> None:
        """Refuse too many files, or too much in them."""
        count, total = len(self._sizes), sum(self._sizes.values())
        at_least = "at least " if self._is_partial else ""
        if count > MOST_FILES or self._is_partial:
            heavy = _heaviest(dict.fromkeys(self._sizes, 1) or dict.fromkeys(self.found.folders, 1))
            where = [f"{printable(name)} ({number:,})" for name, number in heavy]
            what = f"{at_least}{count:,} files, and no more than {MOST_FILES:,} are sent to workers"
        elif total > MOST_BYTES:
            heavy = _heaviest(self._sizes)
            where = [f"{printable(name)} ({_in_mib(number)})" for name, number in heavy]
            what = f"files of {_in_mib(total)}, and no more than {_in_mib(MOST_BYTES)} are sent to workers"
        else:
            return
        raise CodeArchiveError(
            f"the project {self.found.base} has {what}; the most are in {joined(where)}",
            path=heavy[0][0],
            hint=f"fix: move what the pipeline does not need out of the project; {SHARED}",
        )

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self.found.base)


def _can_be_made_again(folder: str) -> bool:
    """Return whether a folder says of itself that it is an environment or a cache."""
    return any(os.path.exists(os.path.join(folder, each)) for each in (*_ENVIRONMENTS, _CACHE))


def _heaviest(weights: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the places with the most of some weights of files, each with its own; the heaviest first."""
    totals: dict[str, int] = {}
    inside: dict[str, set[str]] = {}
    for name, weight in weights.items():
        below, above = name, os.path.dirname(name)
        while below:
            totals[below] = totals.get(below, 0) + weight
            inside.setdefault(above, set()).add(below)
            below, above = above, os.path.dirname(above)

    def heaviest_of(folder: str) -> list[str]:
        return sorted(inside.get(folder, ()), key=lambda name: (-totals[name], name))

    told = []
    for name in heaviest_of("")[:_TOLD]:
        while (within := heaviest_of(name)) and totals[within[0]] >= _MOST_OF * totals[name]:
            name = within[0]
        told.append((name, totals[name]))
    return told


def _in_mib(size: int) -> str:
    return f"{max(1, size >> 20):,} MiB"


def printable(name: str) -> str:
    """Return the name of a file as it can be written anywhere, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
