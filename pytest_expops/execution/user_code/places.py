"""Where the code of a pipeline is, and which files are the project's own; nothing is imported to know it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.pipeline.model import Pipeline


class ProjectPlaces:
    """The folders of one pipeline, and the import path that its scripts are given."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.added_path: tuple[list[str], list[str]] = [], []
        """What the scripts themselves put before and after the rest of `sys.path`; known once they are imported."""
        self._module_folders: dict[str, None] = {}
        folders = [path.parent for path in pipeline.scripts.values()]
        self.import_path = list(dict.fromkeys(map(str, [*folders, pipeline.root, pipeline.working_directory])))
        self.last_path = _sources(pipeline.root)
        """What comes after the rest of the import path: where a package is installed, too, it is that which runs, as in
        the project's tests."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The project's import path is in force, for what looks modules up."""
        before = [*sys.path]
        sys.path[:0] = [each for each in self.import_path if each not in before]
        sys.path += [each for each in self.last_path if each not in before]
        try:
            yield
        finally:
            sys.path[:] = before

    def owns_file(self, filename: str) -> bool:
        """Return whether a file is the project's own code; ``<frozen ...>`` and ``<string>`` are no files."""
        if filename.startswith("<"):
            return False
        path = os.path.realpath(filename)
        return any(is_under(path, folder) for folder in self._folders()) and not is_installed(path)

    def _folders(self) -> list[str]:
        roots = [self.pipeline.root, self.pipeline.working_directory]
        folders = [*roots, *(path.parent for path in self.pipeline.scripts.values()), *self._module_folders]
        return _resolved((*map(str, folders), *self.added_path[0], *self.added_path[1]))


@functools.lru_cache(maxsize=64)
def _resolved(folders: tuple[str, ...]) -> list[str]:
    return [os.path.realpath(each) for each in folders]


def _sources(root: Path) -> list[str]:
    """Return the folder `src/` of a project, where it holds packages rather than being one."""
    folder = root / "src"
    return [str(folder)] if folder.is_dir() and not (folder / "__init__.py").exists() else []
