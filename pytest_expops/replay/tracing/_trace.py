"""What a trace holds: calls with digests of what went in and came out, or the lines of one call, as plain JSON.

A digest is text. Equal texts stand for equal values (S7.2); what cannot be fingerprinted is told by its type alone.
The text of a dict has a second part, after ``~``, for the order of its keys, which is no part of its value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Digests = Mapping[str, str]
"""Names of arguments, variables or libraries -> digests."""


@dataclass(frozen=True, slots=True)
class Target:
    """One call in a run. `function` is the qualified name, `line` where the function begins.

    In the thread that was traced first, `call` counts the calls of that function from 1, in the order in which they
    began, and `inputs` is empty. In other threads the order is nobody's; there `inputs` is the digest of the call's
    arguments, and `call` counts the calls with these.
    """

    file: str
    function: str
    line: int
    call: int
    inputs: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return _plain(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Target:
        """What `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function, or the execution of the body of a module or class.

    `entry` numbers the calls of a trace in the order in which they began, `caller` is the entry of the innermost
    recorded call around this one; `depth` counts those around it, `thread` the threads in order of their first call.
    `step` is the name of the step (S2.1), if this is the call of the function that `@step` decorates. `origin` is the
    line of the project that it was called from.

    `arguments` (what is closed over included) and `rng`, the global random states by library, are digests at the
    beginning. `after` holds those arguments whose digest had changed at the end, and `rng_after` those random states.
    Beside the libraries, ``metrics`` stands for the metrics that the process had logged by then. Threads other than the
    first share the random states with others at any time; for them they are not recorded. The body of a module or
    class, a `namespace`, has neither: scripts are imported unseeded.
    `returned` is ``{"digest": ..., "leaves": [[path, digest], ...]}`` with paths from ``return`` on; of a generator
    also ``yield[0]`` and so on, of a module or class the names that it defines. `raised` is the name of the
    exception's class, where the interpreter tells it, else ``exception``. Without either, the call had not ended, or
    a budget was spent: then it says nothing about values, as `digested` says of the arguments.
    """

    file: str
    function: str
    line: int
    call: int
    entry: int
    caller: int | None = None
    depth: int = 0
    thread: int = 0
    inputs: str = ""
    step: str | None = None
    origin: int = 0
    namespace: bool = False
    digested: bool = False
    arguments: Digests = field(default_factory=dict)
    rng: Digests = field(default_factory=dict)
    returned: Mapping[str, Any] | None = None
    raised: str | None = None
    after: Digests = field(default_factory=dict)
    rng_after: Digests = field(default_factory=dict)

    @property
    def target(self) -> Target:
        """How to ask another run for this call."""
        return Target(self.file, self.function, self.line, self.call, self.inputs)


@dataclass(frozen=True, slots=True)
class Line:
    """The moment before a statement of the target runs: `line` is the statement's first.

    `locals` and `rng` are digests. `skipped` are lines that ran since the entry before without one of their own. After
    the last statement, `returned` or `raised` says how the call ended; `yielded` is what a generator handed out after
    this statement. Both are as `Call.returned` is. The first has the digests of the module's variables that the
    function names, `globals`, but for functions, classes and modules.
    """

    line: int
    locals: Digests
    rng: Digests = field(default_factory=dict)
    skipped: tuple[int, ...] = ()
    returned: Mapping[str, Any] | None = None
    raised: str | None = None
    yielded: Mapping[str, Any] | None = None
    globals: Digests = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """`calls` in the order of their ends, the innermost first, and where there is a `target`, its `lines` in order.

    With the calls come the lines of the first, if they were few; where those of another were asked for, no calls.

    A generator that was not read to its end stands where it last handed out something. The trace is not `complete` if
    a budget was spent, or if the process itself took the interpreter's hooks; `note` says which.
    """

    calls: tuple[Call, ...] = ()
    lines: tuple[Line, ...] = ()
    target: Target | None = None
    complete: bool = True
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return {
            "calls": [_plain(each) for each in self.calls],
            "lines": [_plain(each) for each in self.lines],
            "target": self.target.to_json() if self.target is not None else None,
            "complete": self.complete,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trace:
        """Raises KeyError or TypeError where `data` is not what `to_json` gives."""
        return cls(
            calls=tuple(Call(**each) for each in data["calls"]),
            lines=tuple(Line(**{**each, "skipped": tuple(each.get("skipped", ()))}) for each in data["lines"]),
            target=Target.from_json(data["target"]) if data["target"] is not None else None,
            complete=data["complete"],
            note=data["note"],
        )


def _plain(record: Target | Call | Line) -> dict[str, Any]:
    """The fields that are not as they are by default."""
    found = {}
    for each in dataclasses.fields(record):
        value = getattr(record, each.name)
        default = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
        if value != default:
            found[each.name] = list(value) if isinstance(value, tuple) else value
    return found
