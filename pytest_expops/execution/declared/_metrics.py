"""Metrics that the config declares: a key of the result as it is, or what a function makes of some."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_expops.errors import ExpopsError, InputError, OutputError
from pytest_expops.execution.calls.inputs import Outputs, Received
from pytest_expops.execution.calls.recording import Recorder, check_metric
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.config.charts import is_python
from pytest_expops.pipeline.declarations import DeclaredMetric
from pytest_expops.pipeline.model import Process
from pytest_expops.wording import did_you_mean

LIBRARY = "sklearn.metrics"
"""Where the name of a function is looked for that no script has, as the ExpOps guide has it."""


def log_declared(
    process: Process, project: ProjectCode, recorder: Recorder, outputs: Outputs, received: Sequence[Received]
) -> None:
    """Log what `metrics` of a process declare, in order.

    The keys of a metric are output keys, as renamed or as returned, else keys that an upstream returned, as renamed or
    not. `received` is what the process got before anything was renamed.

    Raises:
        OutputError: a metric reads a key that there is not, or its value is nothing that can be logged.
        InputError: two upstreams offer the key that it reads.
    """
    if not process.metrics:
        return
    keys = _Keys(process, outputs, received)
    for metric in process.metrics:
        if metric.from_result is not None:
            value = keys.output(metric, metric.from_result)
        else:
            function = _function(metric, process, project)
            inputs = {name: keys.any(metric, key) for name, key in metric.inputs.items()}
            value = function(**inputs, **metric.parameters)
        try:
            plain = check_metric(metric.name, value, None)
        except TypeError as error:
            raise OutputError(str(error), process=process.name, key=metric.name) from None
        recorder.log_metric(*plain)


class _Keys:
    """Where the keys of metrics are looked up."""

    def __init__(self, process: Process, outputs: Outputs, received: Sequence[Received]) -> None:
        self._process = process
        stored = process.renames.outputs
        returned = {key: outputs[name] for key, name in stored.items() if name in outputs and key not in outputs}
        self._outputs = {**returned, **outputs}
        self._received = [(each.upstream, each.by_key()) for each in received]

    def output(self, metric: DeclaredMetric, key: str) -> Any:
        if key not in self._outputs:
            raise self._missing(metric, key, self._outputs)
        return self._outputs[key]

    def any(self, metric: DeclaredMetric, key: str) -> Any:
        if key in self._outputs:
            return self._outputs[key]
        source = self._process.renames.inputs.get(key, key)
        holding = [(upstream, values[source]) for upstream, values in self._received if source in values]
        if len(holding) > 1:
            names = " and ".join(f"`{upstream}`" for upstream, _ in holding)
            what = f"the metric `{metric.name}` reads `{key}`"
            raise InputError(
                f"process `{self._process.name}`: {what}, which is offered by {names}",
                process=self._process.name,
                key=key,
                hint="rename it in one of them, by `outputs`",
            )
        if not holding:
            inputs = [each for _, values in self._received for each in values]
            raise self._missing(metric, key, [*self._outputs, *inputs])
        return holding[0][1]

    def _missing(self, metric: DeclaredMetric, key: str, known: Sequence[str] | Mapping[str, Any]) -> OutputError:
        there = ", ".join(f"`{each}`" for each in dict.fromkeys(known)) or "nothing"
        near = did_you_mean(key, known)
        return OutputError(
            f"process `{self._process.name}`: the metric `{metric.name}` reads `{key}`, which does not exist",
            process=self._process.name,
            key=key,
            hint=f"{near} " * bool(near) + f"there are: {there}",
        )


def _function(metric: DeclaredMetric, process: Process, project: ProjectCode) -> Callable[..., Any]:
    """Return the function of a metric: of the process's script, of `sklearn.metrics`, or by its dotted name."""
    name = metric.function
    assert name is not None
    module, dot, attribute = name.rpartition(".")
    if dot:
        found = getattr(_module(module), attribute, None)
        where = f"module `{module}`"
    else:
        found = _of_script(name, process, project) or getattr(_module(LIBRARY), name, None)
        where = f"script, and no `{LIBRARY}`,"
    if not callable(found):
        raise ExpopsError(
            f"process `{process.name}`: the metric `{metric.name}` calls `{name}`, but no {where} has such a function",
            process=process.name,
            key=metric.name,
            hint=f"write the name of a function of the script, of `{LIBRARY}`, or MODULE.FUNCTION",
        )
    function: Callable[..., Any] = found
    return function


def _of_script(name: str, process: Process, project: ProjectCode) -> Any:
    key = process.code.script or next(iter(project.pipeline.scripts), "")
    path = project.file(key)
    if path is None or not is_python(path) or not path.is_file():
        return None
    return getattr(project.script(key), name, None)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
