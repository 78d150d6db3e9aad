"""Keeps what goes wrong in a listener from the process that is watched."""

from __future__ import annotations

from types import FrameType
from typing import Any

from pytest_expops.replay.tracing._codes import CodeInfo
from pytest_expops.replay.tracing._listening import Listener, Watch
from pytest_expops.wording import worded


class Guarded:
    """Hands on to a listener; what that raises is only noted, in `failure`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.failure = ""

    def started(self, frame: FrameType, info: CodeInfo) -> Watch:
        try:
            return self._listener.started(frame, info)
        except Exception as error:
            return self._note(error)

    def resumed(self, frame: FrameType, info: CodeInfo) -> Watch:
        try:
            return self._listener.resumed(frame, info)
        except Exception as error:
            return self._note(error)

    def yielded(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        try:
            self._listener.yielded(frame, info, value)
        except Exception as error:
            self._note(error)

    def returned(self, frame: FrameType, info: CodeInfo, value: Any) -> None:
        try:
            self._listener.returned(frame, info, value)
        except Exception as error:
            self._note(error)

    def raised(self, frame: FrameType, info: CodeInfo, error: str) -> None:
        try:
            self._listener.raised(frame, info, error)
        except Exception as failure:
            self._note(failure)

    def line(self, frame: FrameType) -> None:
        try:
            self._listener.line(frame)
        except Exception as error:
            self._note(error)

    def _note(self, error: Exception) -> Watch:
        self.failure = self.failure or f"a call could not be recorded ({worded(error)})"
        return Watch.CALL
