"""A function that a test hands over becomes a check: its name, its seeds, and where the user's code is."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pytest_expops.bounds import NUMBERS
from pytest_expops.errors import CheckError
from pytest_expops.execution.calls.checked_call import SEED_NAMES, parameters_of
from pytest_expops.execution.user_code.handed_over import not_on_path
from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.wording import did_you_mean, joined, refusal

AUTOMATIC = "auto"
"""The parameter that gets the seed is the first of `SEED_NAMES` that the function has."""
_MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini", ".git", ".hg")
"""What lies in the root of a project."""
_OWN = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


def describe(
    function: Callable[..., Any],
    *,
    name: str = "",
    seed: int | None = 42,
    seeds: Sequence[int] = (),
    seed_parameter: str | None = AUTOMATIC,
    tolerance: tuple[float, float] = (0.0, 0.0),
) -> FunctionCheck:
    """Return the check of a function that is called from a file of the user's.

    Args:
        function: what is checked.
        name: what it is called in messages; by default as it is defined.
        seed: what the global generators are seeded with; None seeds nothing.
        seeds: one check for each of them instead.
        seed_parameter: the parameter that gets the seed, if the function has it; see `seed_parameter_of`.
        tolerance: rtol and atol.

    Raises:
        CheckError: a seed is no whole number, is there twice, or a tolerance is negative.
    """
    seed = None if seed is None else checked_number("seed", seed)
    seeds = [checked_number("seed", each) for each in seeds]
    if len(set(seeds)) < len(seeds):
        raise CheckError(f"seeds: {joined(str(each) for each in seeds)} has a seed twice")
    rtol, atol = checked_tolerance(tolerance)
    source = source_of(function)
    found = [root_of(each) for each in (calling_file(), source) if each and not is_installed(each)]
    folders = tuple(dict.fromkeys(found)) or (os.getcwd(),)
    return FunctionCheck(
        name=name or name_of(function),
        function=_plain(function).__qualname__.rpartition(".")[2] if hasattr(_plain(function), "__qualname__") else "",
        source=source,
        folders=folders,
        directory=os.getcwd(),
        seed=seed,
        seeds=tuple(seeds),
        rtol=rtol,
        atol=atol,
        modules=not_on_path(folders),
        seed_names=SEED_NAMES if seed_parameter == AUTOMATIC else (seed_parameter,) if seed_parameter else (),
    )


def checked_tolerance(tolerance: tuple[Any, Any]) -> tuple[float, float]:
    """Return rtol and atol as they are.

    Raises:
        CheckError: one of them is no number of at least 0.
    """
    rtol, atol = tolerance
    return checked_number("rtol", rtol), checked_number("atol", atol)


def checked_number(name: str, value: object) -> Any:
    """Return the value of an argument as a plain int or float.

    Raises:
        CheckError: it is no number, or none within the bounds that `NUMBERS` has under this name.
    """
    number = NUMBERS[name].read(value)
    if number is None:
        hint = "expected seed=42 or seeds=[1, 2, 3]" if name == "seed" else None
        raise CheckError(refusal(name, NUMBERS[name].expected, value), hint=hint)
    return number


def seed_parameter_of(function: Callable[..., Any], asked: str | None, given: Iterable[str]) -> str | None:
    """Return the parameter that gets the seed.

    Args:
        function: what is checked.
        asked: its name, `AUTOMATIC` for the first of `SEED_NAMES`, None for no parameter.
        given: the parameters that have a value already; of these only one that was asked for by its name is refused.

    Raises:
        CheckError: the function has no such parameter, or it has a value already.
    """
    known, given = parameters_of(function), set(given)
    if asked is None:
        return None
    if asked == AUTOMATIC:
        return next((name for name in SEED_NAMES if name in known and name not in given), None)
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    if asked not in known and not takes_any:
        near = did_you_mean(asked, known) or f"its parameters: {', '.join(known) or 'none'}"
        raise CheckError(f"seed_parameter: {name_of(function)} has no parameter `{asked}`", hint=near)
    if asked in given:
        raise CheckError(f"seed_parameter: `{asked}` is given a value, too", hint="leave one of the two out")
    return asked


def name_of(function: Callable[..., Any]) -> str:
    """Return what a function is called: ``train``, ``Model.fit``, ``lambda``."""
    plain = _plain(function)
    found: str = getattr(plain, "__qualname__", type(plain).__qualname__)
    return found.rpartition("<locals>.")[2].replace("<lambda>", "lambda")


def source_of(function: Callable[..., Any]) -> str:
    """Return the file in which a function is defined; empty where there is none."""
    plain = inspect.unwrap(_plain(function))
    try:
        return os.path.realpath(inspect.getsourcefile(plain) or "") if inspect.getsourcefile(plain) else ""
    except TypeError:
        return ""


def calling_file() -> str:
    """Return the file of the innermost caller that is not of this package; empty where it is no file."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back  # type: ignore[assignment] # the last one is None
    found = frame.f_code.co_filename if frame is not None else ""
    return found if os.path.isfile(found) else ""


def root_of(file: str) -> str:
    """Return the root of the project that a file is in; its own folder where nothing marks one."""
    folder = start = os.path.dirname(os.path.realpath(file))
    while not any(os.path.exists(os.path.join(folder, mark)) for mark in _MARKS):
        above = os.path.dirname(folder)
        if above == folder:
            return start
        folder = above
    return folder


def _plain(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return type(function).__call__ if callable(function) else function  # an object that can be called
