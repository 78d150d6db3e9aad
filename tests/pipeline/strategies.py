"""Random pipelines: DAGs with splits and aggregations anywhere, written in a random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Drawn:
    """A pipeline as `classic_document` takes it."""

    edges: str
    processes: dict[str, dict[str, Any]]


# Names whose alphabetical order is not the topological one; none ends in what an expanded name ends in.
NAMES = ["zeta", "alpha", "mid", "Beta", "omega", "b", "a", "x-y"]

_sizes = st.one_of(st.integers(1, 3), st.lists(st.integers(0, 4), min_size=1, max_size=3))
_seeds = st.lists(st.integers(-3, 50), min_size=1, max_size=3, unique=True)


@st.composite
def pipelines(draw: st.DrawFn) -> Drawn:
    """A pipeline of up to eight processes; its stacks of layers may or may not nest."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))]
    edges = []
    for index, target in enumerate(names):
        # Few edges a process, mostly from the one before: long chains, along which layers stack and nest.
        sources = draw(st.sets(st.sampled_from(names[max(0, index - 2) : index]), max_size=2)) if index else set()
        edges += [(source, target) for source in sorted(sources)]
    processes = {name: draw(_body()) for name in names}
    lines = [f"{source} {target}" for source, target in draw(st.permutations(edges))]
    return Drawn("".join(f"{line}\n" for line in lines), processes)


@st.composite
def _body(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = {}
    data = {key: draw(_sizes) for key in ["size"] if draw(st.integers(0, 3)) == 0}
    if draw(st.integers(0, 4)) == 0:
        data["aggregation"] = True
    if data:
        body["data_parallelism"] = data
    seeds = {key: draw(_seeds) for key in ["seeds"] if draw(st.integers(0, 3)) == 0}
    if draw(st.integers(0, 4)) == 0:
        seeds["aggregation"] = True
    if seeds:
        body["seed_parallelism"] = seeds
    return body


def reordered(drawn: Drawn, draw: Any) -> Drawn:
    """The same pipeline with its lines, the targets of a line and its processes in another order."""
    lines = draw(st.permutations(drawn.edges.splitlines()))
    names = draw(st.permutations(sorted(drawn.processes)))
    # Lines of one source may be joined, and lines may repeat: both are the same graph.
    by_source: dict[str, list[str]] = {}
    for line in lines:
        source, target = line.split()
        by_source.setdefault(source, []).append(target)
    joined = [" ".join([source, *targets]) for source, targets in by_source.items()]
    edges = "".join(f"{line}\n" for line in [*joined, *lines[:1]])
    return Drawn(edges, {name: drawn.processes[name] for name in names})
