"""Trace whatever runs within a `with` block: its calls, or the lines of one of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any

from pytest_expops.replay.tracing._calls import CallRecorder
from pytest_expops.replay.tracing._codes import CodeInfo, Codes
from pytest_expops.replay.tracing._guarding import Guarded
from pytest_expops.replay.tracing._lines import LineRecorder
from pytest_expops.replay.tracing._listening import Backend, Watch
from pytest_expops.replay.tracing._monitoring import Monitoring
from pytest_expops.replay.tracing._profiling import Profiling
from pytest_expops.replay.tracing._trace import Target, Trace
from pytest_expops.replay.tracing.digests import Digester

BESIDE = 0.1
"""Of the time for digests, so much is spent, beside, on those of the lines of the first call."""


class Tracer(AbstractContextManager["Tracer"]):
    """Traces the calling thread, and the threads that it starts, within the block; then `trace` holds the result.

    Code in the files for which `owns_file` holds (by `co_filename`; asked once per file) is traced, the bodies of its
    modules included. Without `lines` every call is recorded, and the lines of the first one if they are soon done;
    with it the lines of that one call, and no calls. About `seconds` are spent on digests, at most; from then on only
    the structure is recorded.

    What the process does is not changed, but for what any look at it changes: the time it takes, addresses, and, until
    Python 3.12, that variables of project functions live until the next event of their function.
    """

    def __init__(self, owns_file: Callable[[str], bool], *, lines: Target | None = None, seconds: float = 20.0) -> None:
        self._codes = Codes(owns_file)
        self._digester = Digester(self._codes.owns, seconds)
        self._backend: Backend | None = None
        self._calls = CallRecorder(self._codes, self._digester) if lines is None else None
        # What is recorded beside the calls takes no time from them.
        own = self._digester if lines is not None else Digester(self._codes.owns, seconds * BESIDE)
        self._lines = LineRecorder(lines, own)
        self._guarded = Guarded(_Both(self._calls, self._lines) if self._calls is not None else self._lines)
        self._seconds = seconds
        self.trace = Trace(target=lines)

    def __enter__(self) -> Tracer:
        """Begin. A tracer is used once."""
        ways: list[Backend] = [Monitoring(self._guarded, self._codes), Profiling(self._guarded, self._codes)]
        self._backend = next(way for way in ways if way.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, whatever was raised."""
        assert self._backend is not None
        notes = [self._backend.stop(), self._guarded.failure, *self._spent()]
        note = "; ".join(note for note in notes if note)
        calls = self._calls.calls() if self._calls is not None else ()
        if self._calls is None or self._lines.is_whole:
            self.trace = Trace(calls, tuple(self._lines.lines), self._lines.target, not note, note)
        else:
            self.trace = Trace(calls, (), None, not note, note)

    def _spent(self) -> list[str]:
        """Which budgets were spent."""
        if self._digester.exhausted:
            return [f"after {self._seconds:g} s of fingerprints only the structure was recorded"]
        return [self._calls.note if self._calls is not None else self._lines.note]


class _Both:
    """Hands on to a listener of calls, and to one of lines."""

    def __init__(self, calls: CallRecorder, lines: LineRecorder) -> None:
        self._calls = calls
        self._lines = lines

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        watch = self._calls.started(frame, info)
        return Watch.LINES if self._lines.started(frame, info) is Watch.LINES else watch

    def resumed(self, frame: FrameType, info: CodeInfo) -> Watch:
        watch = self._calls.resumed(frame, info)
        return Watch.LINES if self._lines.resumed(frame, info) is Watch.LINES else watch

    def yielded(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        self._calls.yielded(frame, info, value)
        self._lines.yielded(frame, info, value)

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        self._calls.returned(frame, info, value)
        self._lines.returned(frame, info, value)

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        self._calls.raised(frame, info, error)
        self._lines.raised(frame, info, error)

    def line(self, frame: FrameType) -> None:
        self._lines.line(frame)
