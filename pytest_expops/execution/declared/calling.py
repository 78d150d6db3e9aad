"""What is called for a component and for a chart, and what the config adds to a call: renamings and metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

from pytest_expops.execution.calls.functions import Callee
from pytest_expops.execution.calls.inputs import Outputs, Received
from pytest_expops.execution.calls.recording import Recorder
from pytest_expops.execution.declared._metrics import log_declared
from pytest_expops.execution.declared._probes import probe
from pytest_expops.execution.declared.chart_context import ChartContext
from pytest_expops.execution.declared.charts import chart_folder, draw
from pytest_expops.execution.declared.component import ChartComponent, Component
from pytest_expops.execution.declared.components import gather, work_of
from pytest_expops.execution.declared.renames import renamed_outputs
from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Pipeline, Process

RecordOf = Callable[[str], RunRecord]
"""The record of an expanded process that has run."""


def component_call(
    component: Component, process: Process, pipeline: Pipeline, received: list[Received], recorder: Recorder
) -> Callable[[], Outputs]:
    """Return the call of a component on what its process received, renamed already; raises as `gather`."""
    work = work_of(process, pipeline, gather(component, process, received), recorder)
    return lambda: component.run(work)


def chart_call(
    made_by: Callee | ChartComponent,
    each: ExpandedProcess,
    expanded: ExpandedPipeline,
    folder: Path,
    run_id: str,
    record_of: RecordOf,
) -> Callable[[], Outputs]:
    """Return the call that draws a chart into its folder within `folder`. A chart has no outputs."""
    probed = probe(each.process, expanded, record_of)
    context = ChartContext(
        output_dir=chart_folder(folder, each.name),
        project_id=expanded.pipeline.project_id,
        run_id=run_id,
        # A component names the bars and the curves by the keys.
        metrics=probed.metrics if isinstance(made_by, ChartComponent) else {**probed.by_process, **probed.metrics},
        chart_name=each.name,
    )
    parameters = copy.deepcopy(dict(each.process.parameters))

    def call() -> Outputs:
        draw(made_by, each.process, parameters, probed, context)
        return {}

    return call


def finished(
    process: Process, project: ProjectCode, recorder: Recorder, returned: object, received: list[Received]
) -> object:
    """Return what a process returned, renamed, after logging the metrics that it declares.

    `received` is what it got before anything was renamed. What is no dict is complained of later, like that of any
    process.

    Raises:
        OutputError, InputError: as `renamed_outputs` and `log_declared`.
    """
    if not isinstance(returned, dict):
        return returned
    outputs = renamed_outputs(process, returned)
    log_declared(process, project, recorder, outputs, received)
    return outputs
