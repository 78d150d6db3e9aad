"""Whether there is a report to make: what is decided before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_expops.plugin.options.report import ReportOptions
from pytest_expops.plugin.reports._listening import ChecksOfItems
from pytest_expops.plugin.reports._notes import ATTRIBUTE, ItemNotes
from pytest_expops.plugin.whole_tests.marks import INSIDE
from pytest_expops.unpatched import UNPATCHED

if TYPE_CHECKING:
    from pytest_expops.plugin.state import SessionState

_NAME = "expops-report"


def register_reports(config: pytest.Config, state: SessionState | None, wanted: ReportOptions) -> None:
    """Have items note what reports need, where they are run; and a report written, where all are reported.

    Not where a test is run again, which is no session of the user's.
    """
    if config.option.collectonly or config.pluginmanager.has_plugin(INSIDE):
        return
    in_worker = hasattr(config, "workerinput")
    if state is not None and state.options.artifacts is not None and not in_worker:
        from pytest_expops.plugin.reports._kept import KeptFolderHooks

        config.pluginmanager.register(KeptFolderHooks(config, state), "expops-kept-folder")
    asked = bool(wanted.files or wanted.github)
    if in_worker or config.getoption("dist", "no") == "no":
        _register_notes(config, for_report=asked)
    if in_worker or not asked:
        return
    if wanted.files or state is not None:
        _register(config, state, wanted)
    else:
        config.pluginmanager.register(_OnceSomethingIsNoted(config, wanted), "expops-report-awaited")


def _register(
    config: pytest.Config, state: SessionState | None, wanted: ReportOptions, began: float | None = None
) -> Any:
    from pytest_expops.plugin.reports._writer import ReportHooks

    hooks = ReportHooks(config, state, wanted, began)
    config.pluginmanager.register(hooks, _NAME)
    return hooks


class _OnceSomethingIsNoted:
    """Loads what makes a report when an item has checked something: under GitHub Actions, most sessions never do."""

    def __init__(self, config: pytest.Config, wanted: ReportOptions) -> None:
        self._config = config
        self._wanted = wanted
        self._began = UNPATCHED.time()
        self._specs: Sequence[Any] = ()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        self._specs = specs

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, ATTRIBUTE):
            return
        self._config.pluginmanager.unregister(self)
        hooks = _register(self._config, None, self._wanted, self._began)
        hooks.pytest_xdist_setupnodes(self._specs)
        hooks.pytest_runtest_logreport(report)


def _register_notes(config: pytest.Config, *, for_report: bool) -> None:
    listeners = []
    if for_report:
        listeners.append(ItemNotes())
        config.pluginmanager.register(listeners[0], "expops-item-notes")
    config.pluginmanager.register(ChecksOfItems(*listeners), "expops-checks")
    if config.getoption("allure_report_dir", None):
        from pytest_expops.plugin.reports._allure import AllureHooks

        config.pluginmanager.register(AllureHooks(), "expops-allure")
    if config.getoption("htmlpath", None):
        from pytest_expops.plugin.reports._pytest_html import PytestHtmlHooks

        config.pluginmanager.register(PytestHtmlHooks(), "expops-pytest-html")
