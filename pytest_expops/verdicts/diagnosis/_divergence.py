"""Where two traced runs of one process first part: the call, then the line, after which they are not alike."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_expops.replay.tracing import Target, Trace
from pytest_expops.replay.tracing.statements import code_at
from pytest_expops.verdicts.diagnosis._pairing import CONTROL_FLOW, Pair, differing, pairs
from pytest_expops.verdicts.diagnosis._parting import parting
from pytest_expops.verdicts.diagnosis._relevance import Function
from pytest_expops.verdicts.findings import Place


@dataclass(frozen=True, slots=True)
class Divergence:
    """The call to blame, the innermost step around it, and what first differs in what came out of it (see `Place`).

    Of a module or class body, `names` are those variables in it that differ and that what ran later asks for. `line`
    is where it called what the other run did not, if it did.
    """

    target: Target
    step: str | None
    path: str
    line: int = 0
    names: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        """The best line without a trace of lines: the only one that can be, or else where the function begins."""
        target = self.target
        function = Function(target.file, target.function, target.line)
        statement = None
        if self.path.startswith("argument "):
            statement = function.changing(self.path.partition(" ")[2])
        elif self.path.startswith("return"):
            statement = function.measuring() or function.returning()  # a trace takes time, and may hide what time does
        line = statement.line if statement is not None else function.begins.get(self.line) or target.line
        return Place(target.file, line, target.function, self.step, self.path, code_at(target.file, line))


Harmless = frozenset[tuple[str, str]]
"""Variables of modules and classes, by file and name, that differ also between two runs with the same results."""


def differing_names(one: Trace, other: Trace) -> Harmless:
    """Return the variables of modules and classes that differ between two runs."""
    modules = [pair for pair in pairs(one, other) if pair.one.namespace and pair.same_inputs() and pair.path()]
    return frozenset((pair.one.file, name) for pair in modules for name in _names(pair))


def first_call(one: Trace, other: Trace, harmless: Harmless = frozenset()) -> Divergence | None:
    """The first call, in the order of ends, that came out differently though it went in alike; None if there is none.

    It came out differently if it returned, handed out, raised, changed in its arguments or left in the random states
    or metrics something else, or made other calls. A call whose difference does not reach its callers' ends (a time
    that is only printed) counts only where there is no other. What differs in a module since its import, and is not
    `harmless`, is to blame where the call that was found names it.
    """
    found = pairs(one, other)
    imported = {id(pair) for pair in found if any(each.one.namespace for each in (pair, *pair.callers()))}
    modules = {
        pair: names - {name for file, name in harmless if file == pair.one.file}
        for pair in found
        if pair.one.namespace and pair.same_inputs() and pair.path()
        for names in [_names(pair)]
    }
    culprit = _culprit([pair for pair in found if id(pair) not in imported])
    if culprit is None:
        return next((_divergence(module, frozenset(names)) for module, names in modules.items() if names), None)
    mentioned = Function(culprit.one.file, culprit.one.function, culprit.one.line).mentions()
    for module, names in modules.items():
        if names & mentioned:
            return _divergence(module, frozenset(names & mentioned))
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
    if target.inputs and of is not None and of.path.startswith("argument "):
        return of.place  # other threads change what they share at any line of this one
    function = Function(target.file, target.function, target.line)
    found = parting(one, other, function, of.names if of is not None else frozenset())
    if found is None:
        return None
    code = code_at(target.file, found.line)
    return Place(target.file, found.line, target.function, of.step if of else None, found.path, code)


def _culprit(found: list[Pair]) -> Pair | None:
    """The first call that came out differently though it went in alike, best with a difference that went on."""
    apart = {id(pair): pair for pair in found if pair.parted or pair.path() is not None}
    candidates = [pair for pair in apart.values() if pair.same_inputs()]
    differing_at_all = [pair for pair in candidates if pair.path()]
    going_on = [pair for pair in differing_at_all if all(id(each) in apart for each in pair.callers())]
    # A process whose inputs cannot be compared is still the place, if nothing within it is.
    roots = [pair for pair in apart.values() if pair.caller is None and pair.path()]
    return next(iter([*going_on, *differing_at_all, *candidates, *roots]), None)


def _names(module: Pair) -> set[str]:
    """The variables of a module or class body that differ."""
    assert module.one.returned is not None
    assert module.other.returned is not None
    ours, theirs = dict(module.one.returned["leaves"]), dict(module.other.returned["leaves"])
    return set(differing(ours, theirs, ours.keys() | theirs.keys(), exactly=False))


def _divergence(pair: Pair, names: frozenset[str] = frozenset()) -> Divergence:
    path = f"variable {min(names)}" if names else pair.path() or CONTROL_FLOW
    step = next((each.one.step for each in (pair, *pair.callers()) if each.one.step is not None), None)
    return Divergence(pair.one.target, step, path, pair.parted_at, names)


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
