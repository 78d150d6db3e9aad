"""A call that a test hands over: a function with its arguments, and what comes of it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.errors import FingerprintError
from pytest_expops.values.fingerprint import fingerprint

SEED_NAMES = ("random_seed", "seed", "random_state")
"""The parameters that get the seed where they are not given, the first that a function has."""
RETURNED = "returned"
"""The output that is what the function returned."""
OWN_OBJECT = "self"
"""The name of the object of a bound method, as an argument."""
ARGUMENT = "argument "
"""Begins the name of an output that is an argument, changed in place."""


@dataclass(frozen=True)
class CheckedCall:
    """A function with its arguments; it is stored once, and each run gets its own.

    The parameter `seed_parameter` gets the seed, if there is one, and `name_parameter` the name of the process that is
    run. What an `outputs` call returns is a dict of outputs itself, where others have one output, `RETURNED`.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    seed_parameter: str | None = None
    outputs: bool = False
    name_parameter: str | None = None

    def prepared(self, seed: int, name: str = "") -> Callable[[], dict[str, Any]]:
        """Return the call as a function without arguments, which returns its outputs.

        These are what it returned, awaited if it is to be, and each argument that it has changed in place, as far as
        values of its kind can be told apart.
        """
        kwargs = {**self.kwargs, **({self.seed_parameter: seed} if self.seed_parameter else {})}
        kwargs |= {self.name_parameter: name} if self.name_parameter else {}
        arguments = named_arguments(self.function, self.args, kwargs)
        before = {name: _digest(value) for name, value in arguments.items()}

        def call() -> dict[str, Any]:
            returned = settled(self.function(*self.args, **kwargs))
            if self.outputs:
                return dict(returned)
            changed = {
                f"{ARGUMENT}{name}": value
                for name, value in named_arguments(self.function, self.args, kwargs).items()
                if before.get(name) is not None and _digest(value) != before[name]
            }
            return {RETURNED: returned, **changed}

        return call


def settled(returned: Any) -> Any:
    """Return what an awaitable gives, in an event loop of its own; anything else as it is."""
    if not inspect.isawaitable(returned):
        return returned

    async def awaited() -> Any:
        return await returned

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(awaited())
    return _in_thread(awaited())


def _in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine where this thread has an event loop already, as in an async test."""
    found: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(coroutine))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return found[0]


def named_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return each argument by the name of its parameter, or by its place.

    The object of a bound method is ``self``, and what a nested function has of those around it is among them.
    """
    owner = getattr(function, "__self__", None)
    found: dict[str, Any] = {}
    if inspect.ismethod(function) and not inspect.isclass(owner):
        found[OWN_OBJECT] = owner
    elif isinstance(function, functools.partial):
        found |= named_arguments(function.func, function.args, function.keywords)
    elif inspect.isfunction(function):
        found |= inspect.getclosurevars(function).nonlocals
    names = _positional(function)
    for number, value in enumerate(args, start=1):
        found[names[number - 1] if number <= len(names) else str(number)] = value
    return {**found, **kwargs}


def _positional(function: Callable[..., Any]) -> list[str]:
    parameters = parameters_of(function).values()
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in by_place]


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function; none where Python does not know them, as of some written in C."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _digest(value: Any) -> str | None:
    try:
        return fingerprint(value, "argument").digest
    except FingerprintError:
        return None
