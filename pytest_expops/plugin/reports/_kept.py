"""What is kept of a session gets tables of its metrics, and a page that lists it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.execution import scratch
from pytest_expops.plugin.state import SessionState
from pytest_expops.report.kept import INDEX, write_index
from pytest_expops.report.metrics import MetricRow, can_write_parquet, metric_rows, write_csv, write_parquet
from pytest_expops.wording import short_path


class KeptFolderHooks:
    """Registered in the controller, or in the only process, of a session whose folder is kept."""

    def __init__(self, config: pytest.Config, state: SessionState) -> None:
        self._directory = config.invocation_params.dir
        self._state = state
        self._errors: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Everything has run that will."""
        folder = self._state.folder
        self._try("the table of metrics", lambda: write_csv(folder / "metrics.csv", self._rows()))
        if can_write_parquet():
            self._try("the table of metrics", lambda: write_parquet(folder / "metrics.parquet", self._rows()))
        # What replays have there for a while is removed at the end.
        self._try("the list of what is kept", lambda: write_index(folder, (scratch.TEMPORARY,)))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the list is."""
        for error in self._errors:
            terminalreporter.line(f"expops: {error}", red=True)
        index = self._state.folder / INDEX
        if index.exists():
            terminalreporter.line(f"expops: metrics and a list of what is kept: {short_path(index, self._directory)}")

    def _rows(self) -> Iterator[MetricRow]:
        return metric_rows(self._state.sessions.values(), self._directory)

    def _try(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except ExpopsError as error:
            self._errors.append(f"{what} was not written: {error}")
