"""What a process received becomes the arguments of one call, in the style of its function (S2.2)."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.errors import InputError
from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.calls.functions import CLASSIC_NAMES, Callee, CallStyle
from pytest_expops.execution.calls.inputs import Outputs, Received
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Process


def configured_parameters(expanded: ExpandedProcess, pipeline: ExpandedPipeline) -> dict[str, Any]:
    """Return a copy of the global parameters, updated by the process's own key by key (S2.4)."""
    return copy.deepcopy({**pipeline.pipeline.parameters, **expanded.process.parameters})


def hyperparameters(expanded: ExpandedProcess, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configured parameters, and `random_seed` of the innermost seed layer (S4.2)."""
    return {**configured, "random_seed": expanded.seeds[-1]} if expanded.seeds else dict(configured)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call of a process function."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def merged(process: Process, received: list[Received]) -> Outputs:
    """Return the outputs of a functionless split: those of all its upstream processes.

    Raises:
        InputError: two of them return the same key.
    """
    return _offered(process, received, {}, lambda key: True)


def arrange(
    callee: Callee,
    process: Process,
    received: list[Received],
    context: ProcessContext,
    configured: Mapping[str, Any],
    base_seed: int,
    style: CallStyle,
) -> Arguments:
    """Return the arguments of the call, by the style of the function (S2.2).

    `configured` are the parameters by name. `random_seed` (or `seed`, or `random_state`) and `seeds` go to a function
    that declares them, with a default or without, where nothing else offers them. They do not go to ``**kwargs``, which
    is often handed on to a model that knows no such parameter (ExpOps does the same).

    Raises:
        InputError: a name that the function takes is offered twice, or one that it needs is not offered.
    """
    classic: dict[str, Any] = {
        "data": context.upstream,
        "hyperparameters": context.hyperparameters,
        "hparams": context.hyperparameters,
        "context": context,
    }
    if style is CallStyle.CLASSIC:
        return _bind(callee, {name: classic[name] for name in _named(callee)}, {})
    named = _named(callee)
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in callee.parameters)
    offered = _offered(process, received, configured, lambda key: takes_all or key in named)
    fallback = {"random_seed": base_seed, **classic}
    if "random_seed" in context.hyperparameters:
        fallback["random_seed"] = context.hyperparameters["random_seed"]
        if "random_seed" in configured and "random_seed" in offered:
            # The seed of the layer goes before a parameter of that name (S4.2).
            offered["random_seed"] = fallback["random_seed"]
    fallback |= dict.fromkeys(("seed", "random_state"), fallback["random_seed"])
    if process.split_seeds is not None:
        fallback["seeds"] = list(process.split_seeds.seeds)
    chosen = _chosen(callee, offered, fallback)
    missing = [each.name for each in callee.parameters if each.name in named and not _optional(each)]
    missing = [name for name in missing if name not in chosen]
    if missing:
        raise _missing(process, missing, received, configured)
    rest = {key: value for key, value in offered.items() if key not in named} if takes_all else {}
    return _bind(callee, chosen, rest)


def _chosen(callee: Callee, offered: Mapping[str, Any], fallback: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each declared name gets: what is offered under it, else what every process can ask for."""
    chosen = {}
    named = _named(callee)
    for parameter in callee.parameters:
        name = parameter.name
        if name not in named:
            continue
        if name in offered:
            chosen[name] = offered[name]
        elif name in fallback and not (name in CLASSIC_NAMES and _optional(parameter)):
            # (`data=None` in a by-name function is its own default, not a request for everything.)
            chosen[name] = fallback[name]
    return chosen


def _offered(
    process: Process, received: list[Received], parameters: Mapping[str, Any], taken: Callable[[str], bool]
) -> dict[str, Any]:
    """Return upstream output keys, then parameters. A name offered twice matters only where it is `taken`."""
    offered: dict[str, Any] = {}
    origin: dict[str, str] = {}
    sources = [(f"the output of `{each.upstream}`", each.by_key()) for each in received]
    sources.append(("the parameters", dict(parameters)))
    for source, values in sources:
        for key, value in values.items():
            if key in origin and taken(key):
                raise _offered_twice(process, key, origin[key], source)
            origin.setdefault(key, source)
            offered.setdefault(key, value)
    return offered


def _named(callee: Callee) -> list[str]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in callee.parameters if each.kind not in variable]


def _optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _bind(callee: Callee, chosen: dict[str, Any], rest: dict[str, Any]) -> Arguments:
    args, kwargs = [], {**chosen, **rest}
    for parameter in callee.parameters:
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            if parameter.name not in kwargs:
                break
            args.append(kwargs.pop(parameter.name))
    return Arguments(tuple(args), kwargs)


def _offered_twice(process: Process, key: str, first: str, second: str) -> InputError:
    return InputError(
        f"process `{process.name}`: `{key}` is offered twice: by {first} and by {second}",
        process=process.name,
        key=key,
        hint="rename one of them, or declare `data` and `hyperparameters` to get them apart",
    )


def _missing(
    process: Process, missing: list[str], received: list[Received], parameters: Mapping[str, Any]
) -> InputError:
    lines = [f"{each.upstream}: {', '.join(each.by_key()) or 'returned nothing'}" for each in received] or [
        "no upstream process"
    ]
    lines.append(f"parameters: {', '.join(parameters) or 'none'}")
    names = ", ".join(f"`{name}`" for name in missing)
    return InputError(
        f"process `{process.name}`: function `{process.code.function}` needs {names}, which nothing offers",
        process=process.name,
        key=missing[0],
        hint="available: " + "; ".join(lines),
    )
