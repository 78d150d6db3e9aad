"""What the upstream of an expanded process hands over to it: outputs, partitions, and the aggregation payload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.pipeline.expansion import expanded_name
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess

Outputs = dict[str, Any]


class Load(Protocol):
    """Gives the outputs of an expanded process, each time as the caller's own copy (S2.4)."""

    def __call__(self, name: str, partition: Partition | None = None, /) -> Outputs:
        """With `partition` in place of what `name` returned under that key, if one is asked for (S3.4)."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """What one upstream process hands over to one expanded process.

    `parts` maps a path of keys to outputs: ``()`` where the upstream arrives plain, ``("data1",)``, ``("seed40",)`` or
    ``("data1", "seed40")`` where the process merges a layer that the upstream carries (S5.4).
    """

    upstream: str
    parts: Mapping[tuple[str, ...], Outputs]

    def whole(self) -> Any:
        """Return the classic form: a dict of outputs, inside the dicts of the merged layers."""
        return _nested(self.parts)

    def by_key(self) -> dict[str, Any]:
        """Return the by-name form: each output key on the outside, the merged layers inside it."""
        keys = dict.fromkeys(key for outputs in self.parts.values() for key in outputs)
        return {
            key: _nested({path: outputs[key] for path, outputs in self.parts.items() if key in outputs}) for key in keys
        }


def receive(expanded: ExpandedProcess, pipeline: ExpandedPipeline, load: Load) -> list[Received]:
    """Return what each direct upstream hands over, in the order of `Process.upstream`."""
    return [_receive_from(upstream, expanded, pipeline, load) for upstream in expanded.process.upstream]


def _receive_from(upstream: str, expanded: ExpandedProcess, pipeline: ExpandedPipeline, load: Load) -> Received:
    process = expanded.process
    own, incoming, carried = pipeline.layers[upstream], pipeline.incoming[process.name], pipeline.outgoing[upstream]
    processes = pipeline.pipeline.processes
    # The layer merged here, where this upstream carries it; its key and coordinate are added to those of the process.
    partitions: Iterable[tuple[str | None, tuple[int, ...]]] = [(None, expanded.partitions)]
    if process.aggregates.data and incoming.data and carried.data == incoming.data:
        split = processes[incoming.data[-1]].split_data
        assert split is not None
        partitions = [(f"data{i}", (*expanded.partitions, i)) for i in range(1, split.count + 1)]
    itself = process.split_seeds is not None and process.split_seeds.of_itself
    outer = expanded.seeds[:-1] if itself else expanded.seeds
    seeds: Iterable[tuple[str | None, tuple[int, ...]]] = [(None, outer)]
    if process.aggregates.seeds and incoming.seeds and carried.seeds == incoming.seeds:
        fan_out = processes[incoming.seeds[-1]].split_seeds
        assert fan_out is not None
        seeds = [(f"seed{seed}", (*outer, seed)) for seed in fan_out.seeds]
    parts: dict[tuple[str, ...], Outputs] = {}
    for data_key, data_at in partitions:
        for seed_key, seeds_at in seeds:
            name = expanded_name(upstream, data_at[: len(own.data)], seeds_at[: len(own.seeds)])
            wanted = None
            if len(carried.data) > len(own.data):  # the upstream is itself the splitter
                split = processes[upstream].split_data
                assert split is not None
                wanted = Partition(upstream, split, data_at[len(carried.data) - 1] - 1)
            parts[tuple(key for key in (data_key, seed_key) if key is not None)] = load(name, wanted)
    return Received(upstream, parts)


def _nested(parts: Mapping[tuple[str, ...], Any]) -> Any:
    if () in parts:
        return parts[()]
    result: dict[str, Any] = {}
    for path, value in parts.items():
        place = result
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return result
