"""A chart is an item like any process: it waits for what it probes, and passes if it has written an image."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pytest_expops.execution.declared.charts import chart_folder, images_in
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.plugin.items.base import ProcessItem, marker_of


class ChartItem(ProcessItem):
    """Draws one chart, or finds that it has been drawn; skipped where only a browser can draw it."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_chart"))

    def __repr__(self) -> str:
        return super().__repr__().replace("<Process ", "<Chart ", 1)

    def runtest(self) -> None:
        chart = self.expanded.process.chart
        if chart is not None and chart.dynamic:
            told = "a dynamic chart is drawn by a browser (JavaScript); only charts in Python are drawn here"
            raise pytest.skip.Exception(told, _use_item_location=True)
        super().runtest()
        folder = chart_folder(self.pipeline_session.folder, self.expanded.name)
        images = images_in(folder)
        self.user_properties.append(("expops_images", ", ".join(path.name for path in images)))
        if self.run_state.options.artifacts is not None:
            sys.stdout.write("".join(f"{path}\n" for path in images))


def process_item(each: ExpandedProcess) -> type[ProcessItem]:
    """The class of the item of an expanded process."""
    return ChartItem if each.process.kind is Kind.CHART else ProcessItem
