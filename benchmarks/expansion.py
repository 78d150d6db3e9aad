"""How long expansion takes, and whether its cost per expanded process stays the same as pipelines grow.

Run `python benchmarks/expansion.py`. Items are expanded processes and edges: an aggregation's upstream are output too.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path

from pytest_expops import ExpandedPipeline, Pipeline, Process, expand
from pytest_expops.pipeline.model import Aggregates, CodeRef, DataSplit, SeedSplit

CHAIN = 8
REPEATS = 5


def pipeline(wanted: int) -> Pipeline:
    """Make load -> rows (10 partitions) -> seeds -> a chain of 8 with `load` broadcast -> an aggregation of both."""
    seeds = tuple(range(max(1, wanted // (CHAIN * 10))))
    code = CodeRef("main", "function")
    chain = [f"step{number}" for number in range(CHAIN)]
    processes = [
        Process("load", code),
        Process("rows", code, ("load",), split_data=DataSplit(10)),
        Process("seeds", code, ("rows",), split_seeds=SeedSplit(seeds)),
        *(Process(name, code, ("load", before)) for before, name in zip(["seeds", *chain[:-1]], chain, strict=True)),
        Process("total", code, (chain[-1],), aggregates=Aggregates(data=True, seeds=True)),
    ]
    here = Path("/project")
    by_name = {each.name: each for each in sorted(processes, key=lambda each: each.name)}
    return Pipeline(here / "config.yaml", here, here, here, {"main": here / "main.py"}, 42, {}, by_name)


def measure(wanted: int) -> tuple[ExpandedPipeline, float]:
    """The best of a few runs, in seconds; garbage collection is left on, as it is in use."""
    best = float("inf")
    given = pipeline(wanted)
    for _ in range(REPEATS):
        gc.collect()
        start = time.perf_counter()
        expanded = expand(given)
        best = min(best, time.perf_counter() - start)
    return expanded, best


def main() -> None:
    print(f"{'expanded':>10} {'edges':>10} {'seconds':>9} {'us per item':>12} {'against 1k':>11}")
    first = None
    for wanted in (1_000, 10_000, 100_000):
        expanded, seconds = measure(wanted)
        edges = sum(len(each.upstream) for each in expanded.processes.values())
        cost = seconds / (len(expanded) + edges) * 1e6
        first = first or cost
        print(f"{len(expanded):>10,} {edges:>10,} {seconds:>9.3f} {cost:>12.2f} {cost / first:>10.2f}x")


if __name__ == "__main__":
    main()
