"""Where two traced runs of one process first part: the call, then the line, after which they are not alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.execution.tracing import Line, Target, Trace
from pytest_expops.execution.tracing.digests import value_of
from pytest_expops.execution.tracing.statements import code_at
from pytest_expops.verdicts.pairing import Pair, differing, differing_states, pairs, state_path, value_path
from pytest_expops.verdicts.relevance import Function, Statement

CONTROL_FLOW = "control flow"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the project. `path` says what is first different there: ``return['w'][0]``, ``yield[3]``,
    ``variable names``, ``argument df`` (changed in place), ``random state of numpy``, ``logged metrics``,
    ``exception``, ``control flow`` (what runs next). `code` is the source line, stripped; `step` the innermost step
    around it.
    """

    file: str
    line: int
    function: str
    step: str | None
    path: str
    code: str

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Place:
        """What `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Divergence:
    """The call to blame, the innermost step around it, and what first differs in what came out of it (see `Place`).

    Of a module or class body, `names` are those variables in it that differ and that what ran later asks for.
    """

    target: Target
    step: str | None
    path: str
    names: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        """The function as a whole, for want of a line."""
        target = self.target
        code = code_at(target.file, target.line)
        return Place(target.file, target.line, target.function, self.step, self.path, code)


def first_call(one: Trace, other: Trace) -> Divergence | None:
    """The first call, in the order of ends, that came out differently though it went in alike; None if there is none.

    It came out differently if it returned, handed out, raised, changed in its arguments or left in the random states
    or metrics something else, or made other calls. A call whose difference does not reach its callers' ends (a time
    that is only printed) counts only where there is no other. What differs in a module since its import is to blame
    where the call that was found names it.
    """
    found = pairs(one, other)
    imported = {id(pair) for pair in found if any(each.one.namespace for each in (pair, *pair.callers()))}
    apart = [pair for pair in found if _is_apart(pair)]
    candidates = [pair for pair in apart if pair.same_inputs()]
    running = [pair for pair in candidates if id(pair) not in imported]
    known = {id(pair) for pair in apart}
    reaching = [pair for pair in running if pair.path() and all(id(each) in known for each in pair.callers())]
    differing_at_all = [pair for pair in running if pair.path()]
    # A process whose inputs cannot be compared is still the place, if nothing within it is.
    roots = [pair for pair in apart if pair.caller is None and pair.path() and id(pair) not in imported]
    culprit = next(iter([*reaching, *differing_at_all, *running, *roots]), None)
    modules = [pair for pair in candidates if pair.one.namespace and pair.path()]
    if culprit is None:
        return _divergence(modules[0], frozenset(_names(modules[0]))) if modules else None
    mentioned = Function(culprit.one.file, culprit.one.function, culprit.one.line).mentions()
    for module in modules:
        names = _names(module) & mentioned
        if names:
            return _divergence(module, frozenset(names))
    return _divergence(_orderer(culprit, found))


def first_line(one: Trace, other: Trace, of: Divergence | None = None) -> Place | None:
    """The line of the traced call after which the two runs are first not alike; None where they stay alike.

    That is: after which a variable, a random state or the metrics first differ, though all were equal before; or
    another line follows; or which returns or hands out something else. A variable that cannot reach what the call
    gave counts only where there is no other. A dict that is equal but in another order is to blame where a later line
    that reads it gives something different. `of` is what the target was found by: it knows the step, and which
    variables of a module matter.
    """
    target = one.target
    if target is None or other.target != target:
        raise ValueError("first_line compares two traces of the lines of one call")
    function = Function(target.file, target.function, target.line)
    hit = _hit(one, other, function, of)
    if hit is None:
        return None
    line, path = hit
    return Place(target.file, line, target.function, of.step if of else None, path, code_at(target.file, line))


def _is_apart(pair: Pair) -> bool:
    return pair.parted or pair.path() is not None


def _names(module: Pair) -> set[str]:
    """The variables of a module or class body that differ."""
    assert module.one.returned is not None
    assert module.other.returned is not None
    ours, theirs = dict(module.one.returned["leaves"]), dict(module.other.returned["leaves"])
    return set(differing(ours, theirs, ours.keys() | theirs.keys(), exactly=False))


def _divergence(pair: Pair, names: frozenset[str] = frozenset()) -> Divergence:
    path = f"variable {min(names)}" if names else pair.path() or CONTROL_FLOW
    step = next((each.one.step for each in (pair, *pair.callers()) if each.one.step is not None), None)
    return Divergence(pair.one.target, step, path, names)


def _orderer(culprit: Pair, found: list[Pair]) -> Pair:
    """The call that made the dict, equal but in another order, which the culprit was given; the culprit if none is."""
    ours, theirs = culprit.one.arguments, culprit.other.arguments
    ordered = [name for name in ours if name in theirs and ours[name] != theirs[name]]
    if not ordered:
        return culprit
    given = {(ours[name], theirs[name]) for name in ordered}
    for pair in found:
        one, other = pair.one.returned, pair.other.returned
        if one and other and (one["digest"], other["digest"]) in given and pair.same_inputs(exactly=True):
            return pair
    caller = culprit.caller
    return caller if caller is not None and caller.same_inputs(exactly=True) else culprit


@dataclass(frozen=True, slots=True)
class _Hit:
    """Something new is different at `index`, of what ran at `line`. Variables by name, anything else by path."""

    index: int
    line: int
    names: tuple[str, ...] = ()
    path: str = ""


def _hit(one: Trace, other: Trace, function: Function, of: Divergence | None) -> tuple[int, str] | None:
    hits = list(_hits(one, other, function, exactly=False))
    if not hits:
        hits = list(_hits(one, other, function, exactly=True))
    relevant = function.reaching(_outcome(one, other, of))
    for hit in hits:
        names = [name for name in hit.names if name in relevant]
        if hit.path or names:
            return _ordered(one, other, function, hit) or (hit.line, hit.path or f"variable {names[0]}")
    return (hits[0].line, f"variable {hits[0].names[0]}") if hits else None


def _hits(one: Trace, other: Trace, function: Function, exactly: bool) -> Iterator[_Hit]:
    """Whatever becomes different, in order, up to where the runs part."""
    if not one.lines or not other.lines:
        return
    seen = set(_different(one.lines[0], other.lines[0], exactly))
    before = one.lines[0].line
    for index, (ours, theirs) in enumerate(zip(one.lines, other.lines, strict=False)):
        blamed = before
        if ours.line != theirs.line:
            yield _Hit(index, blamed, path=CONTROL_FLOW)
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


def _outcome(one: Trace, other: Trace, of: Divergence | None) -> set[str]:
    """The variables through which a call gives something, besides what it returns: those it was given, if changed."""
    if of is not None and of.names:
        return set(of.names)
    if not one.lines or not other.lines:
        return set()
    first, ours, theirs = one.lines[0].locals, one.lines[-1].locals, other.lines[-1].locals
    given = ours.keys() | theirs.keys() if one.target and one.target.function == "<module>" else first.keys()
    return set(differing(ours, theirs, given, exactly=False))


def _ordered(one: Trace, other: Trace, function: Function, hit: _Hit) -> tuple[int, str] | None:
    """The line that put a dict in another order, where the line to blame reads that dict."""
    statement: Statement | None = function.at(hit.line)
    start = next((index for index in range(hit.index - 1, -1, -1) if one.lines[index].line == hit.line), None)
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
