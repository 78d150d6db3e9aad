"""Finding the component that a config names, and what it works on.

A library is a function that finds a component by the rest of its name: `sklearn.train_test_split` asks the library
`sklearn` for `train_test_split`. Others can add libraries by an entry point of the group `pytest_expops.components`,
named as the library, that loads such a function.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

from pytest_expops.errors import InputError, ScriptError
from pytest_expops.execution.calls.inputs import Received
from pytest_expops.execution.calls.recording import Recorder
from pytest_expops.execution.declared.component import ChartComponent, Component, ComponentCall, ComponentError, Library
from pytest_expops.pipeline.config.project import Project
from pytest_expops.pipeline.declarations import ComponentRef
from pytest_expops.pipeline.model import Pipeline, Process
from pytest_expops.wording import did_you_mean, worded

GROUP = "pytest_expops.components"

_BUILT_IN = {
    "matplotlib": "pytest_expops.execution.declared._matplotlib",
    "sklearn": "pytest_expops.execution.declared._sklearn",
}


def find_component(process: Process, pipeline: Pipeline) -> Component | ChartComponent:
    """Return the component of a process.

    Raises:
        ScriptError: there is no such library or component, or the library cannot be imported.
    """
    reference = process.component
    assert reference is not None
    try:
        found = _library(reference, process, pipeline)(reference.operation)
    except ComponentError as error:
        _refuse(process, pipeline, str(error))
    except ImportError as error:
        hint = f"install it: python -m pip install {_DISTRIBUTIONS.get(error.name or '', error.name)}"
        _refuse(process, pipeline, f"component `{reference.name}` needs {error.name}, which is not installed", hint)
    is_chart = isinstance(found, ChartComponent)
    if is_chart and process.chart is None:
        _refuse(process, pipeline, f"component `{reference.name}` is a chart, and needs `probe_paths`")
    if process.chart is not None and not is_chart:
        hint = "remove `probe_paths` and `type: chart`"
        _refuse(process, pipeline, f"component `{reference.name}` is no chart", hint)
    return found


_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def _refuse(process: Process, pipeline: Pipeline, message: str, hint: str | None = None) -> NoReturn:
    text = f"process `{process.name}`: {message}"
    raise ScriptError(text, path=pipeline.path, process=process.name, hint=hint)


def _library(reference: ComponentRef, process: Process, pipeline: Pipeline) -> Library:
    name, added = reference.library, _entry_points()
    given = [each for each in added if each.name == name]
    if len(given) > 1:
        values = " and ".join(each.value for each in given)
        message = f"the library of components `{name}` is installed twice: as {values}"
        _refuse(process, pipeline, message, "uninstall one of the packages")
    try:
        if given:
            library: Library = given[0].load()
            return library
        if name in _BUILT_IN:
            built_in: Library = importlib.import_module(_BUILT_IN[name]).find
            return built_in
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise
        _refuse(process, pipeline, f"the library of components `{name}` cannot be loaded: {worded(error)}")
    known = sorted({*_BUILT_IN, *(each.name for each in added)})
    near = did_you_mean(name, known)
    there = ", ".join(f"`{each}`" for each in known)
    message = f"there is no library of components `{name}`, for `component: {reference.name}`"
    _refuse(process, pipeline, message, f"{near} " * bool(near) + f"there are: {there}")


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def gather(component: Component, process: Process, received: Sequence[Received]) -> dict[str, Any]:
    """Return the inputs of a component, by its own names, from what its process received (renamed already).

    Raises:
        InputError: an input is missing, or offered twice.
    """
    gathered: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for each in received:
        for key, value in each.by_key().items():
            if key not in (*component.inputs, *component.optional):
                continue
            if key in origin:
                raise InputError(
                    f"process `{process.name}`: `{key}` is offered twice: by `{origin[key]}` and by `{each.upstream}`",
                    process=process.name,
                    key=key,
                    hint=f"rename one by `output_mapping` of its process: `{key}: NAME`",
                )
            origin[key], gathered[key] = each.upstream, value
    missing = [name for name in component.inputs if name not in gathered]
    if missing:
        assert process.component is not None
        offered = [f"{each.upstream}: {', '.join(each.by_key()) or 'returned nothing'}" for each in received]
        raise InputError(
            f"process `{process.name}`: component `{process.component.name}` needs "
            f"{', '.join(f'`{name}`' for name in missing)}, which no upstream returns",
            process=process.name,
            key=missing[0],
            hint=f"name its source: `input_transform: {{{missing[0]}: KEY}}`; available: "
            + ("; ".join(offered) or "no upstream process"),
        )
    return gathered


def work_of(process: Process, pipeline: Pipeline, inputs: Mapping[str, Any], recorder: Recorder) -> ComponentCall:
    """Return what the component of a process works on."""
    assert process.component is not None
    section = pipeline.document.get("data")
    written = section.get("path") if isinstance(section, dict) else None
    path = Project.of(pipeline.path).resolve(written) if isinstance(written, str) else None
    parameters = copy.deepcopy(dict(process.parameters))
    return ComponentCall(inputs, parameters, recorder.log_metric, path, process.component.iterative_logging)
