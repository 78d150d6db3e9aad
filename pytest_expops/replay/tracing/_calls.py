"""Records every call of a project function: digests of what goes in, what comes out, and what it changed."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


Returned = Mapping[str, Any]
"""What a call gave, as `Call.returned` has it: ``{"digest": ..., "leaves": [[path, digest], ...]}``."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What goes into a call: digests of its arguments and of the random states, and the addresses of the arguments."""

    arguments: dict[str, str] = field(default_factory=dict)
    rng: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Changes:
    """The arguments and random states that are not as they were when the call began, by their digests at its end."""

    arguments: Digests = field(default_factory=dict)
    rng: Digests = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _OpenCall:
    """A call that has begun. It holds digests and addresses, never the values."""

    frame: int
    call: Call
    addresses: Mapping[str, int]
    yields: list[list[str]] = field(default_factory=list)
    yielded: bytes = b""
    count: int = 0
    last: int = -1
    """Where in the order of ends it stands; -1 before there is an end, or a value handed out."""
    ended: bool = False

    def add_yield(self, digest: str) -> None:
        """Note a value that a generator hands out: its leaf, ``["yield[0]", digest]``, and a digest of all so far."""
        if self.count < LEAVES:
            self.yields.append([f"yield[{self.count}]", digest])
        self.yielded = hashed(self.yielded, digest.encode("utf-8", "surrogatepass"))
        self.count += 1

    def leave_unread(self) -> None:
        """Let what it handed out be all that it gave, if it is a generator that was not read to its end."""
        if self.count and not self.ended:
            self.call = replace(self.call, returned=self.with_yields(None))

    def with_yields(self, returned: Returned | None) -> Returned | None:
        """Return what the call gave, after what it handed out; None if it gave nothing.

        A generator that handed out one value and returned None has the leaves ``yield[0]`` and ``return``.
        """
        if not self.count:
            return returned
        leaves = [*self.yields, *(returned["leaves"] if returned is not None else [])]
        end = returned["digest"] if returned is not None else ""
        return {"digest": hashed(self.yielded, end.encode("utf-8", "surrogatepass")).hex(), "leaves": leaves}


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
        """Return what was recorded, in the order of the ends; calls that have not ended stand last."""
        for each in self._going.values():
            each.leave_unread()
        never = next(self._ends)
        return tuple([each.call for each in sorted(self._all, key=lambda each: (each.last < 0) * never + each.last)])

    @property
    def note(self) -> str:
        """What was left out."""
        return f"after {ALL} calls at most {EACH} of each function were recorded" if self._dropped else ""

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        unread = self._going.pop(id(frame), None)
        if unread is not None:  # a generator that was thrown away, whose address is used again
            unread.leave_unread()
        if self._is_left_out(info.key):
            return Watch.NOTHING
        thread = self._thread()
        digested = not self._digester.exhausted
        inputs = self._inputs(frame, info) if digested else _Inputs()
        opened = _OpenCall(id(frame), self._call(frame, info, inputs, thread, digested), inputs.addresses)
        self._all.append(opened)
        self._going[id(frame)] = opened
        self._local.stack.append(opened)
        return Watch.CALL

    def _is_left_out(self, key: Key) -> bool:
        """Count a call that begins; whether it is one too many: the 51st of its function, when 5,000 are recorded."""
        self._each[key] += 1
        left_out = len(self._all) >= ALL and self._each[key] > EACH
        self._dropped += left_out
        return left_out

    def _inputs(self, frame: FrameType, info: CodeInfo) -> _Inputs:
        """Digest what goes into a call; of a namespace nothing, as a script is imported unseeded, in whatever state."""
        if info.namespace:
            return _Inputs()
        with self._digester.working():
            values = frame.f_locals
            # In other threads, others draw from the random states at any time.
            rng = self._digester.rng() if self._numbers.in_first_thread() else {}
            arguments = self._digester.texts(values, info.inputs)
            return _Inputs(arguments, rng, {name: id(values[name]) for name in arguments})

    def _call(self, frame: FrameType, info: CodeInfo, inputs: _Inputs, thread: int, digested: bool) -> Call:
        """Return the record of a call that begins, inside those that are going on in its thread."""
        stack = self._local.stack
        digest = "" if self._numbers.in_first_thread() else inputs_digest(inputs.arguments)
        step, origin = self._codes.origin(frame)
        return Call(
            *info.key,
            call=self._numbers.next(info.key, digest),
            entry=next(self._entries),
            caller=stack[-1].call.entry if stack else None,
            depth=len(stack),
            thread=thread,
            inputs=digest,
            step=step,
            origin=origin,
            namespace=info.namespace,
            digested=digested,
            arguments=inputs.arguments,
            rng=inputs.rng,
        )

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
            opened.add_yield(digest)

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        opened = self._going.get(id(frame))
        if opened is None:
            return
        if opened.call.digested and not self._digester.exhausted:
            with self._digester.working():
                found = self._namespace(frame) if info.namespace else self._digester.leaves(value, "return")
                self._fill_in(opened, frame, found)
        self._end(opened)

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        opened = self._going.get(id(frame))
        if opened is None:
            return
        if opened.call.digested and not self._digester.exhausted:
            with self._digester.working():
                self._fill_in(opened, frame, None, error)
        self._end(opened, closed=opened.count > 0 and error in ("GeneratorExit", UNKNOWN))

    def line(self, frame: FrameType) -> None:
        """Ignore lines: this listener wants none."""

    def _thread(self) -> int:
        if self._local.number < 0:
            self._local.number = 0 if self._numbers.in_first_thread() else next(self._threads)
        return self._local.number

    def _fill_in(
        self, opened: _OpenCall, frame: FrameType, returned: Returned | None, raised: str | None = None
    ) -> None:
        """Complete the record of a call that ends: what it gave or raised, and what it changed."""
        changes = self._changes(opened, frame)
        opened.call = replace(
            opened.call,
            returned=opened.with_yields(returned),
            raised=raised,
            after=changes.arguments,
            rng_after=changes.rng,
        )

    def _changes(self, opened: _OpenCall, frame: FrameType) -> _Changes:
        """Return what a call has changed; a namespace has neither arguments nor random states.

        After ``def f(a, b): a.append(1); b = []`` it is ``a``: the name ``b`` was bound to another list, and the one
        that was the argument is as it was.
        """
        if opened.call.namespace:
            return _Changes()
        values = frame.f_locals
        outer = frame.f_code.co_freevars  # variables of a function around this one, which stay changed if rebound
        same = [name for name, address in opened.addresses.items() if name in outer or id(values.get(name)) == address]
        return _Changes(
            _changed(opened.call.arguments, self._digester.texts(values, same)),
            _changed(opened.call.rng, self._digester.rng()) if opened.call.rng else {},
        )

    def _namespace(self, frame: FrameType) -> Returned:
        """Return what the body of a module or class has made so far, name by name."""
        values = frame.f_locals
        digests = self._digester.texts(values, [name for name in list(values) if is_plain_name(name)])
        leaves = [[name, digest] for name, digest in digests.items()]
        return {"digest": _together(leaves), "leaves": leaves}

    def _leave(self, opened: _OpenCall) -> None:
        """Take a call from the stack, with those above it whose ends were not reported."""
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


def _together(leaves: list[list[str]]) -> str:
    return hashed(*[text.encode("utf-8", "surrogatepass") for leaf in leaves for text in leaf]).hex()
