"""The libraries that are imported because the data is theirs: pandas, where a process is given a frame.

An interpreter that later replays are forked of can import them as well as those that the script imports. What the
process itself imports is left to it: it may be imported on some condition, or after a setting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Set

from pytest_expops.execution.calls.inputs import Load, Outputs
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.user_code.installed import is_installed

_OURS = frozenset({"MLOPS_WORKSPACE_DIR", "MLOPS_PROJECT_ID", "MPLBACKEND", "PYTEST_CURRENT_TEST"})
"""The variables that are set for a run."""


class DataLibraries:
    """Notes which libraries are imported while inputs are loaded; made before the project is imported."""

    def __init__(self) -> None:
        self._environment = _variables()
        self._modules: set[str] = set()

    def noting(self, load: Load) -> Load:
        """Return `load`, noting what it imports.

        Where the project has set a variable of the environment, nothing is noted: libraries may read it on import.
        """

        def noted(name: str, partition: Partition | None = None, /) -> Outputs:
            before = set(sys.modules)
            outputs = load(name, partition)
            if _variables() == self._environment:
                self._modules |= sys.modules.keys() - before
            return outputs

        return noted

    @property
    def found(self) -> list[str]:
        """The top-level names of installed libraries, sorted."""
        return sorted(name for name in {each.partition(".")[0] for each in self._modules} if _is_library(name))


def _is_library(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and is_installed(os.path.realpath(file))


def _variables() -> Set[tuple[str, str]]:
    return {(name, value) for name, value in os.environ.items() if name not in _OURS}
