"""The charts of Matplotlib, as the ExpOps guide describes them; imported when a config first names one.

Figures are made without pyplot, so that no backend is asked and nothing stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from pytest_expops.execution.declared.chart_context import ChartContext
from pytest_expops.execution.declared.component import ChartComponent, ComponentError
from pytest_expops.wording import did_you_mean

_INCHES = (6.4, 4.8)
_COMMON = ("grid", "title")


def find(operation: str) -> ChartComponent:
    """Return `BarChart.render` or `Histogram.render`."""
    known = {"BarChart.render": _bar_chart, "Histogram.render": _histogram}
    if operation in known:
        return ChartComponent(known[operation])
    near = did_you_mean(operation, known) or f"there are: {', '.join(f'`{each}`' for each in known)}"
    raise ComponentError(f"there is no component `matplotlib.{operation}`; {near}")


def _bar_chart(metrics: Mapping[str, Any], parameters: Mapping[str, Any], context: ChartContext) -> None:
    """Draw a bar for the last reading of one metric in each probe."""
    _check(parameters, "BarChart", "probe_bar_metric", *_COMMON, "ylim")
    name = parameters["probe_bar_metric"]
    heights = {label: values[-1] for label, values in _series(metrics, name).items()}
    figure, axes = _axes(parameters)
    axes.bar(list(heights), list(heights.values()))
    axes.set_ylabel(name)
    if "ylim" in parameters:
        axes.set_ylim(*parameters["ylim"])
    context.savefig(f"{context.chart_name}.png", fig=figure)


def _histogram(metrics: Mapping[str, Any], parameters: Mapping[str, Any], context: ChartContext) -> None:
    """Draw the distribution of each probe's readings of one metric."""
    _check(parameters, "Histogram", "probe_metric", *_COMMON, "bins")
    name = parameters["probe_metric"]
    series = _series(metrics, name)
    figure, axes = _axes(parameters)
    for label, values in series.items():
        axes.hist(values, bins=parameters.get("bins", 10), alpha=1 / len(series) ** 0.5, label=label)
    axes.set_xlabel(name)
    axes.legend()
    context.savefig(f"{context.chart_name}.png", fig=figure)


def _check(parameters: Mapping[str, Any], chart: str, needed: str, *others: str) -> None:
    if not isinstance(parameters.get(needed), str):
        raise ComponentError(f"`matplotlib.{chart}.render` needs the parameter `{needed}`: the name of a metric")
    for name in parameters:
        if name not in (needed, *others):
            near = did_you_mean(name, (needed, *others)) or f"there are: {', '.join((needed, *others))}"
            raise ComponentError(f"`matplotlib.{chart}.render` has no parameter `{name}`; {near}")


def _axes(parameters: Mapping[str, Any]) -> tuple[Figure, Any]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_title(str(parameters.get("title", "")))
    axes.grid(bool(parameters.get("grid", False)))
    return figure, axes


def _series(metrics: Mapping[str, Any], name: str) -> dict[str, list[float]]:
    """Return the numbers of one metric in each probe that has any, in the order of their steps."""
    found = {}
    for label, probed in metrics.items():
        values = probed.get(name)
        if isinstance(values, Mapping):
            values = [values[step] for step in sorted(values, key=int)]
        elif isinstance(values, (int, float)):
            values = [values]
        if isinstance(values, list) and values:
            found[label] = [float(each) for each in values]
    if not found:
        there = dict.fromkeys(each for probed in metrics.values() for each in probed)
        known = ", ".join(f"`{each}`" for each in there) or "none at all"
        raise ComponentError(f"no probe has the metric `{name}`; there are: {known}")
    return found
