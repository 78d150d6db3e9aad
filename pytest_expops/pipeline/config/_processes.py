"""The `processes` of a config, one by one: each body becomes a `Process`, its edges still to come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_expops.bounds import NUMBERS, bytes_of
from pytest_expops.errors import Location
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._components import read_component
from pytest_expops.pipeline.config._document import BrokenNode, ListNode, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._mappings import read_metrics, read_renames
from pytest_expops.pipeline.config._parallelism import Parallelism, read_parallelism
from pytest_expops.pipeline.config._reading import Reader, entries_of, is_null, parameters
from pytest_expops.pipeline.config._scripts import Scripts, read_code
from pytest_expops.pipeline.config.charts import Reported, is_python, read_chart
from pytest_expops.pipeline.model import CallRule, CodeRef, Kind, Process
from pytest_expops.pipeline.problems import Problems
from pytest_expops.wording import did_you_mean, nearest

# Names become pytest ids (`PATH::NAME[check]`), words of the adjacency list, and parts of file names.
_UNUSABLE = re.compile(r"[\s#\[\]/\\]|::")


@dataclass(frozen=True, slots=True)
class Listed:
    """One process as it stands in the config; `location` is that of its name."""

    name: str
    location: Location
    body: MapNode
    reported_only: bool = False
    """A chart that is in `reporting.charts`, and in `processes` not."""


def list_processes(node: YamlNode | None, reader: Reader) -> list[Listed]:
    """Read every process that has a name, from a list of maps with a `name`, or from a map of names to bodies."""
    if isinstance(node, ListNode):
        return [listed for item in node.items for listed in _from_item(item, reader)]
    if isinstance(node, MapNode):
        return [listed for entry in node.entries.values() for listed in _from_entry(entry.key, entry.value, reader)]
    if node is not None and not is_null(node):
        reader.wrong(node, "processes", "a list of maps with a `name`, or a map of names to maps")
    return []


def charts_only_reported(reported: Mapping[str, Reported], listed: list[Listed], reader: Reader) -> list[Listed]:
    """Return the charts that are no process: nothing but what `reporting.charts` says."""
    names = {each.name for each in listed}
    return [
        Listed(each.name, each.location, MapNode(each.location, {}, {}), reported_only=True)
        for each in reported.values()
        if each.name not in names and _usable_name(each.written, reader) is not None
    ]


def _from_item(item: YamlNode, reader: Reader) -> Iterator[Listed]:
    if not isinstance(item, MapNode):
        hint = f"write `- name: {item.text}`" if isinstance(item, Scalar) and not is_null(item) else None
        reader.wrong(item, "processes", "a map with a `name` for each process", hint)
        return
    entry = item.entries.get("name")
    if entry is None:
        near = nearest("name", [each.key.text for each in item.entries.values()])
        only = next(iter(item.entries.values())).key.text if len(item.entries) == 1 else None
        hint = f"did you mean `name` where `{near}` stands?" if near else f"write `name: {only}`" if only else None
        reader.error("this process has no `name`", item.location, key="name", hint=hint)
        return
    name = _usable_name(entry.value, reader)
    if name is not None:
        yield Listed(name, entry.value.location, item)


def _from_entry(key: Scalar, value: YamlNode, reader: Reader) -> Iterator[Listed]:
    name = _usable_name(key, reader)
    if name is None:
        return
    if is_null(value):
        yield Listed(name, key.location, MapNode(key.location, {}, {}))
    elif isinstance(value, MapNode):
        inner = value.entries.get("name")
        if inner is not None and inner.value.plain != name and not isinstance(inner.value, BrokenNode):
            message = f"`name` is {describe(inner.value)}, but the process stands under `{name}` at {key.location}"
            reader.error(message, inner.value.location, key="name", hint="remove `name`")
        yield Listed(name, key.location, value)
    else:
        reader.wrong(value, f"processes.{name}", "a map")


def _usable_name(node: YamlNode, reader: Reader) -> str | None:
    if isinstance(node, BrokenNode):
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


def read_process(
    listed: Listed, scripts: Scripts, is_classic: bool, problems: Problems, reported: Reported | None = None
) -> Process:
    """Read everything that the body of one process says; `upstream` and what others say of it are left out.

    `reported` is what `reporting.charts` says of a chart of this name.
    """
    reader = Reader(problems, listed.name)
    body = listed.body
    reader.warn_of_unknown_keys(body, vocabulary.PROCESS)
    parallelism = read_parallelism(body, reader)
    component = read_component(body, reader)
    kind = Kind.CHART if listed.reported_only else _kind(body, parallelism, is_classic, reader)
    chart = read_chart(body, reported, reader) if kind is Kind.CHART else None
    if reported is not None and chart is None:
        message = f"`reporting.charts` at {reported.location} names a process that is not a chart; it has no effect"
        reader.warn(message, listed.location, key="charts", hint="add `type: chart` if it is one")
    code = CodeRef("", listed.name, listed.location)
    if component is None and (chart is None or not chart.dynamic or entries_of(body, "", "code", "code_function")):
        code = read_code(body, code, scripts, kind, is_classic, reader)
    if chart is not None and code.script in scripts.paths and not is_python(scripts.paths[code.script]):
        chart = replace(chart, dynamic=True)
    return Process(
        name=listed.name,
        code=code,
        parameters=_parameters(body, reader),
        split_data=parallelism.split_data,
        split_seeds=parallelism.split_seeds,
        aggregates=parallelism.aggregates,
        kind=kind,
        call_rule=CallRule.CLASSIC_FIRST if is_classic else CallRule.BY_NAME_FIRST,
        not_replayed=_not_replayed(body, reader),
        timeout=_timeout(body, reader),
        memory=_memory(body, reader),
        resources=_resources(body, reader),
        isolate=reader.truth(isolate.value, "isolate") if (isolate := body.entries.get("isolate")) else None,
        renames=read_renames(body, reader),
        metrics=read_metrics(body, reader),
        component=component,
        chart=chart,
        location=listed.location,
    )


def _parameters(body: MapNode, reader: Reader) -> dict[str, Any]:
    found = reader.agreed(entries_of(body, "", "parameters", "hyperparameters"))
    return parameters(reader, found) if found else {}


def _not_replayed(body: MapNode, reader: Reader) -> str | None:
    """The reason beside `replay: false`; None where the process is to be replayed (S7.1)."""
    wanted, reason = body.entries.get("replay"), body.entries.get("replay_reason")
    expected = "why this process is not replayed, as a text"
    text = reader.text(reason.value, "replay_reason", expected) if reason is not None else None
    replayed = wanted is None or reader.truth(wanted.value, "replay") is not False
    if reason is not None and replayed:
        hint = "add `replay: false`, or remove it"
        message = "`replay_reason` has no effect: the process is replayed"
        reader.warn(message, reason.key.location, key="replay_reason", hint=hint)
    if wanted is not None and not replayed and reason is None:
        hint = "add `replay_reason: TEXT`, which the summary will show"
        reader.error(
            f"`replay: false` needs `replay_reason`: {expected}", wanted.key.location, key="replay_reason", hint=hint
        )
    return None if replayed else text or ""


def _timeout(body: MapNode, reader: Reader) -> float | None:
    """How many seconds a run may take (S7.4); None where the session says."""
    entry = body.entries.get("timeout")
    seconds: float | None = reader.number(entry.value, "timeout", NUMBERS["timeout"]) if entry is not None else None
    return seconds


def _memory(body: MapNode, reader: Reader) -> int | None:
    """How many bytes a run may take (S7.6); None where the session says."""
    entry = body.entries.get("memory")
    if entry is None:
        return None
    written = entry.value.plain if isinstance(entry.value, Scalar) else None
    bounds = NUMBERS["memory_limit"]
    size = bounds.read(bytes_of(written) if isinstance(written, str) else written)
    if size is None:
        reader.wrong(entry.value, "memory", bounds.expected)
        return None
    return int(size)


def _resources(body: MapNode, reader: Reader) -> dict[str, float]:
    """How much of what a worker of a cluster must have to run a process, by name."""
    entry = body.entries.get("resources")
    if entry is None or is_null(entry.value):
        return {}
    if not isinstance(entry.value, MapNode):
        reader.wrong(entry.value, "resources", "a map such as {GPU: 1, memory: 8G}")
        return {}
    bounds, found = NUMBERS["resource"], {}
    for name, each in entry.value.entries.items():
        written = each.value.plain if isinstance(each.value, Scalar) else None
        amount = bounds.read(bytes_of(written) if isinstance(written, str) else written)
        if amount is None:
            reader.wrong(each.value, f"resources.{name}", bounds.expected)
        else:
            found[str(name)] = float(amount)
    return found


def _kind(body: MapNode, parallelism: Parallelism, is_classic: bool, reader: Reader) -> Kind:
    declared = "process"
    for found in entries_of(body, "", "type"):
        text = reader.text(found.value, "type", "`process` or `chart`")
        if text is not None and text not in ("process", "chart"):
            hint = did_you_mean(text, ("process", "chart"))
            reader.wrong(found.value, "type", "`process` or `chart`", hint)
        declared = text or declared
    if declared == "chart" or entries_of(body, "", "probe_paths", "chart_type"):
        return Kind.CHART
    if entries_of(body, "", "component"):
        return Kind.COMPONENT
    splits = parallelism.split_data or parallelism.split_seeds
    has_code = bool(entries_of(body, "", "code", "code_function"))
    return Kind.PASS_THROUGH if splits and not has_code and not is_classic else Kind.FUNCTION
