"""The controller's hooks; registered only where pytest-xdist is."""

from __future__ import annotations

from typing import Any

from pytest_expops.plugin.state import Run


class ControllerHooks:
    """Tells each worker where the session's folder is."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_configure_node(self, node: Any) -> None:
        """Runs in the controller for every worker that is about to start, replacements included."""
        node.workerinput["expops_folder"] = str(self._run.folder)
