"""Where the user's own packages lie that are not beside a script: under `src/`, installed as editable, on `sys.path`.

Asked is the import system itself, by the name of the top-level module alone, so that nothing is imported for it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_expops.execution.provenance._distributions import source_folder
from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.execution.user_code.modules import module_file
from pytest_expops.execution.user_code.places import ProjectPlaces
from pytest_expops.pipeline.files import DISK, Disk

_REPOSITORY = (".git", "pyproject.toml", "setup.py", "setup.cfg")
"""What stands at the top of a repository."""


@dataclass(frozen=True, slots=True)
class _OwnPlace:
    """Where a top-level module of the user's is: a file, or the folders of a package.

    `base` is the folder that it is imported from, and `source` the one that it was installed from, if it was copied.
    """

    file: Path | None
    folders: tuple[Path, ...]
    base: Path
    source: Path | None


class OwnPlaces:
    """Finds the files of the user's packages, and what to call them; each top-level module is looked up once.

    What is neither of the standard library nor installed is the user's, and so is what was installed from a folder
    that is here.
    """

    def __init__(self, project: ProjectPlaces, files: Disk = DISK) -> None:
        self._project = project
        self._files = files
        self._places: dict[str, _OwnPlace | None] = {}
        root = Path(os.path.realpath(project.pipeline.root))
        self._tops = (root, _repository(root))

    def file(self, parts: Sequence[str]) -> Path | None:
        """Return the file of a module, by the parts of its dotted name; None where it is not the user's, or has none.

        It may be no Python source: a compiled module, or one within an archive.
        """
        place = self._place(parts[0]) if parts else None
        if place is None:
            return None
        if len(parts) == 1:
            return place.file
        return next((found for each in place.folders if (found := module_file(each, parts[1:], self._files))), None)

    def owns(self, name: str) -> bool:
        """Return whether a module is the user's, by its name."""
        return self._place(name.partition(".")[0]) is not None

    def label(self, parts: Sequence[str], path: Path) -> str:
        """Return what to call such a file: its path in the repository, or else below the folder it is imported from.

        A copy that was installed is called as what it was copied from.
        """
        place = self._place(parts[0])
        assert place is not None
        if path.is_relative_to(place.base):
            below = path.relative_to(place.base)
            if place.source is not None:
                originals = (place.source / "src" / below, place.source / below)
                path = next((each for each in originals if self._files.is_file(each)), path)
        else:
            below = Path(path.name)
        for folder in self._tops:
            if path.is_relative_to(folder) and not is_installed(str(path)):
                return path.relative_to(folder).as_posix()
        return below.as_posix()

    def _place(self, top: str) -> _OwnPlace | None:
        if top not in self._places:
            self._places[top] = self._looked_up(top)
        return self._places[top]

    def _looked_up(self, top: str) -> _OwnPlace | None:
        if top in sys.stdlib_module_names:
            return None
        try:
            with self._project.entered():
                spec = importlib.util.find_spec(top)
        except Exception:  # a finder of somebody's, or a module that was put there by hand
            return None
        if spec is None:
            return self._elsewhere(top)
        folders = tuple(Path(os.path.realpath(each)) for each in spec.submodule_search_locations or ())
        file = Path(os.path.realpath(spec.origin)) if spec.has_location and spec.origin else None
        first = next(iter(folders), file)
        if first is None:
            return None
        if file is not None and not any(map(self._files.is_file, (file, *file.parents))):  # nor within an archive
            if not folders:
                return self._elsewhere(top)
            file = None  # a package that has no file in the state that is looked at
        source = None
        if is_installed(str(file or first / "__init__.py")):
            source = source_folder(top)
            if source is None:
                return None
        return _OwnPlace(file, folders, first.parent, source)

    def _elsewhere(self, top: str) -> _OwnPlace | None:
        file = self._files.found_elsewhere(top)
        if file is None:
            return None
        folders = (file.parent,) if file.stem == "__init__" else ()
        return _OwnPlace(file, folders, (folders[0] if folders else file).parent, None)


def _repository(root: Path) -> Path:
    """Return the nearest folder at or above `root` that looks like the top of a repository, or else `root`."""
    for folder in (root, *root.parents):
        if any((folder / name).exists() for name in _REPOSITORY):
            return folder
    return root
