"""Code that is found as the test itself finds it: nothing is added to the import path, and no module is put aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.model import FunctionCheck, Pipeline


class ImportableCode(ProjectCode):
    """The code of a check: whatever lies in its folders and is not installed."""

    def __init__(self, pipeline: Pipeline, check: FunctionCheck) -> None:
        super().__init__(pipeline)
        self.import_path = []
        self.last_path = []
        self._check = check

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Do nothing: modules are those of the session."""
        yield

    def file(self, key: str) -> Path | None:
        """Return the file of the function, which the check has in place of the key of a script."""
        return Path(key) if key else None

    def forget(self) -> None:
        """Do nothing: the modules belong to the tests."""

    def _folders(self) -> list[str]:
        return [os.path.realpath(each) for each in (*self._check.folders, self._check.directory)]


def project_code(pipeline: Pipeline, child_folder: Path) -> ProjectCode:
    """Return the code of a pipeline; `child_folder` takes the modules by which child processes find its scripts."""
    if pipeline.check is not None:
        return ImportableCode(pipeline, pipeline.check)
    return ProjectCode(pipeline, child_folder)
