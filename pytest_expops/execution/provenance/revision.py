"""A revision of the git repository that a config is in: which files differ from it, and what they were."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from pytest_expops.errors import RevisionError
from pytest_expops.execution.provenance._git import GitFailed, ask_git, git_list, git_text
from pytest_expops.pipeline.files import Disk

_LINK, _FILES_OF_ANOTHER = "120000", "160000"
"""The modes by which git knows a symbolic link, and a submodule."""
_NOT_OF_THE_PROJECT = frozenset({"__pycache__", ".pytest_cache", "dist-packages", "site-packages"})
"""Folders whose files do not count: caches, and what is installed."""
_SHALLOW = "this clone is shallow, and may lack it; fix: `git fetch --unshallow`, or `fetch-depth: 0` in CI"


@dataclass(frozen=True, slots=True)
class _Blob:
    mode: str
    name: str


class Revision:
    """One commit, and how the working tree differs from it. Nothing is checked out, and nothing in it is run.

    Paths are relative to `top`, with slashes. What git ignores is in none of them: what it was is not known.
    """

    def __init__(self, asked: str, place: Path) -> None:
        """Find out what differs.

        Args:
            asked: a branch, a tag, a commit, ... With a branch that has gone on, the commit where they parted counts.
            place: a file in the repository.

        Raises:
            RevisionError: there is no such revision, no repository, or no git.
        """
        self.asked = asked
        self.top = _top(place)
        given = self._commit(asked)
        self.commit = self._merge_base(given)
        """The commit that is compared with."""
        self.parted = self.commit != given
        """Whether that is an earlier commit than the one asked for."""
        self._old = dict(self._listed())
        tracked = git_list(self.top, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", self.commit, "--")
        untracked = git_list(self.top, "ls-files", "--others", "--exclude-standard", "-z")
        self.changed = frozenset(
            each for each in (*tracked, *untracked) if _NOT_OF_THE_PROJECT.isdisjoint(PurePosixPath(each).parts)
        )
        """The files that are there on one side only, or differ."""
        self._contents: dict[str, bytes] = {}

    @property
    def title(self) -> str:
        """The commit as messages name it: ``merge base 1a2b3c4``."""
        return f"{'merge base' if self.parted else 'commit'} {self.commit[:7]}"

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Symbolic links and submodules among what differs, on either side: what lies behind them is not compared."""
        now = (each for each in self.changed if os.path.islink(self.top / each) or os.path.isdir(self.top / each))
        had = (each for each in self.changed if each in self._old)
        then = (each for each in had if self._old[each].mode in (_LINK, _FILES_OF_ANOTHER))
        return tuple(sorted({*now, *then}))

    def path_of(self, file: Path) -> str | None:
        """Return the path of a file in the repository; None where it is in another place."""
        folder = Path(os.path.realpath(file.parent))
        return (folder / file.name).relative_to(self.top).as_posix() if folder.is_relative_to(self.top) else None

    def had(self, path: str) -> bool:
        """Return whether the commit has a file."""
        return path in self._old

    def is_known(self, path: str) -> bool:
        """Return whether git says how a file compares: it is in the commit, or at least not ignored."""
        return path in self._old or path in self.changed

    def content(self, path: str) -> bytes:
        """Return what a file of the commit holds."""
        if path not in self._contents:
            self._contents[path] = ask_git(self.top, "cat-file", "blob", self._old[path].name)
        return self._contents[path]

    def then(self) -> Disk:
        """Return the files as they were."""
        return _Then(self)

    def now(self) -> Disk:
        """Return the files as they are; what the import path does not lead to is looked for in the repository."""
        return _Now(self)

    @cached_property
    def modules_then(self) -> Mapping[str, Path]:
        """The top-level modules that the files of the commit could be, by name; of several, the first."""
        return _modules(self.top, self._old)

    @cached_property
    def modules_now(self) -> Mapping[str, Path]:
        """The same of the files of the working tree."""
        return _modules(self.top, (each for each in {*self._old, *self.changed} if (self.top / each).is_file()))

    def _listed(self) -> Iterable[tuple[str, _Blob]]:
        """Yield what the commit has; entries are ``MODE TYPE NAME<tab>PATH``."""
        for entry in git_list(self.top, "ls-tree", "-r", "-z", "--full-tree", self.commit):
            about, _, path = entry.partition("\t")
            mode, _, name = about.split(" ")
            yield path, _Blob(mode, name)

    def _commit(self, asked: str) -> str:
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        try:
            named = git_text(self.top, *words, asked).strip()
            return git_text(self.top, *words, f"{named}^{{commit}}").strip()
        except GitFailed as failed:
            problem = "is not a revision of the repository of the config"
            if asked == "HEAD":
                problem += ", which has no commit yet"
            raise RevisionError(self._with_cause(problem, failed)) from None

    def _merge_base(self, commit: str) -> str:
        try:
            return git_text(self.top, "merge-base", commit, "HEAD").split()[0]
        except GitFailed as failed:
            raise RevisionError(self._with_cause("has no common ancestor with HEAD", failed)) from None

    def _with_cause(self, problem: str, failed: GitFailed) -> str:
        if git_text(self.top, "rev-parse", "--is-shallow-repository").strip() == "true":
            return f"{problem}; {_SHALLOW}"
        return f"{problem}; git says: {failed.says}" if failed.says else problem


class _Now(Disk):
    def __init__(self, revision: Revision) -> None:
        self._revision = revision

    def found_elsewhere(self, module: str) -> Path | None:
        return self._revision.modules_now.get(module)


class _Then(Disk):
    def __init__(self, revision: Revision) -> None:
        self._revision = revision

    def is_file(self, path: Path) -> bool:
        changed = self._changed(path)
        return super().is_file(path) if changed is None else self._revision.had(changed)

    def read(self, path: Path) -> bytes:
        changed = self._changed(path)
        if changed is None:
            return super().read(path)
        if not self._revision.had(changed):
            raise FileNotFoundError(path)
        return self._revision.content(changed)

    def found_elsewhere(self, module: str) -> Path | None:
        return self._revision.modules_then.get(module)

    def _changed(self, path: Path) -> str | None:
        """Return the path of a file in the repository if it differs, also where a link leads to it."""
        try:
            places = (self._revision.path_of(path), self._revision.path_of(Path(os.path.realpath(path))))
        except (OSError, ValueError):  # a name that no file can have
            return None
        return next((each for each in places if each in self._revision.changed), None)


def _top(place: Path) -> Path:
    """Return the folder at the top of the repository that a file is in."""
    try:
        return Path(os.path.realpath(git_text(place.parent, "rev-parse", "--show-toplevel").removesuffix("\n")))
    except GitFailed as failed:
        if failed.says.startswith("not a git repository"):
            message = f"is not a revision to compare with: {place.name} is in no git repository"
            raise RevisionError(message) from None
        raise


def _modules(top: Path, paths: Iterable[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(paths, reverse=True):
        parts = PurePosixPath(path)
        if parts.suffix == ".py":
            found[parts.parent.name if parts.stem == "__init__" else parts.stem] = top / path
    return found
