"""The function of each process, and how it is to be called; settled once per process (S2.1, S2.2)."""

from __future__ import annotations

import enum
import inspect
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_expops.errors import ScriptError
from pytest_expops.execution.raised import user_traceback
from pytest_expops.execution.user_code.modules import nearest_module
from pytest_expops.execution.user_code.requirements import advise, advise_relative
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.model import CallRule, Kind, Process
from pytest_expops.wording import did_you_mean, kind_of

CLASSIC_NAMES = frozenset({"data", "hyperparameters", "hparams", "context"})
_NAMES_FUNCTION = ("code", "code_function")


class CallStyle(enum.Enum):
    """How a process function gets its arguments."""

    CLASSIC = "classic"
    BY_NAME = "by name"


@dataclass(frozen=True, slots=True)
class Callee:
    """A process function with its parameters. `style` is None where only the upstream outputs can settle it."""

    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]
    style: CallStyle | None


def find_function(project: ProjectCode, process: Process) -> Callee | None:
    """Return the function of a process; None for a functionless split, whose inputs are passed through.

    Raises:
        ScriptError: the script is missing or raises on import, or has no such function.
    """
    if process.code.script not in project.pipeline.scripts and not process.code.module:
        if process.kind is Kind.PASS_THROUGH:
            return None
        raise ScriptError(
            f"process `{process.name}`: the config names no script",
            path=project.pipeline.path,
            process=process.name,
            hint="add `custom_script_path: models/model.py` under `model.parameters` (or a top-level `scripts:` map), "
            "or name an importable module: `code_function: MODULE:NAME`",
        )
    module = _import_named(project, process) if process.code.module else _import(project, process)
    found = getattr(module, process.code.function, None)
    if process.kind is Kind.CHART:
        found = found if callable(found) else _registered_chart(module, process.code.function)
    if callable(found):
        return _callee(found, process)
    if process.kind is Kind.PASS_THROUGH:
        return None
    raise _no_such_function(project, process, module, found)


def settle(callee: Callee, offered: Iterable[str]) -> CallStyle:
    """Return the calling style of a function for which the upstream keys and parameters `offered` matter."""
    if callee.style is not None:
        return callee.style
    declared = {parameter.name for parameter in callee.parameters}
    return CallStyle.CLASSIC if declared.isdisjoint(offered) else CallStyle.BY_NAME


def _import(project: ProjectCode, process: Process) -> ModuleType:
    path = project.pipeline.scripts[process.code.script]
    if not path.is_file():
        near = did_you_mean(path.name, _scripts_beside(path), most=3)
        raise ScriptError(
            f"process `{process.name}`: script not found: {path}",
            path=path,
            process=process.name,
            hint=near or "the path is tried against the project root, then the workspace",
        )
    try:
        return project.script(process.code.script)
    except (Exception, SystemExit) as error:
        raise ScriptError(
            f"script {path} raised {kind_of(error)} on import",
            path=path,
            process=process.name,
            hint=advise_relative(error, path, project.folders) or advise(error, project.pipeline),
            user_traceback=_import_traceback(error),
        ) from error


def _import_traceback(error: BaseException) -> str:
    # A syntax error in the script itself has no frame of the user's: all of them are the import system's.
    if isinstance(error, SyntaxError):
        return "".join(traceback.format_exception_only(error)).rstrip()
    return user_traceback(error)


def _import_named(project: ProjectCode, process: Process) -> ModuleType:
    """Import the module of `MODULE:NAME`."""
    name, script = process.code.module, process.code.script
    try:
        return project.script(script)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise _no_such_module(project, process, error.name) from None
        path = project.file(script)
        raise ScriptError(
            f"module `{name}` ({path or 'without a file'}) raised {kind_of(error)} on import",
            path=path or Path(),
            process=process.name,
            hint=advise(error, project.pipeline),
            user_traceback=_import_traceback(error),
        ) from error


def _no_such_module(project: ProjectCode, process: Process, missing: str) -> ScriptError:
    name = process.code.module
    with project.entered():
        near = nearest_module(name)
    hint = f"did you mean `{near}:{process.code.function}`? " if near else ""
    source = project.pipeline.root / "src"
    looked = ", ".join(project.folders)
    if str(source) not in project.folders:
        looked += f" (there is no folder {source} with packages in it)"
    return ScriptError(
        f"process `{process.name}`: there is no module `{missing}`"
        + (f", of which `{name}` would be a part" if missing != name else ""),
        path=project.pipeline.path,
        process=process.name,
        hint=f"{hint}looked for in {looked}, and in what Python's import path has besides: what pytest's `pythonpath` "
        "names, and what is installed",
    )


def _scripts_beside(path: Any) -> list[str]:
    return sorted(each.name for each in path.parent.glob("*.py")) if path.parent.is_dir() else []


def _registered_chart(module: ModuleType, name: str) -> Any:
    """Return the function that is decorated as ``@chart(name=...)`` with that name."""
    for each in vars(module).values():
        if getattr(each, "__expops_chart__", {}).get("name") == name:
            return each
    return None


def _callee(function: Callable[..., Any], process: Process) -> Callee:
    try:
        parameters = tuple(inspect.signature(function).parameters.values())
    except ValueError:  # some that are written in C
        raise ScriptError(
            f"process `{process.name}`: the parameters of `{process.code.function}` cannot be read",
            path=Path(),
            process=process.name,
            hint="call it in a function of your own, and name that one",
        ) from None
    named = {each.name for each in parameters if each.kind is not inspect.Parameter.VAR_POSITIONAL}
    style: CallStyle | None = None
    if not named <= CLASSIC_NAMES:
        style = CallStyle.BY_NAME
    elif process.call_rule is CallRule.CLASSIC_FIRST:
        style = CallStyle.CLASSIC
    return Callee(function, parameters, style)


def _no_such_function(project: ProjectCode, process: Process, module: ModuleType, found: object) -> ScriptError:
    name, path = process.code.function, getattr(module, "__file__", None)
    own = sorted(
        key
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not key.startswith("_")
    )
    defined = ", ".join(f"`{each}`" for each in own) or "no functions"
    hint = _mistyped_key(project, process) or did_you_mean(name, own, most=3) or f"it defines: {defined}"
    what = "no function" if found is None else f"a {type(found).__name__}, not a function,"
    where = f"module `{process.code.module}` ({path or 'without a file'})" if process.code.module else path
    return ScriptError(
        f"process `{process.name}`: {where} has {what} called `{name}`",
        path=Path(path or ""),
        process=process.name,
        hint=hint,
    )


def _mistyped_key(project: ProjectCode, process: Process) -> str | None:
    """Return which key of a process was probably to name its function, where none did and its own name was taken."""
    for each in project.pipeline.warnings if process.code.function == process.name else ():
        if each.process == process.name and each.key and (meant := did_you_mean(each.key, _NAMES_FUNCTION)):
            return f"nothing reads its key `{each.key}`: {meant}"
    return None
