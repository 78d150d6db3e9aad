"""A Python program, run in this interpreter as `python` would run it: what it ends with, writes and prints."""

from __future__ import annotations

import contextlib
import gc
import importlib.machinery
import importlib.metadata
import io
import os
import runpy
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TextIO

from pytest_expops.execution.calls.functions import first_user_frame
from pytest_expops.execution.file_times import file_time_resolution
from pytest_expops.values.files.content import content_of

OUT = "{out}"
"""In an argument: the folder that is the program's own in each run, empty at its start."""
STATUS = "exit status"
FILES = "files"
PRINTED = "printed"
ERROR = "error"
"""The outputs of a run: the status, the content of files by name, printed text by line, the exception that ended it."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started.

    It is a `script` by its path, a `module` as by ``python -m``, or a `console` script of an installed package. `out`
    is the path of the folder that stands for `OUT`; `patterns` name the files that are its outputs, in that folder if
    an argument has `OUT`, else in the working directory.
    """

    kind: Literal["script", "module", "console"]
    target: str
    arguments: tuple[str, ...]
    patterns: tuple[str, ...]
    out: str
    printed: bool = False

    @property
    def has_out(self) -> bool:
        """Whether it is told its folder."""
        return any(OUT in each for each in self.arguments)


def run_program(program: Program) -> dict[str, Any]:
    """Run a program, and return what came of it by `STATUS`, `FILES`, `PRINTED` and `ERROR`."""
    shutil.rmtree(program.out, ignore_errors=True)
    os.makedirs(program.out)
    folder = Path(program.out if program.has_out else os.getcwd())
    arguments = [each.replace(OUT, program.out) for each in program.arguments]
    text = io.StringIO()
    began = 0.0 if program.has_out else time.time() - file_time_resolution()  # the folder was empty
    process = os.getpid()
    with contextlib.ExitStack() as stack:
        if program.printed:
            both: Any = _Both(sys.stdout, text)
            stack.enter_context(contextlib.redirect_stdout(both))
        start = stack.enter_context(_STARTS[program.kind](program.target, arguments))
        status, error = _ended(start)
        if os.getpid() != process:
            os._exit(status)  # a child that it has forked, and that ends here
        _flush()
        files = {name: content_of(path, trusted=True) for name, path in written(folder, program.patterns, began)}
    found = {STATUS: status, FILES: files}
    if error:
        found[ERROR] = error
    return {**found, PRINTED: tuple(text.getvalue().split("\n"))} if program.printed else found


def written(folder: Path, patterns: Sequence[str], since: float) -> Iterator[tuple[str, Path]]:
    """Yield the files in a folder that match a pattern and were changed since then, by name, sorted."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(found):
        if path.stat().st_mtime >= since:
            yield path.relative_to(folder).as_posix(), path


def _ended(start: Callable[[], object]) -> tuple[int, str]:
    """Run it to its end, with the threads that the interpreter would wait for; return status and exception."""
    error = ""
    threads = set(threading.enumerate())
    try:
        status = _status(start())
    except SystemExit as ended:
        status = _status(ended.code)
    except Exception as raised:
        status, error = 1, "".join(traceback.format_exception_only(raised)).strip()
        shown = first_user_frame(raised.__traceback__)
        sys.stderr.write("".join(traceback.format_exception(type(raised), raised, shown)))
    for thread in threading.enumerate():
        if thread not in threads and not thread.daemon:
            thread.join()
    return status, error


def _flush() -> None:
    """Write out what files that were left open still keep, as the end of a program would."""
    for each in gc.get_objects():
        if isinstance(each, io.IOBase):
            with contextlib.suppress(Exception):
                if not each.closed and each.writable():
                    each.flush()


def _status(code: object) -> int:
    """Return the exit status that `sys.exit(code)` gives."""
    if code is None or isinstance(code, int):
        return int(code or 0)
    sys.stderr.write(f"{code}\n")
    return 1


@contextmanager
def _script(path: str, arguments: Sequence[str]) -> Iterator[Callable[[], object]]:
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    module.__loader__ = loader
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    sys.modules["__main__"] = module  # also while its files are read: what it pickled may be of classes of its own
    sys.argv[:], sys.path[:0] = [path, *arguments], [os.path.dirname(os.path.abspath(path))]
    try:
        yield lambda: exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)
    finally:
        sys.modules["__main__"], sys.argv[:], sys.path[:] = before


@contextmanager
def _module(name: str, arguments: Sequence[str]) -> Iterator[Callable[[], object]]:
    before = list(sys.argv), list(sys.path)
    sys.argv[:], sys.path[:0] = [name, *arguments], [os.getcwd()]

    def run() -> None:
        runpy.run_module(name, run_name="__main__", alter_sys=True)

    try:
        yield run
    finally:
        sys.argv[:], sys.path[:] = before


@contextmanager
def _console(name: str, arguments: Sequence[str]) -> Iterator[Callable[[], object]]:
    before = list(sys.argv)
    sys.argv[:] = [shutil.which(name) or name, *arguments]

    def run() -> object:
        (entry,) = importlib.metadata.entry_points(group="console_scripts", name=name)
        return entry.load()()

    try:
        yield run
    finally:
        sys.argv[:] = before


_STARTS = {"script": _script, "module": _module, "console": _console}


class _Both:
    """Passes on what is written, and keeps it; in all else it is the stream."""

    def __init__(self, stream: TextIO, kept: io.StringIO) -> None:
        self._stream = stream
        self._kept = kept

    def write(self, text: str) -> int:
        self._kept.write(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
