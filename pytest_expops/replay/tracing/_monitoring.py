"""Watch the interpreter by `sys.monitoring` (Python 3.12): code that is not the project's costs next to nothing.

Each code object's first events ask whether it is the project's; if not, the interpreter is told not to ask again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from pytest_expops.replay.tracing._codes import Codes
from pytest_expops.replay.tracing._listening import Listener, Watch

_monitoring: Any = getattr(sys, "monitoring", None)
_IDS = (4, 3, 2, 1, 0)
"""Those without a fixed use first; 5 is the interpreter's."""
_TOOL = "pytest-expops"


class Monitoring:
    """A backend with a tool id of its own, beside those of debuggers, coverage and profilers."""

    def __init__(self, listener: Listener, codes: Codes) -> None:
        self._listener = listener
        self._codes = codes
        self._id: int | None = None
        self._watched: list[CodeType] = []

    def start(self) -> bool:
        self._id = _free_id() if _monitoring is not None else None
        if self._id is None:
            return False
        events = _monitoring.events
        callbacks: dict[int, Callable[..., Any]] = {
            events.PY_START: self._start,
            events.PY_RESUME: self._resume,
            events.PY_THROW: self._throw,
            events.PY_YIELD: self._yield,
            events.PY_RETURN: self._return,
            events.PY_UNWIND: self._unwind,
            events.LINE: self._line,
        }
        for event, callback in callbacks.items():
            _monitoring.register_callback(self._id, event, callback)
        _monitoring.set_events(self._id, sum(event for event in callbacks if event != events.LINE))
        _monitoring.restart_events()  # what an earlier trace with this id was not asked about again
        return True

    def stop(self) -> str:
        tool = self._id
        if tool is None:
            return ""
        if _monitoring.get_tool(tool) != _TOOL:
            return "the process took the tool id of sys.monitoring"
        _monitoring.set_events(tool, 0)
        for code in self._watched:
            _monitoring.set_local_events(tool, code, 0)
        events = _monitoring.events
        for event in (
            *(events.PY_START, events.PY_RESUME, events.PY_THROW, events.PY_YIELD, events.PY_RETURN),
            *(events.PY_UNWIND, events.LINE),
        ):
            _monitoring.register_callback(tool, event, None)
        _monitoring.free_tool_id(tool)
        return ""

    def _start(self, code: CodeType, offset: int) -> object:
        info = self._codes.info(code)
        if info is None:
            return _monitoring.DISABLE
        watch = self._listener.started(sys._getframe(1), info)
        if watch is Watch.LINES and self._id is not None:
            self._watched.append(code)
            _monitoring.set_local_events(self._id, code, _monitoring.events.LINE)
        return _monitoring.DISABLE if watch is Watch.NOTHING else None

    def _resume(self, code: CodeType, offset: int) -> object:
        info = self._codes.info(code)
        if info is None:
            return _monitoring.DISABLE
        self._listener.resumed(sys._getframe(1), info)
        return None

    def _throw(self, code: CodeType, offset: int, error: BaseException) -> None:
        info = self._codes.info(code)
        if info is not None:
            self._listener.resumed(sys._getframe(1), info)

    def _yield(self, code: CodeType, offset: int, value: object) -> object:
        info = self._codes.info(code)
        if info is None:
            return _monitoring.DISABLE
        self._listener.yielded(sys._getframe(1), info, value)
        return None

    def _return(self, code: CodeType, offset: int, value: object) -> object:
        info = self._codes.info(code)
        if info is None:
            return _monitoring.DISABLE
        self._listener.returned(sys._getframe(1), info, value)
        return None

    def _unwind(self, code: CodeType, offset: int, error: BaseException) -> None:
        info = self._codes.info(code)
        if info is not None:
            self._listener.raised(sys._getframe(1), info, type(error).__qualname__)

    def _line(self, code: CodeType, line: int) -> None:
        self._listener.line(sys._getframe(1))


def _free_id() -> int | None:
    for each in _IDS:
        if _monitoring.get_tool(each) is None:
            try:
                _monitoring.use_tool_id(each, _TOOL)
            except ValueError:  # another thread was faster
                continue
            return each
    return None
