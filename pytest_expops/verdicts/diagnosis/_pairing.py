"""Which call of one trace is which of another, and whether the two went in and came out alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.replay.tracing import Call, Trace
from pytest_expops.replay.tracing.digests import value_of
from pytest_expops.values.fingerprint import Fingerprint

CONTROL_FLOW = "control flow"
"""The path of a difference in what ran next."""


@dataclass(slots=True, eq=False)
class Pair:
    """One call in two runs, and the `caller` of both.

    If the calls that it makes `parted`, one run made another call than the other, from the line `parted_at`.
    """

    one: Call
    other: Call
    caller: Pair | None = None
    parted: bool = False
    parted_at: int = 0

    def same_inputs(self, exactly: bool = False) -> bool:
        """Whether arguments and random states were equal at the beginning; `exactly` down to the order of dicts."""
        if not (self.one.digested and self.other.digested):
            return False
        arguments = self.one.arguments.keys() | self.other.arguments.keys()
        return not differing(self.one.arguments, self.other.arguments, arguments, exactly) and not differing_states(
            self.one.rng, self.other.rng
        )

    def path(self, exactly: bool = False) -> str | None:
        """What first came out differently, as `Place.path` calls it; None where nothing did, or nobody knows."""
        one, other = self.one, self.other
        if not (_ended(one) and _ended(other)):
            return None
        if one.raised != other.raised:
            return "exception"
        found = value_path(one.returned, other.returned, exactly)
        if found is not None:
            return f"variable {found}" if one.namespace else found
        # What was not the same before need not be afterwards.
        before = {*differing(one.arguments, other.arguments, one.arguments.keys() | other.arguments.keys(), exactly)}
        ours, theirs = {**one.arguments, **one.after}, {**other.arguments, **other.after}
        changed = differing(ours, theirs, (one.after.keys() | other.after.keys()) - before, exactly)
        if changed:
            return f"argument {changed[0]}"
        states = differing_states({**one.rng, **one.rng_after}, {**other.rng, **other.rng_after})
        states = [name for name in states if name not in differing_states(one.rng, other.rng)]
        return state_path(states[0]) if states else None

    def callers(self) -> Iterable[Pair]:
        """The callers, the nearest first."""
        caller = self.caller
        while caller is not None:
            yield caller
            caller = caller.caller


def pairs(one: Trace, other: Trace) -> list[Pair]:
    """The calls that both runs made, in the order of their ends in `one`.

    Those that nobody recorded calls go by their targets. Within a call, its calls go in order, up to the first that
    is of another function in the other run: what comes after it is a consequence.
    """
    below_one, below_other = _by_caller(one), _by_caller(other)
    roots = {call.target: call for call in below_other.get(None, [])}
    waiting = [Pair(call, roots[call.target]) for call in below_one.get(None, []) if call.target in roots]
    found = {}
    while waiting:
        pair = waiting.pop()
        found[pair.one.entry] = pair
        ours, theirs = below_one.get(pair.one.entry, []), below_other.get(pair.other.entry, [])
        for call, counterpart in itertools.zip_longest(ours, theirs):
            if call is None or counterpart is None or _function(call) != _function(counterpart):
                pair.parted, pair.parted_at = True, (call or counterpart).origin
                break
            waiting.append(Pair(call, counterpart, pair))
    return [found[call.entry] for call in one.calls if call.entry in found]


def differing(one: Mapping[str, str], other: Mapping[str, str], names: Iterable[str], exactly: bool) -> list[str]:
    """Those names, sorted, whose digests differ, or which one side lacks."""
    if exactly:
        return sorted(name for name in names if one.get(name) != other.get(name))
    return sorted(name for name in names if value_of(one.get(name, "-")) != value_of(other.get(name, "-")))


def differing_states(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The libraries that both know, and whose global random states differ; ``metrics`` if those do."""
    return sorted(name for name in one.keys() & other.keys() if one[name] != other[name])


def state_path(name: str) -> str:
    """What a global state is called in a path."""
    return "logged metrics" if name == "metrics" else f"random state of {name}"


def value_path(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None, exactly: bool) -> str | None:
    """Where two values with leaves first differ; None where they do not, or one is not known."""
    if one is None or other is None:
        return None
    cut = (lambda digest: digest) if exactly else value_of
    if cut(one["digest"]) == cut(other["digest"]):
        return None
    ours, theirs = (
        Fingerprint.from_json({**each, "leaves": [[path, cut(digest)] for path, digest in each["leaves"]]})
        for each in (one, other)
    )
    places = ours.differs_at(theirs)
    return places[0] if places and places[0] else "return"


def _ended(call: Call) -> bool:
    return call.returned is not None or call.raised is not None


def _function(call: Call) -> tuple[str, str, int]:
    return call.file, call.function, call.line


def _by_caller(trace: Trace) -> dict[int | None, list[Call]]:
    found: dict[int | None, list[Call]] = {}
    for call in sorted(trace.calls, key=lambda call: call.entry):
        found.setdefault(call.caller, []).append(call)
    return found
