"""Where a config stands: the project root, the workspace, and what relative paths in the config mean (S1.1)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pytest_expops.pipeline.files import DISK, Disk


@dataclass(frozen=True, slots=True)
class Project:
    """The folders of the project that a config belongs to; all absolute."""

    root: Path
    workspace: Path
    working_directory: Path
    files: Disk = field(default=DISK, compare=False, repr=False)

    @classmethod
    def of(cls, config: Path, files: Disk = DISK) -> Project:
        """Return the project of the config at this path; links are not followed: a config belongs where it is used."""
        folder = Path(os.path.abspath(config)).parent
        root = folder.parent if folder.name == "configs" else folder
        if root.parent.name == "projects":
            workspace = root.parent.parent
            return cls(root, workspace, workspace, files)
        return cls(root, root.parent, root, files)

    def resolve(self, written: str) -> Path:
        """Return what a relative path of the config means.

        It is under the root, or, if there is such a file only under the workspace, there.
        """
        under_root = Path(os.path.normpath(self.root / written))
        under_workspace = Path(os.path.normpath(self.workspace / written))
        only_there = not self.files.is_file(under_root) and self.files.is_file(under_workspace)
        return under_workspace if only_there else under_root
