"""A pipeline becomes its expanded processes: one for each partition and seed that each process stands in (S5).

Two passes. The first walks the processes once and settles, by base name, which layers reach each, which it stands in
and which it opens. The second writes the duplicates out; its cost is that of what it writes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_expops.bounds import MAX_EXPANDED
from pytest_expops.pipeline._layering import Layering, lay_out
from pytest_expops.pipeline.config.stability import check_claims
from pytest_expops.pipeline.config.validation import ProcessMention, check_mentions, cycle_text
from pytest_expops.pipeline.graph import find_cycles, topological_order
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Layers, Pipeline, Process
from pytest_expops.pipeline.probing import with_probed
from pytest_expops.pipeline.problems import Problems, in_file_order

__all__ = ["expand"]

Coordinates = tuple[tuple[int, ...], tuple[int, ...]]
"""The partitions and the seeds of a duplicate, each outermost first."""


@dataclass(frozen=True, slots=True)
class _Duplicates:
    """The names of one process by their coordinates, in order."""

    layers: Layers
    names: Mapping[Coordinates, str]


def expand(pipeline: Pipeline) -> ExpandedPipeline:
    """Duplicate every process once per partition and seed that it is downstream of (S3.1, S4.1, S5).

    Pure: the same pipeline gives the same names in the same topological order, wherever it runs and in whatever order
    its processes and edges were written (S5.5). Within a process, partitions vary slowest, outermost first, then
    seeds, in the order of the config. The upstream of each is grouped by base name, sorted; what an aggregation
    collapses stands in the order data outside, seeds inside (S5.4).

    Raises:
        ConfigError: it has every problem found: stacks of layers that do not nest (S5.1), expanded names that coincide
            (S5.2), more than `MAX_EXPANDED` duplicates; in a pipeline made by hand also cycles and unknown upstream.
    """
    problems = Problems(_written_path(pipeline))
    _check_graph(pipeline, problems)
    order = topological_order({name: process.upstream for name, process in pipeline.processes.items()})
    layering = lay_out(pipeline, order, problems)
    check_claims(pipeline, layering.layers, problems)
    problems.raise_errors()
    _check_count(pipeline, layering, problems)
    processes = _write_out(pipeline, order, layering, problems)
    problems.raise_errors()
    expanded = ExpandedPipeline(
        pipeline, processes, layering.layers, layering.incoming, layering.outgoing, in_file_order(problems.warnings)
    )
    return with_probed(expanded)


def _written_path(pipeline: Pipeline) -> Path:
    """Return the config's path as its author gave it, where that is known, so that errors of all stages read alike."""
    return next((each.location.path for each in pipeline.processes.values() if each.location), pipeline.path)


def coordinates(pipeline: Pipeline, layers: Layers) -> Iterator[Coordinates]:
    """Yield every combination of partitions and seeds in these layers, partitions slowest, in config order."""
    partitions = [range(1, _count(pipeline, name) + 1) for name in layers.data]
    seeds = [_seeds(pipeline, name) for name in layers.seeds]
    return itertools.product(itertools.product(*partitions), itertools.product(*seeds))


def _count(pipeline: Pipeline, splitter: str) -> int:
    split = pipeline.processes[splitter].split_data
    assert split is not None, "a data layer is opened by a data split"
    return split.count


def _seeds(pipeline: Pipeline, splitter: str) -> tuple[int, ...]:
    split = pipeline.processes[splitter].split_seeds
    assert split is not None, "a seed layer is opened by a seed split"
    return split.seeds


def expanded_name(base: str, partitions: tuple[int, ...], seeds: tuple[int, ...]) -> str:
    """Return the name of the duplicate of process `base` at these coordinates, each outermost first (S5.2)."""
    return base + _suffix(partitions, seeds)


def _suffix(partitions: tuple[int, ...], seeds: tuple[int, ...]) -> str:
    return "".join([*(f"_{each}" for each in partitions), *(f"_seed{each}" for each in seeds)])


def _check_graph(pipeline: Pipeline, problems: Problems) -> None:
    """Check that all upstream is known, without cycles: a loaded pipeline passes, one made by hand may not."""
    for process in pipeline.processes.values():
        mentions = [ProcessMention(f"{process.name}.upstream", each, process.location) for each in process.upstream]
        check_mentions(mentions, pipeline.processes, problems)
    problems.raise_errors()
    for cycle in find_cycles({name: process.upstream for name, process in pipeline.processes.items()}):
        at = pipeline.processes[cycle[0]].location
        problems.error(f"the processes form a cycle: `{cycle_text(cycle)}`", at, process=cycle[0])
    problems.raise_errors()


def _check_count(pipeline: Pipeline, layering: Layering, problems: Problems) -> None:
    total = 0
    for name, layers in layering.layers.items():
        number = 1
        for splitter in layers.data:
            number *= _count(pipeline, splitter)
        for splitter in layers.seeds:
            number *= len(_seeds(pipeline, splitter))
        total += number
        if total > MAX_EXPANDED:
            message = f"process `{name}` brings the expanded processes to {total:,}; expected {MAX_EXPANDED:,} at most"
            hint = f"it stands in the splits of: {', '.join((*layers.data, *layers.seeds))}"
            problems.error(message, pipeline.processes[name].location, process=name, hint=hint)
            problems.raise_errors()


def _write_out(
    pipeline: Pipeline, order: list[str], layering: Layering, problems: Problems
) -> dict[str, ExpandedProcess]:
    expanded: dict[str, ExpandedProcess] = {}
    duplicates: dict[str, _Duplicates] = {}
    grids: dict[Layers, list[tuple[Coordinates, str]]] = {}
    collisions: dict[tuple[str, str], str] = {}
    for base in order:
        process, layers = pipeline.processes[base], layering.layers[base]
        if layers not in grids:
            grids[layers] = [(each, _suffix(*each)) for each in coordinates(pipeline, layers)]
        names = {each: base + suffix for each, suffix in grids[layers]}
        duplicates[base] = _Duplicates(layers, names)
        # The seeds that a process has for itself are no layer of what it receives.
        own = process.split_seeds is not None and process.split_seeds.of_itself
        received = Layers(layers.data, layers.seeds[:-1]) if own else layers
        sources = [_source(pipeline, duplicates[each], received) for each in sorted(process.upstream)]
        for each, name in names.items():
            upstream = tuple(
                itertools.chain.from_iterable([source((each[0], each[1][: len(received.seeds)])) for source in sources])
            )
            if name in expanded:
                collisions.setdefault((expanded[name].process.name, base), name)
            expanded[name] = ExpandedProcess(name, process, *each, upstream)
    for (first, second), name in collisions.items():
        _report_collision(pipeline.processes[first], pipeline.processes[second], name, problems)
    return expanded


def _report_collision(one: Process, other: Process, name: str, problems: Problems) -> None:
    """Name the process that is really called so, or else the later one (S5.2)."""
    named, duplicated = (one, other) if one.name == name else (other, one)
    message = f"process `{named.name}` has the name that a duplicate of process `{duplicated.name}` gets"
    if named.name != name:
        message = f"processes `{duplicated.name}` and `{named.name}` both have a duplicate called `{name}`"
    where = f" at {duplicated.location}" if duplicated.location else ""
    hint = f"rename `{named.name}`, or `{duplicated.name}`{where}"
    problems.error(message, named.location, process=named.name, key="name", hint=hint)


def _source(pipeline: Pipeline, upstream: _Duplicates, layers: Layers) -> Callable[[Coordinates], tuple[str, ...]]:
    """Return how a duplicate in `layers` finds its upstream among the duplicates of one process.

    An upstream in fewer layers is broadcast. One in a layer more than the process is what the process collapses.
    """
    names = upstream.names
    data, seeds = len(upstream.layers.data), len(upstream.layers.seeds)
    more_data = upstream.layers.data[len(layers.data) :]
    more_seeds = upstream.layers.seeds[len(layers.seeds) :]
    if not more_data and not more_seeds:
        return lambda at: (names[at[0][:data], at[1][:seeds]],)
    inner = list(coordinates(pipeline, Layers(more_data, more_seeds)))
    return lambda at: tuple([names[at[0][:data] + part, at[1][:seeds] + seed] for part, seed in inner])
