"""What no single place of a config shows: names that two places must agree on, and the shape of the graph."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pytest_expops.errors import Location
from pytest_expops.pipeline.config._adjacency import Adjacency, Mention
from pytest_expops.pipeline.config._processes import Listed
from pytest_expops.pipeline.graph import find_cycles
from pytest_expops.pipeline.problems import Problems


def without_repeats(listed: list[Listed], problems: Problems) -> list[Listed]:
    """Return the processes by their first definition; a second one is an error that shows both places (S1.3)."""
    first: dict[str, Listed] = {}
    for each in listed:
        if each.name in first:
            message = f"process `{each.name}` is defined twice; first at {first[each.name].location}"
            problems.error(message, each.location, process=each.name, hint="rename or remove one of the two")
        else:
            first[each.name] = each
    return list(first.values())


class ProcessMention(NamedTuple):
    """A name that should be that of a process, and where it is given: ``reproducibility.tolerance``, and the line."""

    place: str
    name: str
    location: Location | None


def check_mentions(mentions: Collection[ProcessMention], known: Collection[str], problems: Problems) -> None:
    """Check that every mention names a process that is defined; an unknown name is noted once for each place."""
    seen: set[tuple[str, str]] = set()
    for place, name, location in mentions:
        if name in known or (place, name) in seen:
            continue
        seen.add((place, name))
        message = f"`{place}` names the process `{name}`, which `processes` does not define"
        problems.error(message, location, process=name, key=place, hint=_hint(name, known, problems))


def _hint(name: str, known: Collection[str], problems: Problems) -> str | None:
    if re.search(r"->|[,;:>]", name):
        return "write `a b` for an edge from a to b: names separated by spaces"
    if problems.suggestions.spent:
        return None
    if near := problems.suggestions.did_you_mean(name, known):
        return near
    return f"add `- name: {name}` to `processes`" if known else None


def read_edges(adjacency: Adjacency, known: Collection[str], problems: Problems) -> dict[str, set[str]]:
    """Return the upstream of every known process; edges that cannot be, and cycles, are noted (S1.3)."""
    mentions = [ProcessMention("process_adjlist", each.name, each.location) for each in adjacency.mentions]
    check_mentions(mentions, known, problems)
    upstream: dict[str, set[str]] = {name: set() for name in known}
    written: dict[tuple[str, str], Mention] = {}
    for source, target in adjacency.edges:
        if source.name not in known or target.name not in known:
            continue
        edge = (source.name, target.name)
        if source.name == target.name:
            if edge not in written:
                message = f"process `{source.name}` is its own upstream: `{source.name} -> {source.name}`"
                hint = "remove it from its own line"
                problems.error(message, target.location, process=source.name, key="process_adjlist", hint=hint)
        else:
            upstream[target.name].add(source.name)
        written.setdefault(edge, target)
    _check_cycles(upstream, written, problems)
    return upstream


def _check_cycles(
    upstream: Mapping[str, Collection[str]], written: Mapping[tuple[str, str], Mention], problems: Problems
) -> None:
    for cycle in find_cycles(upstream):
        edges = zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        # The edge written last is the one that closed the cycle for its author.
        last = max((written[edge].location for edge in edges), key=lambda place: (place.line, place.column))
        message = f"the processes form a cycle: `{cycle_text(cycle)}`"
        hint = "remove one of these edges from `process_adjlist`"
        problems.error(message, last, process=cycle[0], key="process_adjlist", hint=hint)


def cycle_text(cycle: tuple[str, ...]) -> str:
    """Return ``a -> b -> a``."""
    return " -> ".join((*cycle, cycle[0]))
