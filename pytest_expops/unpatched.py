"""The clock, and what starts programs, as they were when this package was loaded, which is before any conftest file.

What freezes the time or forbids programs in tests puts its own functions in the place of Python's. That is for the
tests; this package measures, waits and starts interpreters by the true ones. Some replace a function in every module
that has it under any name, so these are kept in an object; and some change the function itself (in C) but for clocks
that no test reads, so the time of day is counted from one of those.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from types import ModuleType, SimpleNamespace
from typing import Any

_STEADY = next((clock for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC") if (clock := getattr(time, name, None))), None)
"""A clock that goes on while the machine sleeps, if there is such a one."""


def _own(name: str) -> Any:
    """Return a copy of a module that is ours alone, whatever becomes of the one that all have, and of those it uses."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for used, value in list(vars(module).items()):
        if isinstance(value, ModuleType):
            setattr(module, used, SimpleNamespace(**vars(value)))
    return module


class _Unpatched:
    """Python's own functions."""

    def __init__(self) -> None:
        self.monotonic = time.monotonic
        self.perf_counter = time.perf_counter
        self.sleep = time.sleep
        self.signal = signal.signal
        self.stat = os.stat
        self.subprocess = _own("subprocess")
        self._read = time.clock_gettime
        self._offset = time.time() - self._steady()

    def time(self) -> float:
        """Return the time of day, in seconds since 1970."""
        return self._offset + self._steady()

    def _steady(self) -> float:
        return self.monotonic() if _STEADY is None else self._read(_STEADY)


UNPATCHED = _Unpatched()
