"""Small projects to trace: a module is written, imported and run under a tracer, as often as one likes."""

from __future__ import annotations

import importlib
import itertools
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.calls.recording import Recorder, recording_to
from pytest_expops.execution.seeding.task_seeds import preserved, seeded
from pytest_expops.replay.tracing import Call, Target, Trace, Tracer
from pytest_expops.replay.tracing import _monitoring as monitoring

BACKENDS = ["monitoring", "profiling"] if sys.version_info >= (3, 12) else ["profiling"]
_numbers = itertools.count()


class Traced:
    """A project of one module, in a folder of its own. `run` calls `main` in it, imported anew and seeded."""

    def __init__(self, folder: Path, source: str) -> None:
        self.name = f"traced_project_{next(_numbers)}"
        self.path = folder / f"{self.name}.py"
        self.source = textwrap.dedent(source).lstrip("\n")
        self.path.write_text(self.source, encoding="utf-8")
        self.result: Any = None
        self.runs = 0

    def owns(self, file: str) -> bool:
        return file == str(self.path)

    def run(self, *arguments: Any, lines: Target | None = None, import_within: bool = False, **options: Any) -> Trace:
        self.runs += 1
        with self._importable(), pytest.MonkeyPatch.context() as patch:
            patch.setenv("RUN", str(self.runs % 2))  # by which a script can tell one run from the next
            if not import_within:
                importlib.import_module(self.name)
            with preserved(), Tracer(self.owns, lines=lines, **options) as tracer:
                module = importlib.import_module(self.name)
                with seeded(7), recording_to(Recorder("p", 7)):
                    self.result = module.main(*arguments)
        return tracer.trace

    def line_of(self, text: str) -> int:
        """The one line that holds `text`."""
        (found,) = [number for number, line in enumerate(self.source.splitlines(), 1) if text in line]
        return found

    @contextmanager
    def _importable(self) -> Iterator[None]:
        sys.modules.pop(self.name, None)
        importlib.invalidate_caches()
        sys.path.insert(0, str(self.path.parent))
        try:
            yield
        finally:
            sys.path.remove(str(self.path.parent))
            sys.modules.pop(self.name, None)


def use_backend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tracers watch the interpreter this way."""
    if name == "profiling":
        monkeypatch.setattr(monitoring, "_free_id", lambda: None)


def calls_of(trace: Trace, function: str) -> list[Call]:
    """The calls of one function, in the order in which they began."""
    return sorted([call for call in trace.calls if call.function == function], key=lambda call: call.entry)
