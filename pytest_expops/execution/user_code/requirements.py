"""What to do about an import that fails: which requirements file lists the module (S1.1), what to write instead."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_expops.execution.user_code.modules import importable_as
from pytest_expops.pipeline.config.project import Project
from pytest_expops.pipeline.model import Pipeline

# Modules whose distribution is called otherwise; only to read a requirements file by, so an unknown one costs a hint.
_DISTRIBUTIONS = {
    "PIL": ("pillow",),
    "bs4": ("beautifulsoup4",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "dateutil": ("python-dateutil",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "yaml": ("pyyaml",),
}


def advise(error: BaseException, pipeline: Pipeline) -> str | None:
    """Return what to do about a module that is missing; None where that is not what went wrong, or nothing lists it."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    module = error.name.partition(".")[0]
    names = {_normal(each) for each in _DISTRIBUTIONS.get(module, (module,))}
    for path in requirement_files(pipeline):
        if names & set(_listed(path)):
            shown = os.path.relpath(path, pipeline.workspace)
            where = "processes run in the interpreter that pytest runs in"
            if pipeline.check is not None:
                where = "what is checked runs in the interpreter that makes the check"
            return (
                f"`{module}` is listed in {shown}; {where}, so install it there: "
                f"python -m pip install -r {shlex.quote(str(path))}"
            )
    return None


def advise_relative(error: BaseException, script: Path, import_path: Sequence[str]) -> str | None:
    """Return what to write instead of a script that has relative imports and whose package cannot be found.

    None where that is not what went wrong.
    """
    if not isinstance(error, ImportError) or "relative import with no known parent package" not in str(error):
        return None
    name = importable_as(script, import_path)
    if name is None:
        return (
            "a script is part of a package only where the package can be found from the project root or its `src/`; "
            f"modules in {script.parent} can be imported by their names alone: `from MODULE import NAME`"
        )
    return (
        f"{script.parent} has no `__init__.py`, so that the script is not part of a package: add one, or name the "
        f"function by its module instead of the script, `{name}:FUNCTION` (`code_function`, or `code`)"
    )


def requirement_files(pipeline: Pipeline) -> list[Path]:
    """Return the requirements files that `environment` names, then those beside the project, that are there."""
    project = Project.of(pipeline.path)
    named = [project.resolve(text) for text in _texts(pipeline.document.get("environment"))]
    beside = [*sorted(pipeline.root.glob("requirements*.txt")), *sorted(pipeline.root.glob("*/requirements*.txt"))]
    return [path for path in dict.fromkeys([*named, *beside]) if path.suffix == ".txt" and path.is_file()]


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in the section.

    The two spellings name files in different places, and names of environments match no file.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _listed(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"\s*([A-Za-z0-9][\w.-]*)", line)
        if match:
            yield _normal(match[1])


def _normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
