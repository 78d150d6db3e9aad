"""Which of some files the texts of a process name: its parameters, and what stands in its code."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

_LONGEST = 1000
"""A text of more characters is no path."""


class NamedFiles:
    """Some files of a repository, to be found by what a text says of their paths.

    A text names a file by its path, or the end of that, and so do texts that name a folder above it. But the project's
    own folder, and what is above it, name nothing: too many texts would.
    """

    def __init__(self, paths: Iterable[str], top: Path, bases: Iterable[Path], alone: Collection[str]) -> None:
        """Enter the files.

        Args:
            paths: relative to `top`, with slashes.
            top: the folder of the repository.
            bases: the folders that relative paths may be relative to.
            alone: those of the files that a folder does not name.
        """
        self._top = top
        self._bases = [*dict.fromkeys(os.path.realpath(each) for each in bases)]
        self._found: dict[str, set[str]] = {}
        above = {self._from_top(folder) for base in self._bases for folder in (base, *map(str, Path(base).parents))}
        for path in paths:
            parts = PurePosixPath(path).parts
            self._enter(parts, path)
            for end in range(1, 1 if path in alone else len(parts)):
                if "/".join(parts[:end]) not in above:
                    self._enter(parts[:end], path)

    def named_by(self, texts: Iterable[str]) -> set[str]:
        """Return the paths of the files that some texts name."""
        return {path for text in texts for name in self._names(text) for path in self._found.get(name, ())}

    def _enter(self, parts: tuple[str, ...], path: str) -> None:
        for start in range(len(parts)):
            self._found.setdefault("/".join(parts[start:]), set()).add(path)

    def _names(self, text: str) -> Iterator[str]:
        if is_path(text):
            yield os.path.normpath(text)
            yield from (self._from_top(os.path.join(base, text)) for base in self._bases)

    def _from_top(self, path: str) -> str:
        return os.path.relpath(os.path.realpath(path), self._top)


def is_path(text: str) -> bool:
    """Return whether a text may be the path of a file or folder, other than one that only leads up or stays."""
    return bool(text.strip("./ ")) and len(text) <= _LONGEST and "\n" not in text and "\0" not in text
