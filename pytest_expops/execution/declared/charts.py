"""Draw a chart: call its function with the metrics that it probes, in a folder of its own that takes the images."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_expops.errors import ChartError
from pytest_expops.execution.calls.functions import Callee
from pytest_expops.execution.declared._probes import Probed
from pytest_expops.execution.declared.chart_context import ChartContext
from pytest_expops.execution.declared.component import ChartComponent
from pytest_expops.execution.records import file_name
from pytest_expops.pipeline.model import Process

IMAGES = frozenset({".bmp", ".gif", ".html", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".tif", ".tiff", ".webp"})
"""What counts as an image; a chart may as well write a page."""


def chart_folder(folder: Path, name: str) -> Path:
    """Return where the images of the chart `name` are, in the folder of its pipeline's session."""
    return folder / "charts" / file_name(name)


def images_in(folder: Path) -> list[Path]:
    """Return the images in a chart's folder that are not empty, sorted."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGES)
    return sorted(path for path in found if path.is_file() and path.stat().st_size > 0)


def draw(
    made_by: Callee | ChartComponent,
    process: Process,
    parameters: dict[str, Any],
    probed: Probed,
    context: ChartContext,
) -> None:
    """Draw into `context.output_dir`, which is emptied first and is the working directory meanwhile.

    Raises:
        ChartError: no image was written.
    """
    shutil.rmtree(context.output_dir, ignore_errors=True)
    context.output_dir.mkdir(parents=True)
    before = os.getcwd()
    os.chdir(context.output_dir)
    try:
        with _headless():
            if isinstance(made_by, ChartComponent):
                made_by.draw(context.metrics, parameters, context)
            else:
                _call(made_by.function, context)
    finally:
        os.chdir(before)
    if not images_in(context.output_dir):
        raise _no_image(process, probed, context.output_dir)


def _call(function: Callable[..., Any], context: ChartContext) -> None:
    """Call a chart function with the metrics and the context, as far as it takes them."""
    parameters = inspect.signature(function).parameters.values()
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    takes_all = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    named = {"metrics": context.metrics, "ctx": context, "context": context}
    keywords = {
        each.name: named[each.name] for each in parameters if each.kind is each.KEYWORD_ONLY and each.name in named
    }
    given = (context.metrics, context)
    function(*(given if takes_all else given[: len(positional)]), **keywords)


@contextmanager
def _headless() -> Iterator[None]:
    """Matplotlib draws into memory, whatever was chosen before; and the figures of a chart end with it."""
    os.environ["MPLBACKEND"] = "Agg"  # for one that is imported from here on
    matplotlib = sys.modules.get("matplotlib")
    chosen = _chosen_backend(matplotlib)
    if matplotlib is not None and (chosen or "").lower() != "agg":
        matplotlib.use("Agg")
    open_before = set(_figures())
    try:
        yield
    finally:
        for number in _figures():
            if number not in open_before:
                sys.modules["matplotlib.pyplot"].close(number)
        if matplotlib is not None and chosen is not None and chosen.lower() != "agg":
            matplotlib.use(chosen)


def _chosen_backend(matplotlib: Any) -> str | None:
    """Return the backend in use; None where none has been chosen yet."""
    if matplotlib is None or not hasattr(matplotlib, "get_backend"):
        return None
    try:
        backend: str | None = matplotlib.get_backend(auto_select=False)
    except TypeError:  # before Matplotlib 3.10, which would choose one
        backend = matplotlib.get_backend() if "matplotlib.pyplot" in sys.modules else None
    return backend


def _figures() -> list[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return list(pyplot.get_fignums()) if pyplot is not None else []


def _no_image(process: Process, probed: Probed, folder: Path) -> ChartError:
    written = sorted(path.name for path in folder.rglob("*") if path.is_file())
    found = f"wrote {', '.join(f'`{name}`' for name in written)}, but no image" if written else "wrote no image"
    empty = f"; nothing was logged where these probes look: {', '.join(f'`{path}`' for path in probed.nothing)}"
    return ChartError(
        f"chart `{process.name}` {found}{empty if probed.nothing else ''}",
        process=process.name,
        hint="save one by `plt.savefig('NAME.png')`, or by `ctx.savefig('NAME.png')` in a function of `(metrics, ctx)`",
    )
