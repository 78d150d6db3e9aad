"""What the probe paths of a chart find: which processes it waits for, and which metrics it gets.

The pipeline is a tree to them, as the ExpOps guide has it: under `pipeline` one element for each partition and seed,
outermost first, partitions outside; within these a `process` with its `@name`, and in it a `step` with its `@name` for
each `@step` function that was called.

Which steps a process has is known only when it has run. So a path that finds processes means those; one that finds
none is taken to name a step. A step by itself (``//*[@name='fit']``) is looked for upstream of the chart, where that
has any upstream, else everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_expops.errors import Problem
from pytest_expops.pipeline.config.charts import is_xpath
from pytest_expops.pipeline.graph import downstream_of
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Kind, Process
from pytest_expops.pipeline.problems import in_file_order
from pytest_expops.pipeline.xpath import Element, XPath
from pytest_expops.wording import Suggestions

StepsOf = Callable[[str], Collection[str]]
"""The names of the steps of an expanded process, each once."""


@dataclass(frozen=True, slots=True)
class MetricPlace:
    """A place where metrics are logged: an expanded process, or one step of it (``outer/inner`` if nested)."""

    process: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a chart; `waits_for` are the expanded processes among which it finds what it finds."""

    key: str
    path: str
    waits_for: tuple[str, ...]


def with_probed(expanded: ExpandedPipeline) -> ExpandedPipeline:
    """Make each chart that Python draws wait for what it probes, and warn of probes that can find nothing."""
    charts = [each for each in expanded.pipeline.processes.values() if _is_drawn(each)]
    if not charts:
        return expanded
    problems: list[Problem] = []
    suggestions = Suggestions()
    probed: dict[str, tuple[str, ...]] = {}
    for chart in charts:
        found = probes_of(chart, expanded)
        problems += _problems(chart, found, expanded, suggestions)
        probed[chart.name] = tuple(dict.fromkeys(name for probe in found for name in probe.waits_for))
    processes = _in_order(
        {
            each.name: dataclasses.replace(
                each, upstream=tuple(dict.fromkeys([*each.upstream, *probed.get(each.process.name, ())]))
            )
            for each in expanded.processes.values()
        }
    )
    warnings = in_file_order([*expanded.warnings, *problems])
    return dataclasses.replace(expanded, processes=processes, warnings=warnings)


def probes_of(chart: Process, expanded: ExpandedPipeline) -> list[Probe]:
    """Return the probes of a chart, in the order of the config."""
    if chart.chart is None:
        return []
    known = _Known(chart, expanded)
    return [Probe(key, path, known.waits_for(path)) for key, path in chart.chart.probes.items()]


def find(probe: Probe, expanded: ExpandedPipeline, steps_of: StepsOf) -> dict[str, MetricPlace | None]:
    """Return what a probe finds once what it waits for has run, by the key under which the chart gets it.

    One place keeps the probe's own key; each of several has its `canonical` path for a key. None stands for nothing.
    """
    places = list(_places(probe, expanded, steps_of))
    if len(places) <= 1:
        return {probe.key: places[0] if places else None}
    return {canonical(expanded[each.process], each.step): each for each in places}


def canonical(each: ExpandedProcess, step: str | None = None) -> str:
    """Return the XPath that finds just this: ``//*[@partition='p1']/*[@seed='41']/process[@name='fit']``."""
    groups = "".join(f"*[@{kind}='{value}']/" for kind, value in _groups(each))
    inside = f"/step[@name='{step}']" if step is not None else ""
    return f"//{groups}process[@name='{each.process.name}']{inside}"


def _places(probe: Probe, expanded: ExpandedPipeline, steps_of: StepsOf) -> Iterable[MetricPlace]:
    if is_xpath(probe.path):
        path = XPath(probe.path)
        found = _select(path, [expanded[name] for name in probe.waits_for])
        return found or _select(path, [expanded[name] for name in probe.waits_for], steps_of)
    _, slash, step = probe.path.partition("/")
    if not slash:
        return [MetricPlace(name) for name in probe.waits_for]
    innermost = step.rpartition("/")[2]
    return [MetricPlace(name, step) for name in probe.waits_for if innermost in steps_of(name)]


class _Known:
    """What a chart may probe: every process that is none of its own downstream, and draws nothing itself."""

    def __init__(self, chart: Process, expanded: ExpandedPipeline) -> None:
        edges = {name: each.upstream for name, each in expanded.pipeline.processes.items()}
        self.upstream = _closure(chart.name, edges)
        downstream = _closure(chart.name, downstream_of(edges))
        # A chart with a downstream could otherwise wait, by way of another, for itself.
        allowed = self.upstream if downstream else set(expanded.pipeline.processes)
        self.processes = [
            each
            for each in expanded.processes.values()
            if each.process.name in allowed and each.process.kind is not Kind.CHART
        ]

    def waits_for(self, path: str) -> tuple[str, ...]:
        if not is_xpath(path):
            head = path.partition("/")[0]
            return tuple(each.name for each in self.processes if head in (each.process.name, each.name))
        query = XPath(path)
        found = _select(query, self.processes)
        if not found:
            found = self._with_step(query)
        return tuple(dict.fromkeys(each.process for each in found))

    def _with_step(self, query: XPath) -> list[MetricPlace]:
        """Return the processes in which a step that the path names would be found."""

        def steps_of(name: str) -> Collection[str]:
            return query.literals

        found = _select(query, self.processes, steps_of)
        by_itself = bool(_select(query, self.processes, steps_of, nameless=True))
        upstream = [each for each in self.processes if each.process.name in self.upstream]
        return _select(query, upstream, steps_of) if by_itself and upstream else found


def _select(
    path: XPath, processes: Sequence[ExpandedProcess], steps_of: StepsOf | None = None, *, nameless: bool = False
) -> list[MetricPlace]:
    root, targets = _tree(processes, steps_of, nameless)
    return [targets[id(each)] for each in path.select(root) if id(each) in targets]


def _tree(
    processes: Sequence[ExpandedProcess], steps_of: StepsOf | None, nameless: bool
) -> tuple[Element, dict[int, MetricPlace]]:
    """Build the tree of these processes, and what its elements stand for."""
    root = Element("pipeline")
    groups: dict[tuple[tuple[str, str], ...], Element] = {(): root}
    targets: dict[int, MetricPlace] = {}
    for each in processes:
        path = _groups(each)
        for depth in range(1, len(path) + 1):
            if path[:depth] not in groups:
                kind, value = path[depth - 1]
                groups[path[:depth]] = Element("process", {kind: value})
                groups[path[: depth - 1]].children.append(groups[path[:depth]])
        element = Element("process", {} if nameless else {"name": each.process.name})
        groups[path].children.append(element)
        targets[id(element)] = MetricPlace(each.name)
        for step in steps_of(each.name) if steps_of is not None else ():
            inner = Element("step", {"name": step})
            element.children.append(inner)
            targets[id(inner)] = MetricPlace(each.name, step)
    return root, targets


def _groups(each: ExpandedProcess) -> tuple[tuple[str, str], ...]:
    partitions = [("partition", f"p{number}") for number in each.partitions]
    return (*partitions, *(("seed", str(seed)) for seed in each.seeds))


def _is_drawn(process: Process) -> bool:
    return process.chart is not None and not process.chart.dynamic


def _in_order(processes: Mapping[str, ExpandedProcess]) -> dict[str, ExpandedProcess]:
    """Return the same processes; those that now wait for a later one, and that nothing waits for, moved to the end."""
    place = {name: number for number, name in enumerate(processes)}
    late = {
        each.process.name
        for each in processes.values()
        if any(place[name] > place[each.name] for name in each.upstream)
    }
    first = {name: each for name, each in processes.items() if each.process.name not in late}
    return first | {name: each for name, each in processes.items() if name not in first}


def _closure(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Return everything that can be reached from `start`, without itself."""
    seen: set[str] = set()
    stack = [start]
    while stack:
        for name in edges[stack.pop()]:
            if name not in seen:
                seen.add(name)
                stack.append(name)
    return seen


def _problems(
    chart: Process, probes: Iterable[Probe], expanded: ExpandedPipeline, suggestions: Suggestions
) -> list[Problem]:
    problems = []
    for probe in probes:
        if probe.waits_for:
            continue
        message = (
            f"process `{chart.name}`: the probe path `{probe.path}` finds no process; the chart gets nothing there"
        )
        wanted = XPath(probe.path).literals if is_xpath(probe.path) else [probe.path.partition("/")[0]]
        near = [suggestions.did_you_mean(name, expanded.pipeline.processes) for name in wanted]
        hint = next((each for each in near if each), None)
        problems.append(Problem(message, chart.location, process=chart.name, key=f"probe_paths.{probe.key}", hint=hint))
    return problems
