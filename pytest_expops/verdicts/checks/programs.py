"""A command line becomes the check of a program."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_expops.errors import CheckError, ReplicaDied
from pytest_expops.execution.calls.checked_call import CheckedCall
from pytest_expops.execution.programs import ERROR, FILES, INTERRUPTED, OUT, PRINTED, STATUS, Program, run_program
from pytest_expops.execution.records import Outcome
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.user_code.handed_over import on_path
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.replay.request import Replay
from pytest_expops.verdicts.checks.checker import Checker, Thoroughness
from pytest_expops.verdicts.checks.described import calling_file, checked_tolerance, root_of
from pytest_expops.verdicts.replay import Verdict
from pytest_expops.wording import did_you_mean, listed

SAME = " with the same arguments"
"""What is the same in two runs of a program."""
_EVERYTHING = "**/*"
_PYTHON = re.compile(r"python(3(\.\d+)?)?(\.exe)?")
MOST_LINES = 10
"""So many of the last lines that a program printed are shown where it fails."""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """What came of a program: the outputs of its first run, and the verdict on the others."""

    outputs: dict[str, Any]
    verdict: Verdict


def read_command(
    command: Sequence[str], patterns: Sequence[str], out: str, *, printed: bool = False
) -> tuple[Program, str]:
    """Return the program that a command line starts, and the file that it is in.

    Args:
        command: ``train.py --seed 1``, with or without ``python`` before it; ``-m package.train ...``; or the name of a
            console script of an installed package.
        patterns: of the files that are its outputs; by default all in the folder that stands for `OUT`, if it has one.
        out: the path of that folder.
        printed: whether what it prints is an output.

    Raises:
        CheckError: it is no Python program, or nothing of it would be compared.
    """
    words = list(command)
    by_python = bool(words) and (bool(_PYTHON.fullmatch(os.path.basename(words[0]))) or words[0] == sys.executable)
    words = words[by_python:]
    if not words:
        raise CheckError(
            "no program is given", hint="expected `train.py --seed 1`, `-m package.train` or a console script"
        )
    start = _start(words, by_python=by_python)
    has_out = any(OUT in each for each in words)
    chosen = tuple(patterns) or ((_EVERYTHING,) if has_out else ())
    if not chosen and not printed:
        raise CheckError(
            f"{shlex.join(words)}: nothing of it would be compared but its exit status",
            hint=f"name its outputs ('runs/*.json'), give it a folder ('{OUT}'), or compare what it prints",
        )
    for each in chosen:
        if os.path.isabs(each) or each.strip("./") == "":
            raise CheckError(f"outputs: {each!r} names no file in its folder", hint="expected 'runs/*.json', say")
    return Program(start.kind, start.target, start.arguments, chosen, out, printed), start.file


@dataclass(frozen=True, slots=True)
class _Start:
    """How a program is started, and the file that it is in."""

    kind: Literal["script", "module", "console"]
    target: str
    arguments: tuple[str, ...]
    file: str


def _start(words: Sequence[str], *, by_python: bool) -> _Start:
    first, rest = words[0], tuple(words[1:])
    if first == "-m":
        if not rest:
            raise CheckError("-m is given without a module", hint="expected `-m package.train`")
        file = _file_of(rest[0])
        if not file:
            raise CheckError(f"there is no module `{rest[0]}` that can be run")
        return _Start("module", rest[0], rest[1:], file)
    if first.startswith("-"):
        raise CheckError(f"the option {first} of python is not supported", hint="expected a script, or -m and a module")
    if os.path.isfile(first) and (by_python or first.endswith((".py", ".pyw")) or _names_python(first)):
        path = os.path.abspath(first)
        return _Start("script", path, rest, path)
    if entries := importlib.metadata.entry_points(group="console_scripts", name=first):
        return _Start("console", first, rest, _file_of((*entries,)[0].module))
    raise _no_program(first)


def _names_python(path: str) -> bool:
    """Return whether the first line of a file says that Python runs it."""
    with open(path, "rb") as file:
        line = file.readline(200)
    return line.startswith(b"#!") and b"python" in line


def check_of(program: Program, file: str, tolerance: tuple[float, float]) -> FunctionCheck:
    """Return the check of a program: nothing seeds it, since it seeds itself."""
    tolerance = checked_tolerance(tolerance)
    folders = [root_of(each) for each in (file, calling_file()) if each] + [os.getcwd()]
    return FunctionCheck(
        name=os.path.basename(program.target),
        function="",
        source=file,
        folders=tuple(dict.fromkeys(folders)),
        directory=os.getcwd(),
        seed=None,
        rtol=tolerance[0],
        atol=tolerance[1],
        what="program",
    )


def checked_program(checker: Checker, check: FunctionCheck, program: Program, how: Thoroughness) -> ProgramResult:
    """Run a program in a fresh interpreter, and again in others; return what it gave, and the verdict.

    Raises:
        CheckError: the first run fails, or has not written one of its outputs.
        ReplayError: another run could not be made.
    """
    session = checker.opened(check, CheckedCall(run_program, (program,), outputs=True))
    try:
        first = checker.run_elsewhere(session, check.name)
    except ReplicaDied as died:
        hint = "expected a program that ends by its last line or `sys.exit`, and not by `os._exit`"
        by_itself = died.exit_code is not None and died.exit_code >= 0
        raise CheckError(f"{check.name} cannot be checked: {died.message}", hint=hint if by_itself else None) from None
    outputs = _outputs(session, first, check, program)
    session.adopt(first.record)
    (verdict,) = checker.verdicts(session, check, how)
    return ProgramResult(outputs, verdict)


def _outputs(session: PipelineSession, first: Replay, check: FunctionCheck, program: Program) -> dict[str, Any]:
    record = first.record
    if record.outcome is not Outcome.PASSED:
        said = record.failure.traceback if record.failure else record.outcome.value
        raise CheckError(f"{check.name} cannot be checked: {said}")
    outputs = dict(session.load(record))
    if outputs[STATUS]:
        interrupted = outputs[STATUS] == INTERRUPTED and ERROR in outputs
        how = f"by {outputs[ERROR]}" if interrupted else f"with exit status {outputs[STATUS]}"
        printed = first.printed.rstrip() or "\n".join(outputs.get(PRINTED, ())).rstrip()
        last = printed.splitlines()[-MOST_LINES:]
        tail = "\n".join(["; the last that it printed:", *(f"    {line}" for line in last)]) if last else ""
        raise CheckError(f"{check.name} ended {how}{tail}")
    folder = Path(program.out if program.has_out else check.directory)
    found = {folder / name for name in outputs[FILES]}
    for pattern in program.patterns:
        if found.isdisjoint(folder.glob(pattern)):
            raise _nothing_written(check, program, pattern)
    return outputs


def _nothing_written(check: FunctionCheck, program: Program, pattern: str) -> CheckError:
    folder = Path(program.out if program.has_out else check.directory)
    where = "its output folder" if program.has_out else str(folder)
    what = "no file" if pattern == _EVERYTHING else f"no file {pattern!r}"
    there = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*") if path.is_file())
    hint = f"there is: {listed(there, 8)}" if there else "there is no file"
    if pattern in there:
        hint = f"{pattern} is there, but this run has not written it"
    return CheckError(f"{check.name} has written {what} in {where}", hint=hint)


def _file_of(module: str) -> str:
    """Return the file of a module; empty where there is none. Nothing is imported if it is on the import path."""
    sys.path.insert(0, os.getcwd())
    try:
        spec = on_path(module) or importlib.util.find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = on_path(f"{module}.__main__") or importlib.util.find_spec(f"{module}.__main__")
    except (ImportError, ValueError):
        spec = None
    finally:
        sys.path.remove(os.getcwd())
    return spec.origin or "" if spec is not None else ""


def _no_program(first: str) -> CheckError:
    if first.endswith(".py") and not os.path.exists(first):
        beside = [path.name for path in Path(os.path.dirname(first) or ".").glob("*.py")]
        return CheckError(f"there is no file {first}", hint=did_you_mean(os.path.basename(first), beside))
    if os.path.isdir(first):
        return CheckError(f"{first} is a folder", hint=f"expected a file in it: {os.path.join(first, '__main__.py')}")
    if os.path.exists(first):
        return CheckError(f"{first} is no Python program", hint="only Python programs can be run again and looked into")
    scripts = [path.name for path in Path(os.path.dirname(first) or ".").glob("*.py")]
    consoles = [entry.name for entry in importlib.metadata.entry_points(group="console_scripts")]
    near = did_you_mean(os.path.basename(first), [*scripts, *consoles])
    what = "is no Python program" if shutil.which(first) else "is neither a script nor a console script"
    return CheckError(
        f"{first} {what}", hint=near or "expected a path that ends with .py, -m and a module, or a console script"
    )
