"""The graph of base processes, from the top down, each leading to its partitions and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_expops.report.page._layers import Layered, layered
from pytest_expops.report.page._svg import Svg, joined_elements, short, tag
from pytest_expops.report.page.marks import VerdictMark

_NODE, _TALL = 216, 50
_PASSING = 28
"""What an edge takes of a layer that it passes."""
_ACROSS, _DOWN, _EDGE = 24, 34, 4
_LETTERS = 23
TIMES = "\u00d7"


@dataclass(frozen=True, slots=True)
class Node:
    """A base process: `marks` are how often each verdict occurs, `target` is where a click leads."""

    name: str
    upstream: Sequence[str]
    count: int
    marks: Sequence[tuple[VerdictMark, int]]
    target: str


def graph(nodes: Sequence[Node], label: str) -> Svg:
    """Return the graph."""
    placed = layered({each.name: each.upstream for each in nodes})
    middles, width, height = _places(placed, {each.name for each in nodes})
    edges = [_edge([middles[each] for each in way]) for way in placed.ways.values()]
    drawn = [_node(each, *middles[placed.at[each.name]]) for each in nodes]
    inner = joined_elements([*edges, *drawn])
    view = f"0 0 {short(width)} {short(height)}"
    return tag("svg", inner, class_="graph", width=width, height=height, viewBox=view, role="group", aria_label=label)


def _places(placed: Layered, names: set[str]) -> tuple[dict[tuple[int, int], tuple[float, float]], float, float]:
    """Return where the middle of each place is, and the size of the whole."""
    real = {placed.at[name] for name in names}
    wide = {
        (layer, place): _NODE if (layer, place) in real else _PASSING
        for layer, count in enumerate(placed.widths)
        for place in range(count)
    }
    widths = [
        sum(wide[layer, place] for place in range(count)) + _ACROSS * (count - 1)
        for layer, count in enumerate(placed.widths)
    ]
    whole = max(widths, default=0) + 2 * _EDGE
    middles = {}
    for layer, count in enumerate(placed.widths):
        x = (whole - widths[layer]) / 2
        for place in range(count):
            own = wide[layer, place]
            middles[layer, place] = (x + own / 2, _EDGE + layer * (_TALL + _DOWN) + _TALL / 2)
            x += own + _ACROSS
    return middles, whole, 2 * _EDGE + len(placed.widths) * (_TALL + _DOWN) - _DOWN


def _edge(way: Sequence[tuple[float, float]]) -> Svg:
    half = _TALL / 2
    x, y = way[0][0], way[0][1] + half
    path = f"M{short(x)} {short(y)}"
    for number, (to, middle) in enumerate(way[1:], start=1):
        top = middle - half
        bend = (y + top) / 2
        path += f"C{short(x)} {short(bend)} {short(to)} {short(bend)} {short(to)} {short(top)}"
        x, y = to, top
        if number < len(way) - 1:  # it passes a layer
            y = middle + half
            path += f"L{short(x)} {short(y)}"
    return tag("path", d=path, class_="edge")


def _node(node: Node, x: float, y: float) -> Svg:
    left, top = x - _NODE / 2, y - _TALL / 2
    key = node.marks[0][0].key if node.marks else "none"
    told = ", ".join(f"{count} {mark.of(count)}" for mark, count in node.marks) or "nothing has run"
    box = tag("rect", x=left, y=top, width=_NODE, height=_TALL, rx=7, class_="box")
    name = tag("text", _fitting(node.name), x=left + 12, y=top + 20, class_="name")
    counts = tag("text", f"{TIMES} {node.count}" if node.count != 1 else "", x=left + 12, y=top + 40, class_="count")
    title = tag("title", f"{node.name}: {told}")
    signs = _signs(node.marks, left + _NODE - 10, top + 40)
    bar = _bar(node.marks, left + 1, top + _TALL - 1)
    return tag("a", title, box, name, counts, signs, bar, href=f"#{node.target}", class_=f"node v-{key}")


def _fitting(name: str) -> str:
    """Return as much of a name as a node has room for: of a long one the beginning and the end, which tell it apart."""
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 9]}\u2026{name[-8:]}"


def _signs(marks: Sequence[tuple[VerdictMark, int]], x: float, y: float) -> Svg:
    shown = [
        tag("tspan", f"{count} {mark.sign}", class_=f"t-{mark.key}", dx=10 if number else 0)
        for number, (mark, count) in enumerate(marks[:4])
    ]
    return tag("text", joined_elements(shown), x=x, y=y, text_anchor="end", class_="signs")


def _bar(marks: Sequence[tuple[VerdictMark, int]], x: float, y: float) -> Svg:
    total, parts = sum(count for _, count in marks), []
    for mark, count in marks:
        width = (_NODE - 2) * count / total
        parts.append(tag("rect", x=x, y=y - 3, width=width, height=3, class_=f"f-{mark.key}"))
        x += width
    return joined_elements(parts)
