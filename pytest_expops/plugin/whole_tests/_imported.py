"""Which files pytest imports for a test, and which packages it imports in a way of its own."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import os
from pathlib import Path

import pytest

_PYTEST = frozenset({"pytest", "_pytest"})


def test_files(test: pytest.Item) -> tuple[str, ...]:
    """Return the conftest files above a test, the outermost first, and its own file."""
    plugins = test.config.pluginmanager.get_plugins()
    files = [Path(getattr(each, "__file__", None) or "") for each in plugins if inspect.ismodule(each)]
    above = [each for each in files if each.name == "conftest.py" and each.parent in test.path.parents]
    return (*map(str, sorted(above, key=lambda each: len(each.parts))), str(test.path))


def rewritten(config: pytest.Config) -> tuple[str, ...]:
    """Return the top-level names of packages whose assertions pytest rewrites: its plugins, and all beside them.

    To import one of them before pytest does would leave its assertions as they are, and the message of one that fails
    another.
    """
    plugins = {each.__name__.partition(".")[0] for each in config.pluginmanager.get_plugins() if inspect.ismodule(each)}
    return tuple(sorted(plugins | _beside_plugins() | _PYTEST))


@functools.cache
def _beside_plugins() -> frozenset[str]:
    """Return the top-level names of distributions that have a plugin for pytest."""
    found = set()
    for each in importlib.metadata.distributions():
        if any(entry.group == "pytest11" for entry in each.entry_points):
            found |= {os.path.splitext(Path(file).parts[0])[0] for file in each.files or ()}
    return frozenset(found)
