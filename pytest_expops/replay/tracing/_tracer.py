"""Trace whatever runs within a `with` block: its calls, or the lines of one of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from pytest_expops.replay.tracing._calls import CallRecorder
from pytest_expops.replay.tracing._codes import Codes
from pytest_expops.replay.tracing._guarding import Guarded
from pytest_expops.replay.tracing._lines import LineRecorder
from pytest_expops.replay.tracing._listening import Backend
from pytest_expops.replay.tracing._monitoring import Monitoring
from pytest_expops.replay.tracing._profiling import Profiling
from pytest_expops.replay.tracing._trace import Target, Trace
from pytest_expops.replay.tracing.digests import Digester


class Tracer(AbstractContextManager["Tracer"]):
    """Traces the calling thread, and the threads that it starts, within the block; then `trace` holds the result.

    Code in the files for which `owns_file` holds (by `co_filename`; asked once per file) is traced, the bodies of its
    modules included. Without `lines` every call is recorded; with it the lines of that one call, and no calls. About
    `seconds` are spent on digests, at most; from then on only the structure is recorded.

    What the process does is not changed, but for what any look at it changes: the time it takes, addresses, and, until
    Python 3.12, that variables of project functions live until the next event of their function.
    """

    def __init__(self, owns_file: Callable[[str], bool], *, lines: Target | None = None, seconds: float = 20.0) -> None:
        self._codes = Codes(owns_file)
        self._digester = Digester(self._codes.owns, seconds)
        self._target = lines
        self._backend: Backend | None = None
        self._calls = CallRecorder(self._codes, self._digester)
        self._lines = LineRecorder(lines, self._digester) if lines is not None else None
        self._guarded = Guarded(self._lines or self._calls)
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
        if self._lines is not None:
            self.trace = Trace((), tuple(self._lines.lines), self._target, not note, note)
        else:
            self.trace = Trace(self._calls.calls(), (), None, not note, note)

    def _spent(self) -> list[str]:
        """Which budgets were spent."""
        if self._digester.exhausted:
            return [f"after {self._seconds:g} s of fingerprints only the structure was recorded"]
        return [self._lines.note if self._lines is not None else self._calls.note]
