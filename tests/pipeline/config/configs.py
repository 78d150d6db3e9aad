"""Configs for tests: whole ones from the few lines that matter, in either spelling."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_expops import ConfigError, ExpandedPipeline, Pipeline, expand, load_config

CURRENT_HEAD = "scripts: {main: model.py}\nexperiment:\n  pipeline:\n"
"""Three lines, so that `processes:` stands on line 4 and the first process on line 5."""


def current(*processes: str, edges: Iterable[str] = ()) -> str:
    """A config in the current spelling; each process as the text of its list item, each edge as a line."""
    lines = list(edges)
    adjacency = "    process_adjlist: |\n" + "".join(f"      {line}\n" for line in lines) if lines else ""
    items = "".join(textwrap.indent(each, "      ") + "\n" for each in processes)
    return f"{CURRENT_HEAD}{adjacency}    processes:\n{items}"


Case = tuple[str, str, list[str]]
"""A bad config: what is bad, its text, and every line of its error: `line:column: message`, or an indented hint."""


def assert_problems(text: str, expected: list[str]) -> None:
    """The config, written to the current folder, gives exactly this error, when loaded or when expanded."""
    Path("p.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        expand(load_config("p.yaml"))
    count = sum(not line.startswith(" ") for line in expected)
    head = f"p.yaml: {count} problem{'s' if count > 1 else ''} in this pipeline config"
    lines = [line if line.startswith(" ") else f"  p.yaml:{line}" for line in expected]
    assert str(caught.value) == "\n".join([head, *lines])


def load(folder: Path, text: str, name: str = "p.yaml") -> Pipeline:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def classic_document(edges: str, processes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A classic config: every name in `edges` and in `processes` is a process, with the keys given for it."""
    names = sorted({*processes, *edges.split()})
    listed = [{"name": name, **processes.get(name, {})} for name in names]
    pipeline = {"process_adjlist": edges, "processes": listed}
    return {"model": {"parameters": {"custom_script_path": "models/model.py", "pipeline": pipeline}}}


def current_document(edges: str, processes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The same pipeline in the current spelling: aggregations and parameters renamed, a map instead of a list."""
    names = sorted({*processes, *edges.split()})
    bodies = {name: _in_current(processes.get(name, {})) for name in names}
    pipeline = {"process_adjlist": edges.splitlines(), "processes": bodies}
    return {"scripts": {"main": "models/model.py"}, "experiment": {"pipeline": pipeline}}


def _in_current(body: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in body.items():
        if key in ("data_parallelism", "seed_parallelism"):
            inner = dict(value)
            if inner.pop("aggregation", False):
                result[f"{key.split('_')[0]}_aggregation"] = True
            if inner:
                result[key] = inner["seeds"] if key == "seed_parallelism" else [{name: inner[name]} for name in inner]
        else:
            result[{"hyperparameters": "parameters", "code_function": "code"}.get(key, key)] = value
    return result


def expand_document(folder: Path, document: Mapping[str, Any]) -> ExpandedPipeline:
    return expand(load(folder, yaml.safe_dump(dict(document), sort_keys=False)))


def shape(expanded: ExpandedPipeline) -> list[tuple[Any, ...]]:
    """All that expansion decides: names, coordinates and upstream, in order."""
    return [
        (each.name, each.process.name, each.partitions, each.seeds, each.upstream)
        for each in expanded.processes.values()
    ]
