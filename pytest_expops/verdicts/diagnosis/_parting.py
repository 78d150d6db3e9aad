"""In the lines of one call that two runs made: after which of them the runs are first not alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_expops.replay.tracing import Line, Trace
from pytest_expops.replay.tracing.digests import value_of
from pytest_expops.verdicts.diagnosis._pairing import CONTROL_FLOW, differing, differing_states, state_path, value_path
from pytest_expops.verdicts.diagnosis._relevance import Function, Statement


@dataclass(frozen=True, slots=True)
class PartingLine:
    """The line to blame, and the path of what first differs after it, as `Place.path` calls it.

    For example line 12 and ``variable weights``.
    """

    line: int
    path: str


@dataclass(frozen=True, slots=True)
class _TracedLines:
    """The lines that two runs made of one call of a function, and what is known of that function."""

    one: Trace
    other: Trace
    function: Function


@dataclass(frozen=True, slots=True)
class _Hit:
    """Something new is different at `index` of the lines, of what ran at `line`: variables by name, or else by path.

    For example, at the fourth line that ran, line 12 has given `weights` another value: ``_Hit(3, 12, ("weights",))``.
    """

    index: int
    line: int
    names: tuple[str, ...] = ()
    path: str = ""


def parting(one: Trace, other: Trace, function: Function, names: frozenset[str]) -> PartingLine | None:
    """Return the line to blame; None where the two runs stay alike.

    What can reach the outcome of the call comes before what cannot: of ``began = time.time()``, which is only printed,
    and ``weights = draw()``, which is returned, the latter.

    Args:
        one: the lines of the call in one run.
        other: those in another.
        function: what is known of its statements.
        names: of a module or class body, the variables that matter.
    """
    lines = _TracedLines(one, other, function)
    hits = list(_hits(lines, exactly=False)) or list(_hits(lines, exactly=True))
    return _reaching(lines, hits, names) or _any(lines, hits)


def _reaching(lines: _TracedLines, hits: list[_Hit], names: frozenset[str]) -> PartingLine | None:
    """Return the line of the first hit that can reach the outcome of the call."""
    relevant = lines.function.reaching(names or _outcome(lines)) - lines.function.marks()
    for hit in hits:
        variables = [name for name in hit.names if name in relevant]
        if hit.path or variables:
            elsewhere = _ordered(lines, hit) or _opaque(lines, hit) or _entering(lines, hit, relevant)
            return elsewhere or _at(lines, hit, variables)
    return None


def _any(lines: _TracedLines, hits: list[_Hit]) -> PartingLine | None:
    """Return the line of the first variable that differs at all, where nothing that differs reaches the outcome."""
    marks = lines.function.marks()
    first = next(((hit, name) for hit in hits for name in hit.names if name not in marks), None)
    return None if first is None else PartingLine(first[0].line, _path(lines, first[0].line, first[1]))


def _at(lines: _TracedLines, hit: _Hit, variables: list[str]) -> PartingLine:
    """Return the line of a hit, and its path or that of its first variable."""
    line = _line(lines, hit, variables)
    return PartingLine(line, hit.path or _path(lines, line, variables[0]))


def _path(lines: _TracedLines, line: int, name: str) -> str:
    """Return a variable by its name; one that the call was given, and that was changed in place, as its argument.

    For example ``variable weights`` of ``weights = draw()``, and ``argument df`` of ``df["x"] = draw()``.
    """
    statement = lines.function.at(line)
    given = name in lines.one.lines[0].locals and statement is not None and name not in statement.binds
    return f"argument {name}" if given else f"variable {name}"


def _line(lines: _TracedLines, hit: _Hit, names: list[str]) -> int:
    """Return the line of a hit; what other threads do, and what leaves a `with` block, has other lines than its own."""
    one, function = lines.one, lines.function
    if hit.path.startswith("return"):  # what leaves a `with` block runs after the `return` in it
        for each in reversed(one.lines[: hit.index]):
            statement = function.at(each.line)
            if statement is not None and statement.returns:
                return each.line
    if names and one.target is not None and one.target.inputs:  # another thread may change a variable at any line
        found = [function.changing(name) for name in names]
        return next((each.line for each in found if each is not None), hit.line)
    return hit.line


def _hits(lines: _TracedLines, exactly: bool) -> Iterator[_Hit]:
    """Give whatever becomes different, in order, up to where the runs part; `exactly` counts the order of dicts too."""
    one, other, function = lines.one, lines.other, lines.function
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
    """Return the line before `index`; before the `except` clauses that are looked through, the one that raised."""
    for each in reversed(one.lines[:index]):
        if function.at(each.line) is not None:
            return each.line
    return one.lines[max(index - 1, 0)].line


def _different(ours: Line, theirs: Line, exactly: bool) -> list[str]:
    """Return variables, and states by their paths, that differ at one moment; none where a budget left them out."""
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
    """Return `blamed`; where lines were skipped, the last of them that may have changed one of these variables."""
    for line in reversed(ours.skipped):
        statement = function.at(line)
        if statement is not None and statement.changes & set(names):
            return line
    return blamed


def _outcome(lines: _TracedLines) -> set[str]:
    """Return the variables through which a call gives something besides its result: those given to it, if changed."""
    one, other = lines.one, lines.other
    if not one.lines or not other.lines:
        return set()
    first, ours, theirs = one.lines[0].locals, one.lines[-1].locals, other.lines[-1].locals
    given = ours.keys() | theirs.keys() if one.target and one.target.function == "<module>" else first.keys()
    return set(differing(ours, theirs, given, exactly=False))


def _opaque(lines: _TracedLines, hit: _Hit) -> PartingLine | None:
    """Return the line that made what cannot be compared, where the line to blame only looks into it.

    For example ``cursor = connection.execute(...)``, of which ``rows = list(cursor)`` shows that it differs.
    """
    one, function = lines.one, lines.function
    statement = function.at(hit.line)
    start = _start(one, hit)
    if statement is None or start is None or not statement.only_reads:
        return None
    for name in sorted(statement.reads):
        if one.lines[start].locals.get(name, "").startswith("opaque "):
            for each in reversed(one.lines[:start]):
                maker = function.at(each.line)
                if maker is not None and name in maker.changes:
                    return PartingLine(each.line, f"variable {name}")
    return None


def _entering(lines: _TracedLines, hit: _Hit, relevant: set[str]) -> PartingLine | None:
    """Return the line that first reads what was left in a variable of the module, if that is before the line to blame.

    For example ``MODEL.partial_fit(x, y)``, of which ``return MODEL.coef_`` shows that `MODEL` had been fitted before.
    """
    ours, theirs = lines.one.lines[0].globals, lines.other.lines[0].globals
    left = {*differing(ours, theirs, ours.keys() & theirs.keys(), exactly=False)} & relevant
    for each in lines.one.lines[: _start(lines.one, hit)]:
        statement = lines.function.at(each.line)
        if statement is not None and statement.reads & left:
            return PartingLine(each.line, f"variable {min(statement.reads & left)}")
    return None


def _start(one: Trace, hit: _Hit) -> int | None:
    """Return the index at which the statement to blame began."""
    return next((index for index in range(hit.index - 1, -1, -1) if one.lines[index].line == hit.line), None)


def _ordered(lines: _TracedLines, hit: _Hit) -> PartingLine | None:
    """Return the line that put a dict in another order, where the line to blame reads that dict.

    For example ``counts = {word: 1 for word in set(words)}``, of which ``first = next(iter(counts))`` shows the order.
    """
    one, other, function = lines.one, lines.other, lines.function
    statement: Statement | None = function.at(hit.line)
    start = _start(one, hit)
    if statement is None or start is None:
        return None
    for name in sorted(statement.reads):
        for index in range(start + 1):
            ours, theirs = (trace.lines[index].locals.get(name, "") for trace in (one, other))
            if ours != theirs and value_of(ours) == value_of(theirs):
                if index:
                    return PartingLine(one.lines[index - 1].line, f"variable {name}")
                break
    return None
