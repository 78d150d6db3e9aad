"""In the lines of one call that two runs made: after which of them the runs are first not alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_expops.replay.tracing import Line, Trace
from pytest_expops.replay.tracing.digests import value_of
from pytest_expops.verdicts.diagnosis._pairing import CONTROL_FLOW, differing, differing_states, state_path, value_path
from pytest_expops.verdicts.diagnosis._relevance import Function, Statement


@dataclass(frozen=True, slots=True)
class _Hit:
    """Something new is different at `index`, of what ran at `line`. Variables by name, anything else by path."""

    index: int
    line: int
    names: tuple[str, ...] = ()
    path: str = ""


def parting(one: Trace, other: Trace, function: Function, names: frozenset[str]) -> tuple[int, str] | None:
    """The line to blame, and the path of what first differs after it; None where the two stay alike.

    Of a module or class body, `names` are the variables that matter.
    """
    hits = list(_hits(one, other, function, exactly=False))
    if not hits:
        hits = list(_hits(one, other, function, exactly=True))
    relevant = function.reaching(names or _outcome(one, other)) - function.marks()
    for hit in hits:
        variables = [name for name in hit.names if name in relevant]
        if hit.path or variables:
            found = _ordered(one, other, function, hit) or _opaque(one, function, hit)
            line = _line(one, function, hit, variables)
            return found or (line, hit.path or _path(one, function, line, variables[0]))
    for hit in hits:
        for name in hit.names:
            if name not in function.marks():
                return hit.line, _path(one, function, hit.line, name)
    return None


def _path(one: Trace, function: Function, line: int, name: str) -> str:
    """A variable by its name; one that the call was given, and that was changed in place, as its argument."""
    statement = function.at(line)
    given = name in one.lines[0].locals and statement is not None and name not in statement.binds
    return f"argument {name}" if given else f"variable {name}"


def _line(one: Trace, function: Function, hit: _Hit, names: list[str]) -> int:
    """The line of a hit; what other threads do, and what leaves a `with` block, has other lines than its own."""
    if hit.path.startswith("return"):  # what leaves a `with` block runs after the `return` in it
        for each in reversed(one.lines[: hit.index]):
            statement = function.at(each.line)
            if statement is not None and statement.returns:
                return each.line
    if names and one.target is not None and one.target.inputs:  # another thread may change a variable at any line
        found = [function.changing(name) for name in names]
        return next((each.line for each in found if each is not None), hit.line)
    return hit.line


def _hits(one: Trace, other: Trace, function: Function, exactly: bool) -> Iterator[_Hit]:
    """Whatever becomes different, in order, up to where the runs part."""
    if not one.lines or not other.lines:
        return
    seen = set(_different(one.lines[0], other.lines[0], exactly))
    before = one.lines[0].line
    for index, (ours, theirs) in enumerate(zip(one.lines, other.lines, strict=False)):
        blamed = before
        if ours.line != theirs.line:
            yield _Hit(index, _raising(one, function, index), path=CONTROL_FLOW)
            return
        new = [name for name in _different(ours, theirs, exactly) if name not in seen]
        seen.update(new)
        variables = tuple(name for name in new if not _is_state(name))
        if variables:
            yield _Hit(index, _assigning(ours, function, variables, blamed), names=variables)
        for name in new:
            if _is_state(name):
                yield _Hit(index, blamed, path=name)
        ended = _end(ours, theirs, exactly)
        if ended is not None:
            yield _Hit(index, ours.line, path=ended)
        before = ours.line
    if len(one.lines) != len(other.lines):
        yield _Hit(min(len(one.lines), len(other.lines)), before, path=CONTROL_FLOW)


def _raising(one: Trace, function: Function, index: int) -> int:
    """The line before `index`; before the `except` clauses that are looked through, the one that raised."""
    for each in reversed(one.lines[:index]):
        if function.at(each.line) is not None:
            return each.line
    return one.lines[max(index - 1, 0)].line


def _different(ours: Line, theirs: Line, exactly: bool) -> list[str]:
    """Variables, and states by their paths, that differ at one moment; none where a budget left them out."""
    if bool(ours.locals) != bool(theirs.locals) and bool(ours.rng) != bool(theirs.rng):
        return []
    names = differing(ours.locals, theirs.locals, ours.locals.keys() | theirs.locals.keys(), exactly)
    return names + [state_path(name) for name in differing_states(ours.rng, theirs.rng)]


def _is_state(name: str) -> bool:
    return not name.isidentifier()  # a path has a space


def _end(ours: Line, theirs: Line, exactly: bool) -> str | None:
    if ours.raised != theirs.raised:
        return "exception"
    found = value_path(ours.returned, theirs.returned, exactly)
    return found or value_path(ours.yielded, theirs.yielded, exactly)


def _assigning(ours: Line, function: Function, names: tuple[str, ...], blamed: int) -> int:
    """Where lines were skipped, the last of them that may have changed one of these variables."""
    for line in reversed(ours.skipped):
        statement = function.at(line)
        if statement is not None and statement.changes & set(names):
            return line
    return blamed


def _outcome(one: Trace, other: Trace) -> set[str]:
    """The variables through which a call gives something, besides what it returns: those it was given, if changed."""
    if not one.lines or not other.lines:
        return set()
    first, ours, theirs = one.lines[0].locals, one.lines[-1].locals, other.lines[-1].locals
    given = ours.keys() | theirs.keys() if one.target and one.target.function == "<module>" else first.keys()
    return set(differing(ours, theirs, given, exactly=False))


def _opaque(one: Trace, function: Function, hit: _Hit) -> tuple[int, str] | None:
    """The line that made what cannot be compared, such as a cursor, where the line to blame only looks into it."""
    statement = function.at(hit.line)
    start = _start(one, hit)
    if statement is None or start is None or not statement.only_reads:
        return None
    for name in sorted(statement.reads):
        if one.lines[start].locals.get(name, "").startswith("opaque "):
            for each in reversed(one.lines[:start]):
                maker = function.at(each.line)
                if maker is not None and name in maker.changes:
                    return each.line, f"variable {name}"
    return None


def _start(one: Trace, hit: _Hit) -> int | None:
    """Where the statement to blame began."""
    return next((index for index in range(hit.index - 1, -1, -1) if one.lines[index].line == hit.line), None)


def _ordered(one: Trace, other: Trace, function: Function, hit: _Hit) -> tuple[int, str] | None:
    """The line that put a dict in another order, where the line to blame reads that dict."""
    statement: Statement | None = function.at(hit.line)
    start = _start(one, hit)
    if statement is None or start is None:
        return None
    for name in sorted(statement.reads):
        for index in range(start + 1):
            ours, theirs = (trace.lines[index].locals.get(name, "") for trace in (one, other))
            if ours != theirs and value_of(ours) == value_of(theirs):
                if index:
                    return one.lines[index - 1].line, f"variable {name}"
                break
    return None
