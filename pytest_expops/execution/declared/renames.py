"""Renaming: what goes into a process and what comes out, where the config gives it other names."""

from __future__ import annotations

from pytest_expops.errors import InputError, OutputError
from pytest_expops.execution.calls.inputs import Outputs, Received
from pytest_expops.pipeline.model import Process


def renamed_inputs(process: Process, received: list[Received]) -> list[Received]:
    """Return what a process receives, by the names that its `inputs` give.

    A key that is renamed is there by its new name only, and takes the place of an upstream key that already has it.

    Raises:
        InputError: no upstream returns a key that is to be renamed.
    """
    renames = process.renames.inputs
    if not renames:
        return received
    there = {key for each in received for outputs in each.parts.values() for key in outputs}
    for name, key in renames.items():
        if key not in there:
            raise InputError(
                f"process `{process.name}`: `inputs` takes `{name}` from `{key}`, which no upstream returns",
                process=process.name,
                key=key,
                hint=f"upstream returns: {', '.join(f'`{each}`' for each in sorted(there)) or 'nothing'}",
            )
    return [
        Received(each.upstream, {path: _renamed(outputs, process) for path, outputs in each.parts.items()})
        for each in received
    ]


def _renamed(outputs: Outputs, process: Process) -> Outputs:
    renames = process.renames.inputs
    replaced = {*renames, *renames.values()}
    kept = {key: value for key, value in outputs.items() if key not in replaced}
    return kept | {name: outputs[key] for name, key in renames.items() if key in outputs}


def renamed_outputs(process: Process, returned: Outputs) -> Outputs:
    """Return what a process returned, by the names that its `outputs` give.

    Raises:
        OutputError: it returned no such key, or two would have one name.
    """
    renames = process.renames.outputs
    if not renames:
        return returned
    for key in renames:
        if key not in returned:
            raise OutputError(
                f"process `{process.name}`: `outputs` renames `{key}`, which it did not return",
                process=process.name,
                key=key,
                hint=f"it returned: {', '.join(f'`{each}`' for each in returned) or 'nothing'}",
            )
    outputs: Outputs = {}
    for key, value in returned.items():
        name = renames.get(key, key)
        if name in outputs:
            raise OutputError(
                f"process `{process.name}`: `outputs` gives `{name}` to two of the keys that it returned",
                process=process.name,
                key=name,
                hint=f"rename `{name}` too, or choose another name",
            )
        outputs[name] = value
    return outputs
