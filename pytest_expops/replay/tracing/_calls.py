"""Records every call of a project function: digests of what goes in, what comes out, and what it changed."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from pytest_expops.replay.tracing._codes import CodeInfo, Codes, Key, is_plain_name
from pytest_expops.replay.tracing._listening import UNKNOWN, Numbers, Watch, inputs_digest
from pytest_expops.replay.tracing._trace import Call, Digests
from pytest_expops.replay.tracing.digests import LEAVES, Digester
from pytest_expops.values.forms import hashed

ALL = 5_000
"""So many calls are recorded, of whatever functions."""
EACH = 50
"""From then on, so many of each function, the first ones included."""


@dataclass(slots=True, eq=False)
class _OpenCall:
    """A call that has begun. It holds digests and addresses, never the values."""

    frame: int
    call: Call
    held: dict[str, int]
    yields: list[list[str]] = field(default_factory=list)
    yielded: bytes = b""
    count: int = 0
    last: int = -1
    """Where in the order of ends it stands; -1 before there is an end, or a value handed out."""
    ended: bool = False


class _Thread(threading.local):
    """The calls that are going on in one thread, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[_OpenCall] = []
        self.number = -1


class CallRecorder:
    """A listener that makes `calls`. Suspended generators are known by their frames' addresses."""

    def __init__(self, codes: Codes, digester: Digester) -> None:
        self._codes = codes
        self._digester = digester
        self._numbers = Numbers()
        self._entries = itertools.count()
        self._ends = itertools.count()
        self._threads = itertools.count(1)
        self._local = _Thread()
        self._going: dict[int, _OpenCall] = {}
        self._all: list[_OpenCall] = []
        self._each: Counter[Key] = Counter()
        self._dropped = 0

    def calls(self) -> tuple[Call, ...]:
        """What was recorded, in the order of the ends; calls that have not ended stand last."""
        for each in self._going.values():
            if each.count and not each.ended:  # a generator that nobody read to its end
                self._set(each, returned=_with_yields(each, None))
        never = next(self._ends)
        return tuple([each.call for each in sorted(self._all, key=lambda each: (each.last < 0) * never + each.last)])

    @property
    def note(self) -> str:
        """What was left out."""
        return f"after {ALL} calls at most {EACH} of each function were recorded" if self._dropped else ""

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        self._going.pop(id(frame), None)  # a generator that was thrown away, whose address is used again
        self._each[info.key] += 1
        if len(self._all) >= ALL and self._each[info.key] > EACH:
            self._dropped += 1
            return Watch.NOTHING
        stack, thread = self._local.stack, self._thread()
        digested = not self._digester.exhausted
        arguments: dict[str, str] = {}
        rng: dict[str, str] = {}
        held: dict[str, int] = {}
        first = self._numbers.in_first_thread()
        if digested and not info.namespace:  # a script is imported unseeded, whatever the states are by then
            with self._digester.working():
                values = frame.f_locals
                rng = self._digester.rng() if first else {}  # elsewhere others draw from them at any time
                arguments = self._digester.texts(values, info.inputs)
                held = {name: id(values[name]) for name in arguments}
        inputs = "" if first else inputs_digest(arguments)
        step, origin = self._codes.origin(frame)
        call = Call(
            *info.key,
            call=self._numbers.next(info.key, inputs),
            entry=next(self._entries),
            caller=stack[-1].call.entry if stack else None,
            depth=len(stack),
            thread=thread,
            inputs=inputs,
            step=step,
            origin=origin,
            namespace=info.namespace,
            digested=digested,
            arguments=arguments,
            rng=rng,
        )
        opened = _OpenCall(id(frame), call, held)
        self._all.append(opened)
        self._going[id(frame)] = opened
        stack.append(opened)
        return Watch.CALL

    def resumed(self, frame: FrameType, info: CodeInfo) -> Watch:
        opened = self._going.get(id(frame))
        if opened is not None:
            self._local.stack.append(opened)
        return Watch.CALL

    def yielded(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        opened = self._going.get(id(frame))
        if opened is None:
            return
        self._leave(opened)
        opened.last = next(self._ends)
        if opened.call.digested and not self._digester.exhausted:
            with self._digester.working():
                digest = self._digester.text(value)
            if opened.count < LEAVES:
                opened.yields.append([f"yield[{opened.count}]", digest])
            opened.yielded = hashed(opened.yielded, digest.encode("utf-8", "surrogatepass"))
            opened.count += 1

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        opened = self._going.get(id(frame))
        if opened is None:
            return
        if opened.call.digested and not self._digester.exhausted:
            with self._digester.working():
                found = self._namespace(frame) if info.namespace else self._digester.leaves(value, "return")
                self._set(opened, returned=_with_yields(opened, found), **self._changes(opened, frame))
        self._end(opened)

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        opened = self._going.get(id(frame))
        if opened is None:
            return
        if opened.call.digested and not self._digester.exhausted:
            with self._digester.working():
                returned = _with_yields(opened, None) if opened.count else None
                self._set(opened, returned=returned, raised=error, **self._changes(opened, frame))
        self._end(opened, closed=opened.count > 0 and error in ("GeneratorExit", UNKNOWN))

    def line(self, frame: FrameType) -> None:
        """Lines are not asked for."""

    def _thread(self) -> int:
        if self._local.number < 0:
            self._local.number = 0 if self._numbers.in_first_thread() else next(self._threads)
        return self._local.number

    def _set(self, opened: _OpenCall, **found: Any) -> None:
        call = opened.call
        opened.call = Call(**{**{name: getattr(call, name) for name in Call.__slots__}, **found})

    def _changes(self, opened: _OpenCall, frame: FrameType) -> dict[str, Any]:
        """The arguments and random states that are not as they were. A name that was rebound is not the argument."""
        if opened.call.namespace:
            return {}
        values = frame.f_locals
        outer = frame.f_code.co_freevars  # variables of a function around this one, which stay changed if rebound
        same = [name for name, address in opened.held.items() if name in outer or id(values.get(name)) == address]
        after = self._digester.texts(values, same)
        return {
            "after": _changed(opened.call.arguments, after),
            "rng_after": _changed(opened.call.rng, self._digester.rng()) if opened.call.rng else {},
        }

    def _namespace(self, frame: FrameType) -> dict[str, Any]:
        """What the body of a module or class has made so far, name by name."""
        values = frame.f_locals
        digests = self._digester.texts(values, [name for name in list(values) if is_plain_name(name)])
        leaves = [[name, digest] for name, digest in digests.items()]
        return {"digest": _together(leaves), "leaves": leaves}

    def _leave(self, opened: _OpenCall) -> None:
        """Take a call from the stack, with those above it whose ends nobody told."""
        stack = self._local.stack
        if opened in stack:
            del stack[stack.index(opened) :]

    def _end(self, opened: _OpenCall, closed: bool = False) -> None:
        self._leave(opened)
        self._going.pop(opened.frame, None)
        opened.ended = True
        if not closed:  # a generator may be closed long after it has handed out what matters
            opened.last = next(self._ends)


def _changed(before: Digests, after: Digests) -> Digests:
    return {name: digest for name, digest in after.items() if digest != before.get(name)}


def _with_yields(opened: _OpenCall, returned: dict[str, Any] | None) -> dict[str, Any]:
    """What a call returned, after what it handed out."""
    if returned is not None and not opened.count:
        return returned
    leaves = [*opened.yields, *(returned["leaves"] if returned is not None else [])]
    end = returned["digest"] if returned is not None else ""
    return {"digest": hashed(opened.yielded, end.encode("utf-8", "surrogatepass")).hex(), "leaves": leaves}


def _together(leaves: list[list[str]]) -> str:
    return hashed(*[text.encode("utf-8", "surrogatepass") for leaf in leaves for text in leaf]).hex()
