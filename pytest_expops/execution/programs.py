"""A Python program, run in this interpreter as `python` would run it: what it ends with, writes and prints."""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.metadata
import importlib.util
import math
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.abc import InspectLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pytest_expops.execution._program_end import ending
from pytest_expops.execution.file_times import file_time_resolution
from pytest_expops.execution.raised import first_user_frame
from pytest_expops.execution.user_code.standard_streams import flush
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.files.content import content_of

OUT = "{out}"
"""In an argument: the folder that is the program's own in each run, empty at its start."""
STATUS = "exit status"
FILES = "files"
PRINTED = "printed"
ERROR = "error"
"""The outputs of a run: the status, the content of files by name, printed text by line, the exception that ended it."""
INTERRUPTED = 130
"""The exit status that a shell tells of a program that `KeyboardInterrupt` has ended."""


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
    # Its own folder is empty now: what is there later is its own, also a copy of a file with the dates of that.
    began = -math.inf if program.has_out else UNPATCHED.time() - file_time_resolution()
    lines: list[str] = []
    with _STARTS[program.kind](program.target, arguments) as start:
        with ExitStack() as stack:
            if program.printed:
                lines = stack.enter_context(_printing())
            status, error = _ended(start)
        files = {name: content_of(path, trusted=True) for name, path in written(folder, program.patterns, began)}
    found = {STATUS: status, FILES: files}
    if error:
        found[ERROR] = error
    return {**found, PRINTED: tuple(lines)} if program.printed else found


def written(folder: Path, patterns: Sequence[str], since: float) -> Iterator[tuple[str, Path]]:
    """Yield the files in a folder that match a pattern and were changed since then, by name, sorted."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(found):
        known = path.stat()
        if max(known.st_mtime, known.st_ctime) >= since:  # a copy may have the first of another file
            yield path.relative_to(folder).as_posix(), path


def _ended(start: Callable[[], object]) -> tuple[int, str]:
    """Run it to its end; return status and exception."""
    error = ""
    process = os.getpid()
    with ending() as end:
        try:
            status = _status(start())
        except SystemExit as ended:
            status = _status(ended.code)
        except BaseException as raised:
            status = INTERRUPTED if isinstance(raised, KeyboardInterrupt) else 1
            error = "".join(traceback.format_exception_only(raised)).strip()
            shown = first_user_frame(raised.__traceback__)
            sys.stderr.write("".join(traceback.format_exception(type(raised), raised, shown)))
        end()
        if os.getpid() != process:
            os._exit(status)  # a child that it has forked, and that ends here
    return status, error


@contextmanager
def _printing() -> Iterator[list[str]]:
    """Give the lines that the process and its children print to standard output, once the block has ended."""
    lines: list[str] = []
    stream = sys.stdout
    stream.flush()
    kept = os.dup(stream.fileno())
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), stream.fileno())
            try:
                yield lines
            finally:
                flush(stream)
                with suppress(OSError, TypeError, AttributeError):  # what compiled code has printed, where that can be
                    ctypes.CDLL(None).fflush(None)
                os.dup2(kept, stream.fileno())
                file.seek(0)
                lines += file.read().decode(errors="backslashreplace").split("\n")
    finally:
        os.close(kept)


def _status(code: object) -> int:
    """Return the exit status that `sys.exit(code)` gives."""
    if code is None or isinstance(code, int):
        return int(code or 0)
    sys.stderr.write(f"{code}\n")
    return 1


@contextmanager
def _script(path: str, arguments: Sequence[str]) -> Iterator[Callable[[], object]]:
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    module = ModuleType("__main__")
    module.__file__, module.__loader__ = path, loader
    with _main(module, [path, *arguments], os.path.dirname(os.path.realpath(path))):
        yield lambda: exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)


@contextmanager
def _module(name: str, arguments: Sequence[str]) -> Iterator[Callable[[], object]]:
    module = ModuleType("__main__")

    def run() -> None:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        code = spec.loader.get_code(spec.name) if spec and isinstance(spec.loader, InspectLoader) else None
        if spec is None or spec.origin is None or code is None:
            raise ImportError(f"there is no module {name} that can be run")
        module.__file__, module.__loader__ = spec.origin, spec.loader
        module.__spec__, module.__package__ = spec, spec.parent
        sys.argv[0] = spec.origin
        exec(code, module.__dict__)

    with _main(module, [name, *arguments], os.getcwd()):
        yield run


@contextmanager
def _main(module: ModuleType, arguments: Sequence[str], folder: str) -> Iterator[None]:
    """Let a module be `__main__`, also while its files are read: what it pickled may be of classes of its own."""
    module.__dict__["__builtins__"] = __builtins__
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    sys.modules["__main__"] = module
    sys.argv[:], sys.path[:0] = arguments, [folder]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv[:], sys.path[:] = before


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
