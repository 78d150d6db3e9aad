"""What a process returned becomes its outputs: checked, renamed, and in a form that can be split (S2.3, S3.2)."""

from __future__ import annotations

from pytest_expops.errors import OutputError
from pytest_expops.execution.inputs import Outputs
from pytest_expops.execution.mapping import renamed_outputs
from pytest_expops.execution.partitioning import as_splittable
from pytest_expops.pipeline.model import Process


def checked(process: Process, returned: object) -> Outputs:
    """The outputs of a process that returned this.

    Raises:
        OutputError: it is no dict with texts as keys, or lacks what is to be renamed or split.
        PartitionError: what is to be split cannot be.
    """
    split = process.split_data
    if isinstance(returned, list) and split is not None:
        returned = {split.data_name: returned}
    if not isinstance(returned, dict):
        raise OutputError(
            f"process `{process.name}` returned {_kind(returned)}; a process returns a dict of its outputs",
            process=process.name,
            hint=f"return it under a name: `return {{'result': ...}}` in `{process.code.function}`",
        )
    odd = [key for key in returned if not isinstance(key, str)]
    if odd:
        raise OutputError(
            f"process `{process.name}` returned a dict with the key {odd[0]!r}; output keys are text",
            process=process.name,
            hint=f"put it inside an output: `return {{'result': ...}}` in `{process.code.function}`",
        )
    outputs = dict(renamed_outputs(process, returned))
    if split is None:
        return outputs
    if split.data_name not in outputs:
        keys = ", ".join(f"`{key}`" for key in outputs) or "no keys at all"
        raise OutputError(
            f"process `{process.name}` splits `{split.data_name}`, but it returned {keys}",
            process=process.name,
            key=split.data_name,
            hint="set `data_name` under `data_parallelism` to the key whose rows are to be split",
        )
    outputs[split.data_name] = as_splittable(outputs[split.data_name], split, process=process.name)
    return outputs


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__qualname__}"
