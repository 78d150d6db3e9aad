"""The expanded graph for people: as text, Mermaid or Graphviz DOT; splits and aggregations marked."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_expops.pipeline.model import Aggregates, ExpandedPipeline, ExpandedProcess, Kind, Process
from pytest_expops.wording import listed

__all__ = ["to_dot", "to_mermaid", "to_text"]


def to_text(expanded: ExpandedPipeline) -> str:
    """Return one line per expanded process in topological order, each group under the line of its process."""
    lines = []
    last = None
    for each in expanded.processes.values():
        process = each.process
        if process.name != last:
            last = process.name
            marks = "".join(f"  [{mark}]" for mark in _marks(process))
            lines.append(f"{process.name}{marks}")
        lines.append(f"    {each.name}{_coordinates(each)}{_upstream_text(each)}")
    counted = f"{len(expanded.pipeline.processes)} processes, {len(expanded)} expanded"
    return "\n".join([*lines, counted]) + "\n"


def to_mermaid(expanded: ExpandedPipeline) -> str:
    """Return a Mermaid flowchart: trapezoids split, inverted ones aggregate, and hexagons do both."""
    ids = _ids(expanded)
    lines = ["flowchart TD"]
    for each in expanded.processes.values():
        left, right = _MERMAID_SHAPES[_role(each.process)]
        label = "<br/>".join(_mermaid_text(line) for line in _label(each))
        lines.append(f'    {ids[each.name]}{left}"{label}"{right}')
    lines += [f"    {ids[source]} --> {ids[target]}" for source, target in _edges(expanded)]
    return "\n".join(lines) + "\n"


def to_dot(expanded: ExpandedPipeline) -> str:
    """Return a Graphviz digraph: trapezoids split, inverted ones aggregate, and hexagons do both."""
    lines = ["digraph pipeline {", "    node [shape=box];"]
    for each in expanded.processes.values():
        label = "\\n".join(_dot_text(line) for line in _label(each))
        lines.append(f'    "{_dot_text(each.name)}" [label="{label}", shape={_DOT_SHAPES[_role(each.process)]}];')
    lines += [f'    "{_dot_text(source)}" -> "{_dot_text(target)}";' for source, target in _edges(expanded)]
    return "\n".join([*lines, "}"]) + "\n"


_MERMAID_SHAPES = {
    "plain": ("[", "]"),
    "split": ("[/", "\\]"),
    "aggregation": ("[\\", "/]"),
    "both": ("{{", "}}"),
}
_DOT_SHAPES = {"plain": "box", "split": "trapezium", "aggregation": "invtrapezium", "both": "hexagon"}


def _role(process: Process) -> str:
    splits = process.split_data is not None or process.split_seeds is not None
    if process.aggregates:
        return "both" if splits else "aggregation"
    return "split" if splits else "plain"


def _marks(process: Process) -> list[str]:
    """Return what a process is, and what it does to the layers, in the order in which it does it (S5.3)."""
    marks = []
    if process.kind is Kind.CHART:
        marks.append("chart")
    if process.aggregates:
        marks.append(f"aggregates {_kinds(process.aggregates)}")
    if process.split_data is not None:
        size = process.split_data.size
        rows = f" of {', '.join(map(str, size))} rows" if not isinstance(size, int) else ""
        marks.append(f"splits `{process.split_data.data_name}` into {process.split_data.count} partitions{rows}")
    if process.split_seeds is not None:
        verb = "runs" if process.split_seeds.of_itself else "splits"
        marks.append(f"{verb} over seeds {', '.join(map(str, process.split_seeds.seeds))}")
    return marks


def _kinds(aggregates: Aggregates) -> str:
    return " and ".join(kind for kind, merged in [("data", aggregates.data), ("seeds", aggregates.seeds)] if merged)


def _coordinates(each: ExpandedProcess) -> str:
    parts = []
    if each.partitions:
        parts.append(f"partition {'.'.join(map(str, each.partitions))}")
    if each.seeds:
        parts.append(f"seed {', '.join(map(str, each.seeds))}")
    return f"  ({'; '.join(parts)})" if parts else ""


def _upstream_text(each: ExpandedProcess, limit: int = 4) -> str:
    if not each.upstream:
        return ""
    return f"  <- {listed(each.upstream, limit)}"


def _label(each: ExpandedProcess) -> list[str]:
    return [each.name, *(mark.replace("`", "") for mark in _marks(each.process))]


def _edges(expanded: ExpandedPipeline) -> Iterator[tuple[str, str]]:
    for each in expanded.processes.values():
        for source in each.upstream:
            yield source, each.name


def _ids(expanded: ExpandedPipeline) -> dict[str, str]:
    """Return ids for Mermaid: names may hold what it has no escape for, or be one of its words, such as `end`."""
    return {name: f"p{number}" for number, name in enumerate(expanded.processes)}


def _mermaid_text(text: str) -> str:
    return "".join(each if each.isalnum() or each in " _-.,:" else f"#{ord(each)};" for each in text)


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
