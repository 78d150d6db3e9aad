"""The working directory and the environment variables of a run (S1.1): what a process does to them ends with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytest_expops.pipeline.model import Pipeline


@contextmanager
def run_environment(pipeline: Pipeline) -> Iterator[None]:
    """Run in the pipeline's working directory, with its variables set; afterwards all is as it was."""
    before = _variables()
    directory = os.getcwd()
    if pipeline.check is None:
        os.environ["MLOPS_WORKSPACE_DIR"] = str(pipeline.workspace)
        os.environ["MLOPS_PROJECT_ID"] = pipeline.project_id
    # Nobody sits before a test; a Matplotlib that is imported from here on opens no windows, unless it is told to.
    os.environ.setdefault("MPLBACKEND", "Agg")
    # Which test pytest is at, the first run would find in its environment, and a replay would not.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    os.chdir(pipeline.working_directory)
    try:
        yield
    finally:
        os.chdir(directory)
        _restore(before)


def _variables() -> dict[Any, Any]:
    """Return the variables as `os.environ` holds them: to decode them all takes as long as the rest of a small process.

    They are bytes, unless somebody has put a dict in the place of `os.environ`.
    """
    return dict(getattr(os.environ, "_data", os.environ))


def _restore(before: Mapping[Any, Any]) -> None:
    after = _variables()
    for name in {name for name, _ in after.items() ^ before.items()}:
        if name in before:
            os.environ[os.fsdecode(name)] = os.fsdecode(before[name])
        else:
            del os.environ[os.fsdecode(name)]
