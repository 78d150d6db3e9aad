"""What pipeline and chart scripts import (S2.1), by `pytest_expops.core` and `pytest_expops.reporting`.

Outside a run every decorated function is just the function, so that scripts can be imported and tested as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar, overload

from pytest_expops.execution.calls import recording
from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.declared.chart_context import ChartContext

__all__ = [
    "ChartContext",
    "ModelData",
    "SerializableData",
    "chart",
    "get_current_context",
    "log_metric",
    "process",
    "step",
]

P = ParamSpec("P")
R = TypeVar("R")

SerializableData: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None
"""For annotations, as in ExpOps: what a process takes and returns. (Any value that can be pickled is fine here.)"""
ModelData: TypeAlias = Any
"""For annotations, as in ExpOps."""


@overload
def process(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def process(
    *, name: str | None = None, description: str | None = None, **options: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
@overload
def process(
    description: str, /, parameters: Any = None, logging: bool = True, **options: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def process(
    first: Callable[..., Any] | str | None = None, /, parameters: Any = None, logging: bool = True, **options: Any
) -> Any:
    """Mark a function as a process. It stays an ordinary function; the config decides what runs.

    ``@process``, ``@process("description")`` and ``@process(description=...)`` all work. `parameters` and `logging` are
    accepted, as in ExpOps, and have no effect: the parameters are the config's, and the output is pytest's. All options
    are kept in ``__expops_process__``.
    """
    options |= {} if parameters is None else {"parameters": parameters}
    options |= {} if logging else {"logging": logging}
    if isinstance(first, str):
        options["description"] = first

    def mark(decorated: Callable[P, R]) -> Callable[P, R]:
        decorated.__expops_process__ = options  # type: ignore[attr-defined]
        return decorated

    return mark(first) if callable(first) else mark


@overload
def step(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def step(
    *, name: str | None = None, description: str | None = None, **options: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
@overload
def step(
    name: str, /, step_type: str = "general", logging: bool = True, **options: Any
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def step(
    first: Callable[..., Any] | str | None = None,
    /,
    step_type: str = "general",
    logging: bool = True,
    *,
    name: str | None = None,
    **options: Any,
) -> Any:
    """Mark a function as a step: within a process each call is recorded and draws from random streams of its own.

    The streams depend on the seed, the expanded process, the step's name and the number of the call (S4.3), so that
    adding a step to a process leaves the numbers that the others draw as they were. `step_type` and `logging` are
    accepted, as in ExpOps, and have no effect.
    """
    options |= {} if step_type == "general" else {"step_type": step_type}
    options |= {} if logging else {"logging": logging}

    def decorate(decorated: Callable[P, R]) -> Callable[P, R]:
        given = first if isinstance(first, str) else name
        step_name = str.__str__(str(given or getattr(decorated, "__name__", type(decorated).__name__)))

        @functools.wraps(decorated)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            recorder = recording.current()
            if recorder is None:
                return decorated(*args, **kwargs)
            with recorder.step(step_name):
                result = decorated(*args, **kwargs)
            if recorder.context is not None:
                recorder.context.remember_step(step_name, result)
            return result

        call.__expops_step__ = {"name": step_name, **options}  # type: ignore[attr-defined]
        return call

    return decorate(first) if callable(first) else decorate


_MISSING: Any = object()


def log_metric(name: str = _MISSING, value: Any = _MISSING, step: int | None = None, *, key: str = _MISSING) -> None:
    """Record a value of this process under `name`.

    Args:
        name: The metric; any non-empty text.
        value: A number (an int, a float, a NumPy, PyTorch or TensorFlow scalar), which becomes one reading of a series;
            or anything else that JSON can hold, which becomes the metric's only value.
        step: Which reading of the series this is; by default one more than the highest so far, from 1. Within a
            `@step` function the series is that function's own. A second reading at one step replaces the first.
        key: The name that ExpOps has for `name`.

    Outside a run the call is checked and has no further effect.

    Raises:
        TypeError: `name` is no text, `step` no int, or `value` nothing that JSON can hold.
    """
    if (name is _MISSING) == (key is _MISSING) or value is _MISSING:
        raise TypeError("log_metric takes a name and a value: log_metric('accuracy', 0.9)")
    recording.log_metric(key if name is _MISSING else name, value, step)


def get_current_context() -> ProcessContext | None:
    """Return the context of the process that is running, or None outside a run."""
    recorder = recording.current()
    context = recorder.context if recorder is not None else None
    return context if isinstance(context, ProcessContext) else None


@overload
def chart(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def chart(*, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
@overload
def chart(name: str, /, **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def chart(first: Callable[..., Any] | str | None = None, /, **options: Any) -> Any:
    """Mark a function as a chart. It stays an ordinary function; options are kept in ``__expops_chart__``."""
    if isinstance(first, str):
        options["name"] = first

    def mark(decorated: Callable[P, R]) -> Callable[P, R]:
        decorated.__expops_chart__ = options  # type: ignore[attr-defined]
        return decorated

    return mark(first) if callable(first) else mark
