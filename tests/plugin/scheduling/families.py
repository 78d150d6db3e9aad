"""Families of pipelines whose processes only sleep, and the least time in which workers could run them."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pytest_expops import ExpandedPipeline, expand, load_config
from pytest_expops.plugin.scheduling._graph_view import Need
from pytest_expops.plugin.scheduling.parts import PartitionShares

CONFIG = "project_config.yaml"
SCRIPT = """
import json, time
from pathlib import Path

SECONDS = json.loads(Path(__file__).with_name("seconds.json").read_text())
ROWS = {rows}


def run(data, context):
    time.sleep(SECONDS[context.current_process])
    return {{"rows": list(range(ROWS))}}
"""
ROWS = 1000
MOST_LEVELS = 64
"""So many heads, and so many tails, are tried for the bound; any of them gives one."""


@dataclass(frozen=True)
class Family:
    """A pipeline, with what each expanded process takes."""

    name: str
    document: dict[str, Any]
    expanded: ExpandedPipeline
    seconds: Mapping[str, float]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"{CONFIG}::{name}" for name in self.seconds)

    @property
    def graph(self) -> dict[str, Need]:
        """As the controller makes it of the pipeline."""
        parts = PartitionShares(CONFIG, self.expanded)
        return {
            f"{CONFIG}::{each.name}": Need(
                tuple(f"{CONFIG}::{name}" for name in each.upstream),
                kind=each.process.name,
                part=parts.of(each),
            )
            for each in self.expanded.processes.values()
        }

    @property
    def upstream(self) -> dict[str, tuple[str, ...]]:
        return {each.name: tuple(each.upstream) for each in self.expanded.processes.values()}


def _chains(count: int) -> tuple[str, dict[str, Any]]:
    """A start, then independent chains of four."""
    seeds = list(range(max(1, (count - 1) // 4)))
    return "start a\na b\nb c\nc d", {"start": {"seed_parallelism": {"seeds": seeds}}}


def _fan(count: int) -> tuple[str, dict[str, Any]]:
    """A source, as many partitions as there are, and what waits for all of them."""
    parts = {"size": max(1, count - 3), "data_name": "rows"}
    return "source split\nsplit work\nwork merge", {
        "split": {"data_parallelism": parts},
        "merge": {"data_parallelism": {"aggregation": True}},
    }


def _nested(count: int) -> tuple[str, dict[str, Any]]:
    """Partitions, in each of them seeds, and one aggregation after the other."""
    parts = 4 if count < 500 else 20
    seeds = list(range(max(1, (count - 3 - 2 * parts) // (2 * parts))))
    return "load split\nsplit prepare\nprepare train\ntrain evaluate\nevaluate mean\nmean merge", {
        "split": {"data_parallelism": {"size": parts, "data_name": "rows"}},
        "prepare": {"seed_parallelism": {"seeds": seeds}},
        "mean": {"seed_parallelism": {"aggregation": True}},
        "merge": {"data_parallelism": {"aggregation": True}},
    }


def _unequal(count: int) -> tuple[str, dict[str, Any]]:
    """Chains of three over partitions of which the last has, and takes, eight times as much as the first."""
    parts = max(1, (count - 3) // 3)
    return _chains_over([round(10 * _factor(number, parts)) for number in range(1, parts + 1)])


def _skewed(count: int) -> tuple[str, dict[str, Any]]:
    """The same, but of as many rows each: nobody can know before."""
    return _chains_over(max(1, (count - 3) // 3))


def _factor(partition: int, partitions: int, spread: float = 7.0) -> float:
    return 1 + spread * (partition - 1) / partitions


def _chains_over(size: int | list[int]) -> tuple[str, dict[str, Any]]:
    parts = {"size": size, "data_name": "rows"}
    return "source split\nsplit a\na b\nb c\nc merge", {
        "split": {"data_parallelism": parts},
        "merge": {"data_parallelism": {"aggregation": True}},
    }


FAMILIES = {"chains": _chains, "fan": _fan, "nested": _nested, "unequal": _unequal, "skewed": _skewed}


def make(name: str, count: int, mean: float, folder: Path, seed: int = 0) -> Family:
    """About `count` items that take `mean` seconds on average; writes the project into `folder`.

    What an item takes is that of its process, times a factor of its outermost partition, times 0.9 to 1.1.
    """
    rng = random.Random(f"{name} {count} {seed}")
    edges, bodies = FAMILIES[name](count)
    names = dict.fromkeys(edges.split())
    pipeline = {
        "process_adjlist": edges + "\n",
        "processes": [{"name": each, "code_function": "run", **bodies.get(each, {})} for each in names],
    }
    document = {"model": {"parameters": {"custom_script_path": "model.py", "pipeline": pipeline}}}
    (folder / CONFIG).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    expanded = expand(load_config(folder / CONFIG))
    splits = [each.split_data for each in expanded.pipeline.processes.values() if each.split_data]
    rows = sum(next((each.size for each in splits if not isinstance(each.size, int)), (ROWS,)))
    (folder / "model.py").write_text(SCRIPT.format(rows=rows), encoding="utf-8")
    of_process = {each: rng.uniform(0.3, 2.0) for each in names}
    parts = max((each.partitions[0] for each in expanded.processes.values() if each.partitions), default=1)
    spread = 7.0 if name in {"unequal", "skewed"} else 0.5
    seconds = {
        each.name: of_process[each.process.name]
        * (_factor(each.partitions[0], parts, spread) if each.partitions else 1)
        * rng.uniform(0.9, 1.1)
        for each in expanded.processes.values()
    }
    scale = mean * len(seconds) / sum(seconds.values())
    return Family(name, document, expanded, {each: value * scale for each, value in seconds.items()})


def least_makespan(upstream: Mapping[str, Sequence[str]], seconds: Mapping[str, float], workers: int) -> float:
    """No schedule of `workers` takes less, in seconds; `upstream` is in topological order.

    The longest path is one bound. Another: let the *head* of an item be the longest path before it, and its *tail* the
    longest path behind it. Items of which no head is under h and no tail under t cannot begin before h, nor end
    later than t before the end, so the makespan is at least h + their work / workers + t. Both are the known bounds of
    scheduling with heads and tails (Carlier 1982); h = t = 0 gives work / workers, and a serial source and a serial
    aggregation are counted by their own h and t.
    """
    heads: dict[str, float] = {}
    for name in upstream:
        heads[name] = max((heads[each] + seconds[each] for each in upstream[name]), default=0.0)
    tails = dict.fromkeys(upstream, 0.0)
    for name in reversed(list(upstream)):
        for each in upstream[name]:
            tails[each] = max(tails[each], tails[name] + seconds[name])
    best = max(heads[name] + seconds[name] + tails[name] for name in upstream)
    for head in _levels(heads.values()):
        chosen = sorted((tails[name], seconds[name]) for name in upstream if heads[name] >= head)
        work = [0.0, *itertools.accumulate(each for _, each in reversed(chosen))]
        for tail in _levels(each for each, _ in chosen):
            count = len(chosen) - bisect.bisect_left(chosen, (tail, -1.0))
            best = max(best, head + work[count] / workers + tail)
    return best


def _levels(values: Iterable[float]) -> list[float]:
    distinct = sorted(set(values))
    step = max(1, len(distinct) // MOST_LEVELS)
    return distinct[::step]
