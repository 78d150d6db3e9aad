"""Which layers reach a process, which it stands in and which it opens: found once for each base name (S5.1, S5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pytest_expops.pipeline.model import Layers, Pipeline, Process, SeedSplit
from pytest_expops.pipeline.problems import Problems

Kind = Literal["data", "seeds"]
Stack = tuple[str, ...]


@dataclass(slots=True)
class Layering:
    """The layers of every process by base name, with the meaning that `ExpandedPipeline` gives the same names."""

    incoming: dict[str, Layers] = field(default_factory=dict)
    layers: dict[str, Layers] = field(default_factory=dict)
    outgoing: dict[str, Layers] = field(default_factory=dict)


def lay_out(pipeline: Pipeline, order: Sequence[str], problems: Problems) -> Layering:
    """Walk the processes in topological order, noting stacks that do not nest and splits that do nothing."""
    layering = Layering()
    has_downstream = {source for process in pipeline.processes.values() for source in process.upstream}
    for name in order:
        process = pipeline.processes[name]
        data = _incoming("data", process, layering, problems)
        seeds = _incoming("seeds", process, layering, problems)
        # What follows from a reported error is not reported again: here it counts as no layers, which nest with any.
        reaching = Layers(data or (), seeds or ())
        standing = Layers(
            reaching.data[:-1] if process.aggregates.data else reaching.data,
            reaching.seeds[:-1] if process.aggregates.seeds else reaching.seeds,
        )
        by_seed = (*standing.seeds, name) if process.split_seeds else standing.seeds
        if process.split_seeds and process.split_seeds.of_itself:
            standing = replace(standing, seeds=by_seed)
        layering.incoming[name] = reaching
        layering.layers[name] = standing
        layering.outgoing[name] = Layers(
            (*standing.data, name) if process.split_data else standing.data,
            by_seed,
        )
        _warn_of_nothing_to_collapse(process, reaching, problems)
        if name not in has_downstream:
            _warn_of_split_without_downstream(process, problems)
    return layering


def _incoming(kind: Kind, process: Process, layering: Layering, problems: Problems) -> Stack | None:
    """Return the longest stack that comes in; None, and an error, where another is not a part of it (S5.1)."""
    outgoing = layering.outgoing
    stacks: list[tuple[str, Stack]] = [
        (source, outgoing[source].data if kind == "data" else outgoing[source].seeds)
        for source in sorted(process.upstream)
    ]
    if not stacks:
        return ()
    longest_source, longest = max(stacks, key=lambda each: len(each[1]))
    for source, stack in stacks:
        if longest[: len(stack)] != stack:
            level = next(i for i, (one, other) in enumerate(zip(longest, stack, strict=False)) if one != other)
            _report_not_nesting(kind, process, (longest_source, longest[level]), (source, stack[level]), problems)
            return None
    return longest


def _report_not_nesting(
    kind: Kind, process: Process, one: tuple[str, str], other: tuple[str, str], problems: Problems
) -> None:
    (first, first_split), (second, second_split) = sorted([one, other])
    what, key = ("data", "data_aggregation") if kind == "data" else ("seed", "seed_aggregation")
    message = (
        f"process `{process.name}` brings together {_duplicated(first, first_split)} and "
        f"{_duplicated(second, second_split)}; these {what} splits do not nest"
    )
    hint = f"aggregate one of them first: a process with `{key}: true` between its split and `{process.name}`"
    problems.error(message, process.location, process=process.name, key=key, hint=hint)


def _duplicated(source: str, split: str) -> str:
    return f"the split `{split}`" if source == split else f"`{source}` (duplicated by the split `{split}`)"


def _warn_of_nothing_to_collapse(process: Process, reaching: Layers, problems: Problems) -> None:
    """Warn of an aggregation where no layer of its kind is open (S5.3)."""
    for kind, aggregated, stack in [
        ("data", process.aggregates.data, reaching.data),
        ("seed", process.aggregates.seeds, reaching.seeds),
    ]:
        if aggregated and not stack:
            opener = f"{kind}_parallelism"
            message = f"process `{process.name}` aggregates {kind} layers, but none is open there: nothing to collapse"
            hint = f"put it downstream of a process with `{opener}`, or remove its {kind} aggregation"
            problems.warn(message, process.location, process=process.name, key=f"{kind}_aggregation", hint=hint)


def _warn_of_split_without_downstream(process: Process, problems: Problems) -> None:
    """Warn of a split that duplicates nothing, since nothing is downstream of it (S4.4)."""
    for key, what, split in [
        ("data_parallelism", "partitions", process.split_data),
        ("seed_parallelism", "seeds", process.split_seeds),
    ]:
        if split is not None and not (isinstance(split, SeedSplit) and split.of_itself):
            message = f"process `{process.name}` declares {what}, but nothing is downstream of it: they have no effect"
            up = " or ".join(f"`{each}`" for each in process.upstream)
            hint = f"declare them one level up, on {up}, to duplicate `{process.name}`" if up else None
            hint = hint or f"declare them on a process upstream of `{process.name}` to duplicate it"
            if isinstance(split, SeedSplit):
                hint = f"add `scope: self` beside `seeds` to duplicate `{process.name}` itself, or {hint}"
            at = split.location or process.location
            problems.warn(message, at, process=process.name, key=key, hint=hint)
