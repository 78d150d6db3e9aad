"""What chart scripts import: `chart` and `ChartContext`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, overload

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


@dataclass(frozen=True)
class ChartContext:
    """What a chart function is given to draw with: `output_dir` takes its images."""

    output_dir: Path
    project_id: str = ""
    run_id: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def savefig(self, filename: str, *, fig: Any = None, **options: Any) -> Path:
        """Save a Matplotlib figure (the current one by default) in `output_dir`, and return its path."""
        path = self.output_dir / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        if fig is None:
            from matplotlib import pyplot

            fig = pyplot.gcf()
        fig.savefig(path, **options)
        return path
