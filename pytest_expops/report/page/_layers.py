"""Where the nodes of a graph stand: in layers by depth, in an order in which few edges cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Layered:
    """`at` is the (layer, place within it) of each node; `ways` are the places that each edge passes, ends included."""

    at: Mapping[str, tuple[int, int]]
    ways: Mapping[tuple[str, str], tuple[tuple[int, int], ...]]
    widths: tuple[int, ...]


def layered(upstream: Mapping[str, Sequence[str]]) -> Layered:
    """Place the nodes, which come after all that they depend on.

    Args:
        upstream: by node what it depends on; names that are no node are passed over.
    """
    depth: dict[str, int] = {}
    for name, before in upstream.items():
        depth[name] = max((depth[each] + 1 for each in before if each in depth), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, layer in depth.items():
        layers[layer].append(name)
    links: dict[str, list[str]] = {name: [] for name in depth}
    chains: dict[tuple[str, str], list[str]] = {}
    for name, before in upstream.items():
        for each in dict.fromkeys(before):
            if each in depth and depth[each] < depth[name]:
                chains[each, name] = _chain(each, name, depth, layers, links)
    for round_ in range(_ROUNDS):
        _sort(layers if round_ % 2 == 0 else layers[::-1], links)
    at = {name: (number, place) for number, layer in enumerate(layers) for place, name in enumerate(layer)}
    return Layered(
        {name: at[name] for name in depth},
        {edge: tuple(at[each] for each in chain) for edge, chain in chains.items()},
        tuple(map(len, layers)),
    )


def _chain(
    begin: str, end: str, depth: Mapping[str, int], layers: list[list[str]], links: dict[str, list[str]]
) -> list[str]:
    """Give an edge a place in each layer that it passes, so that it does not run below a node."""
    chain = [begin]
    for layer in range(depth[begin] + 1, depth[end]):
        passing = f"{begin}\0{end}\0{layer}"
        layers[layer].append(passing)
        links[passing] = []
        chain.append(passing)
    chain.append(end)
    for one, other in pairwise(chain):
        links[one].append(other)
        links[other].append(one)
    return chain


def _sort(layers: Sequence[list[str]], links: Mapping[str, Sequence[str]]) -> None:
    """Put each layer in the order of the mean places of what its nodes are linked with in the layer before."""
    for before, layer in pairwise(layers):
        place = {name: number / max(1, len(before) - 1) for number, name in enumerate(before)}
        now = {name: number / max(1, len(layer) - 1) for number, name in enumerate(layer)}

        def mean(name: str, place: Mapping[str, float] = place, now: Mapping[str, float] = now) -> float:
            found = [place[each] for each in links[name] if each in place]
            return sum(found) / len(found) if found else now[name]

        layer.sort(key=mean)
