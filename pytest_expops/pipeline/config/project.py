"""Where a config stands: the project root, the workspace, and what relative paths in the config mean (S1.1)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """The folders of the project that a config belongs to; all absolute."""

    root: Path
    workspace: Path
    working_directory: Path

    @classmethod
    def of(cls, config: Path) -> Project:
        """Return the project of the config at this path; links are not followed: a config belongs where it is used."""
        folder = Path(os.path.abspath(config)).parent
        root = folder.parent if folder.name == "configs" else folder
        if root.parent.name == "projects":
            workspace = root.parent.parent
            return cls(root, workspace, workspace)
        return cls(root, root.parent, root)

    def resolve(self, written: str) -> Path:
        """Return what a relative path of the config means.

        It is under the root, or, if there is such a file only under the workspace, there.
        """
        under_root = Path(os.path.normpath(self.root / written))
        under_workspace = Path(os.path.normpath(self.workspace / written))
        return under_workspace if not _exists(under_root) and _exists(under_workspace) else under_root


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL in it
        return False
