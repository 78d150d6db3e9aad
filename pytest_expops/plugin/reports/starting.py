"""Whether there is a report to make: what is decided before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_expops.plugin.reports._listening import ChecksOfItems

if TYPE_CHECKING:
    from pytest_expops.plugin.state import SessionState


def register_reports(config: pytest.Config, state: SessionState | None, paths: Sequence[Path]) -> None:
    """Have items note what reports need, where they are run; and a report written, where all are reported."""
    if config.option.collectonly:
        return
    in_worker = hasattr(config, "workerinput")
    if in_worker or config.getoption("dist", "no") == "no":
        _register_notes(config, for_report=bool(paths))
    if paths and not in_worker:
        from pytest_expops.plugin.reports._writer import ReportHooks

        config.pluginmanager.register(ReportHooks(config, state, paths), "expops-report")


def _register_notes(config: pytest.Config, *, for_report: bool) -> None:
    listeners = []
    if for_report:
        from pytest_expops.plugin.reports._notes import ItemNotes

        listeners.append(ItemNotes())
        config.pluginmanager.register(listeners[0], "expops-item-notes")
    config.pluginmanager.register(ChecksOfItems(*listeners), "expops-checks")
    if config.getoption("allure_report_dir", None):
        from pytest_expops.plugin.reports._allure import AllureHooks

        config.pluginmanager.register(AllureHooks(), "expops-allure")
    if config.getoption("htmlpath", None):
        from pytest_expops.plugin.reports._pytest_html import PytestHtmlHooks

        config.pluginmanager.register(PytestHtmlHooks(), "expops-pytest-html")
