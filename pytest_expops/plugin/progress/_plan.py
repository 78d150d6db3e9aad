"""What the items of a session are, by nothing but their node ids: an xdist controller gets nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess
from pytest_expops.plugin.node_ids import split_node_id
from pytest_expops.plugin.scheduling.parts import Part, PartitionShares


@dataclass(frozen=True, slots=True)
class Planned:
    """One item. `process` is a base name, and `check` the text in the brackets of a check on it, None for a process.

    Both are None for an ordinary test. `upstream` are node ids; items of one `kind` take alike long, but for what their
    `part` of the data makes of it, as in `Estimates`.
    """

    name: str
    process: str | None = None
    check: str | None = None
    kind: str | None = None
    part: Part | None = None
    upstream: tuple[str, ...] = ()


def plan(ids: Iterable[str], root: Path, sessions: Mapping[Path, PipelineSession]) -> dict[str, Planned]:
    """Return what each of `ids` is, processes after their upstream. `root` is the folder that node ids start from.

    A group that `--dist loadgroup` appends to a node id (`@group`) is no part of a name.
    """
    pipelines: dict[str, _ItemNames | None] = {}
    placed = []

    def names_at(prefix: str) -> _ItemNames | None:
        if prefix not in pipelines:
            session = sessions.get(Path(os.path.normpath(root / prefix)))
            pipelines[prefix] = None if session is None else _ItemNames(prefix, session.expanded)
        return pipelines[prefix]

    for node_id in ids:
        prefix, name = split_node_id(node_id, lambda path: names_at(path) is not None)
        names = names_at(prefix)
        found = None if names is None else names.find(name) or names.find(name.rpartition("@")[0])
        placed.append((*(found or (-1, Planned(name or node_id))), node_id))
    placed.sort(key=lambda each: (each[0], each[1].check is not None))
    return {node_id: planned for _, planned, node_id in placed}


class _ItemNames:
    """The names of one pipeline's items; `prefix` comes before them in node ids."""

    def __init__(self, prefix: str, expanded: ExpandedPipeline) -> None:
        self._prefix = prefix
        self._expanded = expanded
        self._parts = PartitionShares(prefix, expanded)
        self._place = {name: place for place, name in enumerate(expanded.processes)}

    def find(self, name: str) -> tuple[int, Planned] | None:
        """Return the place in topological order, and what it is; None if no process is called so."""
        if name in self._place:
            return self._place[name], self._process(self._expanded[name], name)
        process, _, rest = name.partition("[")
        if not rest.endswith("]"):
            return None
        if process in self._place:
            checked: tuple[ExpandedProcess, ...] = (self._expanded[process],)
        else:  # some checks are on all duplicates of a process together, and come after the last
            checked = self._expanded.of(process)
        if not checked:
            return None
        last = self._process(checked[-1], name)
        upstream = tuple([f"{self._prefix}::{each.name}" for each in checked])
        check = replace(last, check=rest[:-1], kind=f"{last.kind}[{rest}", upstream=upstream)
        return self._place[checked[-1].name], check

    def _process(self, each: ExpandedProcess, name: str) -> Planned:
        prefix = self._prefix
        upstream = tuple([f"{prefix}::{above}" for above in each.upstream])
        kind = f"{prefix}::{each.process.name}"
        return Planned(name, each.process.name, None, kind, self._parts.of(each), upstream)
