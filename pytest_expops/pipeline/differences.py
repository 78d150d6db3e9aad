"""What two expanded pipelines say of one process, compared: the same config before and after a change."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Pipeline, Process

_SEPARATE = ("name", "parameters", "upstream", "split_seeds")
"""What is compared in another way than field by field. Which seeds there are does not matter to the process that opens
the layer: only to what stands in it, and that has them in its name."""
_NAMES = {
    "aggregates": "aggregation",
    "code": "function",
    "metrics": "declared metrics",
    "nondeterministic": "nondeterministic",
    "not_replayed": "replay",
    "split_data": "partitions",
    "stability": "claims over seeds",
    "tolerances": "tolerance",
}


def config_differences(old: ExpandedPipeline, new: ExpandedPipeline) -> dict[str, list[str]]:
    """Return what the config says differently of each expanded process of `new`, by its name; empty if nothing.

    The order in which maps are written counts: a process may go through them. Comments, formatting, and how processes
    and edges are ordered do not count.
    """
    by_process = {name: [*_of_process(name, old, new)] for name in new.pipeline.processes if name in old.layers}
    found = {}
    for name, each in new.processes.items():
        before = old.processes.get(name)
        if before is None or before.process.name != each.process.name:
            found[name] = ["it is new"]
        else:
            found[name] = [*by_process[each.process.name], *_of_duplicate(before, each)]
    return found


def merged_parameters(pipeline: Pipeline, process: Process) -> dict[str, Any]:
    """Return the parameters that a process gets: those of the pipeline, updated by its own."""
    return {**pipeline.parameters, **process.parameters}


def form(value: Any) -> Any:
    """Return what equals the form of another value only if both are alike: unlike `1`, `1.0` and `True`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [each for each in dataclasses.fields(value) if each.compare]
        return (type(value).__name__, *((each.name, form(getattr(value, each.name))) for each in fields))
    if isinstance(value, Mapping):
        return ("map", *((form(key), form(each)) for key, each in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", *map(form, value))
    if isinstance(value, enum.Enum):
        return (type(value).__name__, value.name)
    return (type(value).__name__, repr(value))


def _of_process(name: str, old: ExpandedPipeline, new: ExpandedPipeline) -> Iterator[str]:
    before, after = old.pipeline.processes[name], new.pipeline.processes[name]
    changed = [*_changed_parameters(old.pipeline, before, new.pipeline, after)]
    if changed:
        yield f"parameters {', '.join(changed)}"
    for key in (each.name for each in dataclasses.fields(Process) if each.compare and each.name not in _SEPARATE):
        if form(getattr(before, key)) != form(getattr(after, key)):
            yield f"its {_NAMES.get(key, key)} in the config"
    if _script(old.pipeline, before) != _script(new.pipeline, after):
        yield "the path of its script in the config"
    if old.pipeline.base_seed != new.pipeline.base_seed:
        yield "the base seed"
    if (old.layers[name], old.incoming[name]) != (new.layers[name], new.incoming[name]):
        yield "the partitions and seeds that it stands in"


def _of_duplicate(before: ExpandedProcess, after: ExpandedProcess) -> Iterator[str]:
    if (before.partitions, before.seeds) != (after.partitions, after.seeds):
        yield "its partition or seed"
    if before.upstream != after.upstream:
        yield "what it depends on"


def _changed_parameters(old: Pipeline, before: Process, new: Pipeline, after: Process) -> Iterator[str]:
    one, other = _parameter_forms(old, before), _parameter_forms(new, after)
    yield from (name for name in {**one, **other} if one.get(name) != other.get(name))
    if {*one} == {*other} and [*one] != [*other]:
        yield "(their order)"


def _parameter_forms(pipeline: Pipeline, process: Process) -> dict[str, object]:
    """Return for each parameter its value, and whether it is the process's own: a component gets only those."""
    merged = merged_parameters(pipeline, process)
    return {name: (form(value), name in process.parameters) for name, value in merged.items()}


def _script(pipeline: Pipeline, process: Process) -> object:
    return pipeline.scripts.get(process.code.script)
