"""The `processes` of a config, one by one: each body becomes a `Process`, its edges still to come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_expops.errors import Location
from pytest_expops.pipeline import vocabulary
from pytest_expops.pipeline.document import Broken, ListNode, MapNode, Node, Scalar, describe
from pytest_expops.pipeline.model import CallRule, Kind, Process
from pytest_expops.pipeline.parallelism import Parallelism, read_parallelism
from pytest_expops.pipeline.problems import Problems
from pytest_expops.pipeline.reading import Reader, entries_of, is_null, parameters
from pytest_expops.pipeline.scripts import Scripts, read_code

# Names become pytest ids (`PATH::NAME[check]`), words of the adjacency list, and parts of file names.
_UNUSABLE = re.compile(r"[\s#\[\]/\\]|::")


@dataclass(frozen=True, slots=True)
class Listed:
    """One process as it stands in the config; `location` is that of its name."""

    name: str
    location: Location
    body: MapNode


def list_processes(node: Node | None, reader: Reader) -> list[Listed]:
    """Every process with a name, as a list of maps with a `name`, or as a map of names to bodies."""
    if isinstance(node, ListNode):
        return [listed for item in node.items for listed in _from_item(item, reader)]
    if isinstance(node, MapNode):
        return [listed for entry in node.entries.values() for listed in _from_entry(entry.key, entry.value, reader)]
    if node is not None and not is_null(node):
        reader.wrong(node, "processes", "a list of maps with a `name`, or a map of names to maps")
    return []


def _from_item(item: Node, reader: Reader) -> Iterator[Listed]:
    if not isinstance(item, MapNode):
        hint = f"write `- name: {item.text}`" if isinstance(item, Scalar) and not is_null(item) else None
        reader.wrong(item, "processes", "a map with a `name` for each process", hint)
        return
    entry = item.entries.get("name")
    if entry is None:
        near = vocabulary.nearest("name", [each.key.text for each in item.entries.values()])
        only = next(iter(item.entries.values())).key.text if len(item.entries) == 1 else None
        hint = f"did you mean `name` where `{near}` stands?" if near else f"write `name: {only}`" if only else None
        reader.error("this process has no `name`", item.location, key="name", hint=hint)
        return
    name = _usable_name(entry.value, reader)
    if name is not None:
        yield Listed(name, entry.value.location, item)


def _from_entry(key: Scalar, value: Node, reader: Reader) -> Iterator[Listed]:
    name = _usable_name(key, reader)
    if name is None:
        return
    if is_null(value):
        yield Listed(name, key.location, MapNode(key.location, {}, {}))
    elif isinstance(value, MapNode):
        inner = value.entries.get("name")
        if inner is not None and inner.value.plain != name and not isinstance(inner.value, Broken):
            message = f"`name` is {describe(inner.value)}, but the process stands under `{name}` at {key.location}"
            reader.error(message, inner.value.location, key="name", hint="remove `name`")
        yield Listed(name, key.location, value)
    else:
        reader.wrong(value, f"processes.{name}", "a map")


def _usable_name(node: Node, reader: Reader) -> str | None:
    if isinstance(node, Broken):
        return None
    if not isinstance(node, Scalar) or is_null(node):
        reader.wrong(node, "name", "the name of a process, as a text")
        return None
    if not isinstance(node.plain, str):
        read_as = describe(node).split(" `", maxsplit=1)[0].removeprefix("the ")
        message = f"the process name `{node.text}` is read by YAML as a {read_as}; expected a text"
        reader.error(message, node.location, key="name", hint=f'write "{node.text}", in quotes')
    elif not node.text or not node.text.isprintable() or _UNUSABLE.search(node.text):
        message = (
            f"the process name {node.text!r} cannot be used; expected at least one character, and no space, "
            "`#`, `::`, bracket or slash"
        )
        reader.error(message, node.location, key="name", hint="rename it, here and in `process_adjlist`")
    return node.text


def read_process(listed: Listed, scripts: Scripts, is_classic: bool, problems: Problems) -> Process:
    """Read everything that the body of one process says; `upstream` and what others say of it are left out."""
    reader = Reader(problems, listed.name)
    body = listed.body
    vocabulary.warn_of_unknown_keys(body, vocabulary.PROCESS, f"of process `{listed.name}`", problems, listed.name)
    for key in sorted(vocabulary.WITHOUT_EFFECT_YET):
        for found in entries_of(body, "", key):
            reader.warn(f"`{key}` has no effect in this version of pytest-expops", found.location, key=key)
    parallelism = read_parallelism(body, reader)
    kind = _kind(body, parallelism, is_classic, reader)
    return Process(
        name=listed.name,
        code=read_code(body, listed.name, listed.location, scripts, kind, is_classic, reader),
        parameters=_parameters(body, reader),
        split_data=parallelism.split_data,
        split_seeds=parallelism.split_seeds,
        aggregates=parallelism.aggregates,
        kind=kind,
        call_rule=CallRule.CLASSIC_FIRST if is_classic else CallRule.BY_NAME_FIRST,
        location=listed.location,
    )


def _parameters(body: MapNode, reader: Reader) -> dict[str, Any]:
    found = reader.agreed(entries_of(body, "", "parameters", "hyperparameters"))
    return parameters(reader, found) if found else {}


def _kind(body: MapNode, parallelism: Parallelism, is_classic: bool, reader: Reader) -> Kind:
    declared = "process"
    for found in entries_of(body, "", "type"):
        text = reader.text(found.value, "type", "`process` or `chart`")
        if text is not None and text not in ("process", "chart"):
            hint = vocabulary.did_you_mean(text, ("process", "chart"))
            reader.wrong(found.value, "type", "`process` or `chart`", hint)
        declared = text or declared
    if declared == "chart" or entries_of(body, "", "probe_paths", "chart_type"):
        return Kind.CHART
    splits = parallelism.split_data or parallelism.split_seeds
    has_code = bool(entries_of(body, "", "code", "code_function"))
    return Kind.PASS_THROUGH if splits and not has_code and not is_classic else Kind.FUNCTION
