"""Says which config has the aggregation process whose fixture a test asks for, where pytest was not given it."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pytest_expops.errors import ConfigError
from pytest_expops.pipeline.config.loader import load_config

MOST_FILES = 200
MOST_FOLDERS = 2000
_LARGEST = 1_000_000
_NOT_THE_USERS = frozenset({"build", "dist", "node_modules", "site-packages", "venv"})


@functools.lru_cache(maxsize=64)
def advice_on(name: str, root: Path) -> str | None:
    """Return how to get the fixture `name` from a pipeline below `root`; None where none is found that has it.

    Looks through a bounded number of files, and reads only those as a config that have the name in them.
    """
    for path in itertools.islice(_yaml_files(root), MOST_FILES):
        process = _aggregation(path, name)
        if process is not None:
            shown = path.relative_to(root)
            return (
                f"`{process}` is an aggregation process of {shown}, whose fixture is there where pytest is given the "
                f"config:\n    pytest --expops-config {shlex.quote(str(shown))}    (in {root}; or the ini option "
                f"`expops_config`)"
            )
    return None


def _yaml_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in itertools.islice(os.walk(root), MOST_FOLDERS):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _NOT_THE_USERS)
        yield from (Path(folder, each) for each in sorted(files) if each.endswith((".yaml", ".yml")))


def _aggregation(path: Path, name: str) -> str | None:
    """Return the aggregation process of a config whose fixture is called `name`."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
        if "aggregation" not in text or name not in re.sub(r"\W", "_", text):
            return None
        processes = load_config(path).processes.values()
    except (OSError, ConfigError):
        return None
    return next((each.name for each in processes if each.aggregates and re.sub(r"\W", "_", each.name) == name), None)
