"""The item of an expanded process, or of a chart: it runs once, or finds that it has been run."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pytest_expops.errors import CheckFailed, ExpopsError
from pytest_expops.execution.declared.charts import chart_folder, images_in
from pytest_expops.execution.raised import is_plain
from pytest_expops.execution.records import LINE, Outcome, RunRecord
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.plugin.items.base import ExpopsItem, RecordedFailure, marker_of, stop_for
from pytest_expops.plugin.reuse import REUSED, audited_text
from pytest_expops.wording import cut_middle, listed


class KeptResultDiffered(ExpopsError, CheckFailed):
    """A process gave something else than what was kept of it, though all that is known of it is as it was."""


class ProcessItem(ExpopsItem):
    """Runs one expanded process, or finds that it has been run, and passes if it passed."""

    expops_kind = "process"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_process"))

    def __repr__(self) -> str:
        upstream = listed(self.expanded.upstream, 4)
        return f"<Process {self.name}{f' <- {upstream}' if upstream else ''}>"

    def runtest(self) -> None:
        session = self.pipeline_session
        self.worked = session.known(self.expanded.name) is None
        record = session.record(self.expanded.name)
        self._report(record)
        if record.outcome is Outcome.PASSED:
            self._audit()
            return
        if record.outcome is Outcome.BLOCKED:
            stop_for(self.config, self.path, session.roots(record))
        error = session.errors.pop(record.process, None)
        if error is not None and is_plain(error):
            raise error
        assert record.failure is not None
        raise RecordedFailure(record.failure)

    def _audit(self) -> None:
        """Fail where it was run although a kept result could have stood in, and that was another.

        Raises:
            KeptResultDiffered: it was.
        """
        audited = self.state.reuse.audit(self.pipeline_session, self.expanded.name)
        if audited is not None:
            self.user_properties.append(("expops_audited", True))
            if audited.differences:
                raise KeptResultDiffered(audited_text(self.expanded.name, audited), process=self.expanded.name)

    def _report(self, record: RunRecord) -> None:
        """Say in the JUnit report how long the process itself took, where it ran, and what it logged."""
        self.user_properties.append(("expops_duration", round(record.duration, 6)))
        self.user_properties.append(("expops_worker", record.worker))
        if record.saved is not None:
            self.worked = False
            self.user_properties.append((REUSED, True))
        for metric in record.metrics:
            source = f"{metric.source}/" if metric.source else ""
            step = f"[{metric.step}]" if metric.step is not None else ""
            name = cut_middle(f"{source}{metric.name}", LINE)
            self.user_properties.append((f"expops_metric:{name}{step}", _simple(metric.value)))


class ChartItem(ProcessItem):
    """Draws one chart, or finds that it has been drawn; skipped where only a browser can draw it."""

    expops_kind = "chart"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_chart"))

    def __repr__(self) -> str:
        return super().__repr__().replace("<Process ", "<Chart ", 1)

    def runtest(self) -> None:
        chart = self.expanded.process.chart
        if chart is not None and chart.dynamic:
            reason = "a dynamic chart is drawn by a browser (JavaScript); only charts in Python are drawn here"
            raise pytest.skip.Exception(reason, _use_item_location=True)
        super().runtest()
        folder = chart_folder(self.pipeline_session.folder, self.expanded.name)
        images = images_in(folder)
        self.user_properties.append(("expops_images", ", ".join(path.name for path in images)))
        if self.state.options.artifacts is not None:
            sys.stdout.write("".join(f"{path}\n" for path in images))


def process_item(each: ExpandedProcess) -> type[ProcessItem]:
    """Return the class of the item of an expanded process."""
    return ChartItem if each.process.kind is Kind.CHART else ProcessItem


def _simple(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else cut_middle(str(value))
