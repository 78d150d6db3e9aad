"""The report of a session: gathered in the process that reports, and given to each reader that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.plugin.options.report import ReportOptions
from pytest_expops.plugin.reports._facts import FactsOfSession
from pytest_expops.plugin.reports._loaded import loaded_versions
from pytest_expops.plugin.reports._notes import LOADED
from pytest_expops.plugin.reports._results import CheckResults
from pytest_expops.plugin.reports._targets import ReportTarget, targets
from pytest_expops.plugin.state import SessionState
from pytest_expops.report.gathering import PipelinePart, gather
from pytest_expops.report.model import Report
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.wording import short_path

EVERY = 3.0
"""Seconds between two states of a page that is written while the session runs, at the least."""
SHARE = 0.05
"""No more than this share of the time is spent on writing it meanwhile."""


class ReportHooks:
    """Registered in the controller, or in the only process; since the session `began`, if that was earlier."""

    def __init__(
        self, config: pytest.Config, state: SessionState | None, wanted: ReportOptions, began: float | None = None
    ) -> None:
        self._config = config
        self._state = state
        self._targets, self._printed = targets(config, wanted)
        self._written: list[ReportTarget] = []
        self._lines: list[str] = []
        self._facts = FactsOfSession(config, began)
        self._results = CheckResults(config.invocation_params.dir)
        self._why = ""
        self._errors: list[str] = []
        self._due = UNPATCHED.monotonic() + EVERY

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """So many workers begin the session."""
        self._facts.workers = len(specs)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker has ended, and says what it has loaded."""
        self._facts.loaded(getattr(node, "workeroutput", {}).get(LOADED, {}))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An item has ended a phase."""
        self._results.add(report)
        if UNPATCHED.monotonic() >= self._due:
            self._refresh()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """The session was interrupted."""
        self._why = str(excinfo.value) or type(excinfo.value).__name__

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: Any) -> None:
        """The session ended by an error of pytest's, or of a plugin's."""
        self._why = str(getattr(excrepr, "reprcrash", None) or excrepr).strip()[-500:]

    @pytest.hookimpl(trylast=True)  # once the baseline is written
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Everything has run that will."""
        if session.config.option.collectonly:
            return
        stopped = session.shouldfail or session.shouldstop
        self._why = self._why or (str(stopped) if stopped else "")
        if not self._facts.workers:
            self._facts.loaded(loaded_versions())
        report = self.report(_state_of(int(session.exitstatus), bool(self._why)))
        self._write(report, self._targets)
        self._lines = [line for lines in self._printed for line in lines(report)]

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the report is, and what whoever reads the output is to be told."""
        for error in self._errors:
            terminalreporter.line(f"expops: {error}", red=True)
        for name in dict.fromkeys(each.name for each in self._written if each.told):
            paths = [each.path for each in self._written if each.name == name]
            shown = ", ".join(short_path(path, self._config.invocation_params.dir) for path in paths)
            terminalreporter.line(f"expops: {name}: {shown}")
        for line in self._lines:
            terminalreporter.line(line)

    def report(self, state: str) -> Report:
        """Return the report as of now."""
        directory = self._config.invocation_params.dir
        parts = []
        for path, session in self._state.sessions.items() if self._state is not None else ():
            assert self._state is not None
            lock = self._state.lock_paths.get(path)
            parts.append(
                PipelinePart(
                    session,
                    self._state.options.replay,
                    self._state.baselines.get(path),
                    short_path(lock, directory) if lock is not None else "",
                    self._results.commands(path),
                )
            )
        return gather(self._facts.now(state, self._why), parts, self._results.results(), self._results.checked())

    def _refresh(self) -> None:
        """Write the pages as of now, for somebody who looks on; what goes wrong will be met at the end again."""
        began = UNPATCHED.monotonic()
        pages = [each for each in self._targets if each.live]
        if pages:
            self._write(self.report("running"), pages)
            self._errors.clear()
            self._written.clear()
        took = UNPATCHED.monotonic() - began
        self._due = began + took + max(EVERY, took / SHARE)

    def _write(self, report: Report, files: Iterable[ReportTarget]) -> None:
        for each in files:
            try:
                each.put(each.path, each.make(report))
            except ExpopsError as error:
                self._errors.append(f"the {each.name} was not written: {error}")
            else:
                self._written.append(each)


def _state_of(exitstatus: int, ended_early: bool) -> str:
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        return "interrupted"
    if ended_early or exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        return "ended early"
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        return "nothing ran"
    return "passed" if exitstatus == pytest.ExitCode.OK else "failed"
