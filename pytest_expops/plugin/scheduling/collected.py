"""What the workers collected, as a graph: the controller knows the pipelines, and the workers the tests' fixtures.

The controller of a distributed session collects nothing, and gets nothing but node ids. So a worker writes down
which node id is of which config, and which tests use the results of a pipeline, before it sends its ids.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.plugin.node_ids import split_node_id
from pytest_expops.plugin.scheduling._graph_view import Need
from pytest_expops.plugin.scheduling.parts import PartitionShares

FILE = "collected.json"
ANY = "expops"
"""The fixture by which a test may ask for any result: it waits for the ends of all pipelines."""


def write_collected(folder: Path, items: Sequence[pytest.Item], fixtures: Mapping[str, str]) -> None:
    """Write into the session's folder what a worker has collected, unless another worker has done so.

    `fixtures` maps the fixtures of aggregation processes to their names.
    """
    path = folder / FILE
    if path.exists():
        return
    from pytest_expops.plugin.items.base import ExpopsItem
    from pytest_expops.plugin.items.config_file import ConfigFile

    configs: dict[str, str] = {}
    tests: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, ExpopsItem):
            if isinstance(item.parent, ConfigFile):
                configs.setdefault(item.parent.nodeid, str(item.path))
            continue
        used = [name for name in getattr(item, "fixturenames", ()) if name == ANY or name in fixtures]
        if used:
            tests[item.nodeid] = list(dict.fromkeys(fixtures.get(name, ANY) for name in used))
    temporary = path.with_name(f"{FILE}.{os.getpid()}")
    with suppress(OSError):  # who needs what is in the folder says what is wrong with it
        temporary.write_text(json.dumps({"configs": configs, "tests": tests}), encoding="utf-8")
        os.replace(temporary, path)


def graph_of(folder: Path, sessions: Mapping[Path, PipelineSession], ids: Sequence[str]) -> dict[str, Need]:
    """Return what waits for what: processes for their upstream, checks for their process, tests for their fixtures."""
    try:
        collected: dict[str, Any] = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):  # it could not be written: what is missing is run on demand
        return {}
    graph: dict[str, Need] = {}
    ends: list[str] = []
    for prefix, path in collected["configs"].items():
        expanded = sessions[Path(path)].expanded
        _add_processes(graph, prefix, expanded)
        ends.append(_end(prefix))
    _add_checks(graph, {prefix: sessions[Path(path)].expanded for prefix, path in collected["configs"].items()}, ids)
    for node_id, names in collected["tests"].items():
        upstream = [
            key
            for name in names
            for key in (ends if name == ANY else [f"{prefix}::{name}{_ALL}" for prefix in collected["configs"]])
        ]
        graph[node_id] = Need(tuple(key for key in upstream if key in graph))
    return graph


_ALL = " (all)"
"""Behind the name of a process: a virtual node, over when all its duplicates are."""


_JUDGED = " (judged)"
"""Behind the name of an expanded process: a virtual node, over when it and all before it have been replayed."""
_BASELINE = "[baseline]"


def _add_judged(graph: dict[str, Need], prefix: str, expanded: ExpandedPipeline) -> None:
    for each in expanded.processes.values():
        key = f"{prefix}::{each.name}"
        graph[f"{key}{_JUDGED}"] = Need((f"{key}[replay]", *(f"{prefix}::{name}{_JUDGED}" for name in each.upstream)))


def _end(prefix: str) -> str:
    return f"{prefix}::{_ALL}"


def _add_processes(graph: dict[str, Need], prefix: str, expanded: ExpandedPipeline) -> None:
    duplicates: dict[str, list[str]] = {}
    with_downstream: set[str] = set()
    parts = PartitionShares(prefix, expanded)
    for each in expanded.processes.values():
        upstream = tuple([f"{prefix}::{name}" for name in each.upstream])
        with_downstream.update(upstream)
        base, key = each.process.name, f"{prefix}::{each.name}"
        graph[key] = Need(upstream, kind=f"{prefix}::{base}", part=parts.of(each))
        duplicates.setdefault(base, []).append(key)
    last = [key for keys in duplicates.values() for key in keys if key not in with_downstream]
    for base, keys in duplicates.items():
        graph[f"{prefix}::{base}{_ALL}"] = Need(tuple(keys))
    graph[_end(prefix)] = Need(tuple(last))


def _add_checks(graph: dict[str, Need], configs: Mapping[str, ExpandedPipeline], ids: Sequence[str]) -> None:
    """A check is called like its process, expanded or not, with brackets.

    A comparison with the baseline says what the replays of the process and of all before it gave, so it waits for them.
    """
    if any(node_id.endswith(_BASELINE) for node_id in ids):
        for prefix, expanded in configs.items():
            _add_judged(graph, prefix, expanded)
    for node_id in ids:
        prefix, name = split_node_id(node_id, configs.__contains__)
        if node_id in graph or prefix not in configs or not name.endswith("]"):
            continue
        checked = name.rpartition("[")[0]
        key = f"{prefix}::{checked}"
        if key in graph and checked in configs[prefix].processes:
            process = graph[key]
            upstream = (key, f"{key}{_JUDGED}") if node_id.endswith(_BASELINE) else (key,)
            graph[node_id] = Need(upstream, kind=f"{process.kind}[{name.rpartition('[')[2]}", part=process.part)
        elif f"{key}{_ALL}" in graph:
            graph[node_id] = Need((f"{key}{_ALL}",), kind=node_id)
