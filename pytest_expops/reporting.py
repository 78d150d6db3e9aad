"""What chart scripts import: `chart` and `ChartContext`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from pytest_expops.execution.declared.chart_context import ChartContext

__all__ = ["ChartContext", "chart"]

P = ParamSpec("P")
R = TypeVar("R")


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
