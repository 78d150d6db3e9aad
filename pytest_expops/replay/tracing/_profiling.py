"""Watch the interpreter by `sys.setprofile`, where there is no `sys.monitoring` or no tool id of it is free.

The lines of a target come by `sys.settrace`, which is ours only while that one frame runs; the tracer that was there
(coverage's, a debugger's) still hears of its lines.
"""

from __future__ import annotations

import inspect
import opcode
import sys
import threading
from types import CodeType, FrameType
from typing import Any

from pytest_expops.replay.tracing._codes import CodeInfo, Codes
from pytest_expops.replay.tracing._listening import UNKNOWN, Listener, Watch

_RETURNS = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_YIELDS = frozenset({"YIELD_VALUE", "RESUME"})
_CREATES = "RETURN_GENERATOR"


class Profiling:
    """A backend that takes the profile function of this thread and of those to come."""

    def __init__(self, listener: Listener, codes: Codes) -> None:
        self._listener = listener
        self._codes = codes
        self._before: Any = None
        self._before_threads: Any = None
        self._bytes: dict[int, tuple[CodeType, bytes]] = {}
        self._lines: dict[int, _Lines] = {}
        self._thrown: dict[int, int] = {}
        self._over = False

    def start(self) -> bool:
        self._before = sys.getprofile()
        self._before_threads = threading.getprofile()
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        return True

    def stop(self) -> str:
        self._over = True
        note = "" if sys.getprofile() == self._profile else "the process took the profile function"
        if threading.getprofile() == self._profile:
            threading.setprofile(self._before_threads)
        if not note:
            if self._before is None or callable(self._before):
                sys.setprofile(self._before)
            else:
                sys.setprofile(None)
                self._before.enable()  # `cProfile` before Python 3.12
        return note

    def _profile(self, frame: FrameType, event: str, value: Any) -> None:
        if event not in ("call", "return"):
            return
        if self._over:  # a thread that outlives the trace
            sys.setprofile(None)
            return
        info = self._codes.info(frame.f_code)
        if info is None:
            return
        operation = self._operation(frame)
        if event == "call":
            self._begin(frame, info, operation)
        elif operation != _CREATES:
            self._finish(frame, info, operation, value)

    def _begin(self, frame: FrameType, info: CodeInfo, operation: str) -> None:
        if operation == _CREATES:  # a generator that is thrown away before its first value
            return
        if operation == "YIELD_VALUE":  # resumed by `throw` or `close`; `RESUME` stands where a value is sent
            self._thrown[id(frame)] = frame.f_lasti
        begins = not info.generator or (operation == "RESUME" and not self._argument(frame))
        watch = self._listener.started(frame, info) if begins else self._listener.resumed(frame, info)
        if watch is Watch.LINES:
            self._lines[id(frame)] = _Lines(self._listener, frame)

    def _finish(self, frame: FrameType, info: CodeInfo, operation: str, value: Any) -> None:
        lines = self._lines.pop(id(frame), None)
        unhandled = self._thrown.pop(id(frame), -1) == frame.f_lasti and value is None
        if operation in _RETURNS:
            self._listener.returned(frame, info, value)
        elif info.generator and operation in _YIELDS and not unhandled:
            self._listener.yielded(frame, info, value)
        else:
            # The exception itself is not told to profile functions, only to trace functions.
            self._listener.raised(frame, info, lines.error if lines is not None else UNKNOWN)
        if lines is not None:
            lines.stop(frame)

    def _operation(self, frame: FrameType) -> str:
        return opcode.opname[self._code(frame)[frame.f_lasti]]

    def _argument(self, frame: FrameType) -> int:
        return self._code(frame)[frame.f_lasti + 1]

    def _code(self, frame: FrameType) -> bytes:
        code = frame.f_code
        known = self._bytes.get(id(code))
        if known is None:
            known = self._bytes[id(code)] = code, code.co_code
        return known[1]


class _Lines:
    """Line events of one frame, from now until `stop`."""

    def __init__(self, listener: Listener, frame: FrameType) -> None:
        self._listener = listener
        self._tracer = sys.gettrace()
        self._local: Any = frame.f_trace
        if self._tracer is not None and self._local is None and not inspect.isfunction(self._tracer):
            self._local = self._tracer  # one written in C hears of every line of every frame
        self._frame_trace = frame.f_trace
        self.error = UNKNOWN
        frame.f_trace = self._trace
        sys.settrace(_ignore)

    def stop(self, frame: FrameType) -> None:
        """Give the frame and the thread their own tracer back, unless the process has taken another."""
        if sys.gettrace() is _ignore:
            sys.settrace(self._tracer)
        frame.f_trace = self._frame_trace

    def _trace(self, frame: FrameType, event: str, value: Any) -> Any:
        if event == "exception":
            self.error = value[0].__qualname__
        if event == "line":
            self._listener.line(frame)
        if self._local is not None:
            self._local = self._local(frame, event, value)
        return self._trace


def _ignore(frame: FrameType, event: str, value: Any) -> None:
    """The frames that the target calls are not of interest."""
