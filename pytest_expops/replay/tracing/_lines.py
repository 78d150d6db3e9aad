"""Records one call line by line: digests of its variables before each statement, and how it ended."""

from __future__ import annotations

from collections import Counter
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

from pytest_expops.replay.tracing._codes import CodeInfo, is_plain_name
from pytest_expops.replay.tracing._listening import Numbers, Watch, inputs_digest
from pytest_expops.replay.tracing._trace import Line, Target
from pytest_expops.replay.tracing.digests import Digester
from pytest_expops.replay.tracing.statements import first_lines, source_tree

VISITS = 200
"""So often a statement is recorded; a loop that goes on longer is skipped from there."""
LINES = 20_000
"""So many statements are recorded."""


def _names_of_data(frame: FrameType) -> list[str]:
    """Return the variables of the module that a function names, but for functions, classes and modules."""
    found = frame.f_globals
    return [
        name
        for name in frame.f_code.co_names
        if name in found and not isinstance(found[name], (ModuleType, FunctionType, BuiltinFunctionType, type))
    ]


class LineRecorder:
    """A listener that waits for the `target`, and makes `lines` of it.

    Without a target it takes the first call of a function in the first thread.
    """

    def __init__(self, target: Target | None, digester: Digester) -> None:
        self.target = target
        self._digester = digester
        self._numbers = Numbers()
        self._first_lines: dict[int, int] = first_lines(source_tree(target.file)) if target is not None else {}
        self._frame = 0
        self._done = False
        self._before = 0
        self._visits: Counter[int] = Counter()
        self._skipped: dict[int, None] = {}
        self._dropped = 0
        self.lines: list[Line] = []

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing that was left out."""
        return bool(self.lines) and not self._dropped and not self._digester.exhausted

    @property
    def note(self) -> str:
        """What was left out."""
        return f"at most {VISITS} runs of a line and {LINES} lines were recorded" if self._dropped else ""

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        if self.target is None and not info.namespace and self._numbers.in_first_thread():
            self.target = Target(*info.key, 1)
            self._first_lines = first_lines(source_tree(self.target.file))
        target = self.target
        if target is None or info.key != (target.file, target.function, target.line) or self._done:
            return Watch.NOTHING
        inputs = ""
        if not self._numbers.in_first_thread():
            if not target.inputs:
                return Watch.CALL
            with self._digester.working():
                inputs = inputs_digest(self._digester.texts(frame.f_locals, info.inputs))
        if self._numbers.next(info.key, inputs) != target.call or inputs != target.inputs:
            return Watch.CALL
        self._done = True
        self._frame = id(frame)
        return Watch.LINES

    def resumed(self, frame: FrameType, info: CodeInfo) -> Watch:
        return Watch.LINES if id(frame) == self._frame else Watch.CALL

    def line(self, frame: FrameType) -> None:
        if id(frame) != self._frame:
            return
        line = self._statement(frame)
        if line == self._before:
            return
        self._before = line
        self._visits[line] += 1
        if self._visits[line] > VISITS or len(self.lines) >= LINES or self._digester.exhausted:
            self._skipped[line] = None
            self._dropped += 1
        else:
            self._record(frame, line)

    def yielded(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        if id(frame) == self._frame and not self._digester.exhausted and len(self.lines) < LINES:
            with self._digester.working():
                found = self._digester.leaves(value, "yield")
            self._record(frame, self._statement(frame), yielded=found)
            self._before = 0

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        if id(frame) == self._frame:
            found = None
            if not info.namespace and not self._digester.exhausted:
                with self._digester.working():
                    found = self._digester.leaves(value, "return")
            self._record(frame, self._statement(frame), returned=found)
            self._frame = 0

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        if id(frame) == self._frame:
            self._record(frame, self._statement(frame), raised=error)
            self._frame = 0

    def _statement(self, frame: FrameType) -> int:
        line = frame.f_lineno or 0
        return self._first_lines.get(line, line)

    def _record(self, frame: FrameType, line: int, **end: Any) -> None:
        digests: dict[str, str] = {}
        rng: dict[str, str] = {}
        if not self._digester.exhausted:
            with self._digester.working():
                values = frame.f_locals
                digests = self._digester.texts(values, [name for name in list(values) if is_plain_name(name)])
                if self._numbers.in_first_thread():  # elsewhere others draw from them at any time
                    rng = self._digester.rng()
                if not self.lines and frame.f_locals is not frame.f_globals:
                    end["globals"] = self._digester.texts(frame.f_globals, _names_of_data(frame))
        self.lines.append(Line(line, digests, rng, tuple(self._skipped), **end))
        self._skipped.clear()
