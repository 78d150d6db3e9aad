"""Node ids, and pytest's arguments, of files in folders whose names have `::` or `[` in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_READ_AS_END = ("::", "[")
"""What ends the path for pytest, when it reads an argument."""


def split_node_id(node_id: str, is_file: Callable[[str], bool]) -> tuple[str, str]:
    """Return the file of a node id, and the rest: at the first ``::`` behind a file, or if there is none, at the first.

    >>> split_node_id("a::b/test_c.py::test_d", lambda path: path.endswith(".py"))
    ('a::b/test_c.py', 'test_d')
    """
    end = node_id.find("::")
    while end >= 0:
        if is_file(node_id[:end]):
            return node_id[:end], node_id[end + 2 :]
        end = node_id.find("::", end + 1)
    path, _, name = node_id.partition("::")
    return path, name


def readable_argument(argument: str, directory: Path) -> str:
    """Return an argument such that pytest finds its file: relative to `directory`, if it has a `::` or `[` above that.

    Args:
        argument: a path, or a node id, as the user gave it.
        directory: where pytest was started.

    Raises:
        pytest.UsageError: it has one below `directory`, too, where pytest cannot be told otherwise.
    """
    if not any(each in argument for each in _READ_AS_END):
        return argument
    path = _longest_path(argument, directory)
    if path is None or not any(each in path for each in _READ_AS_END):
        return argument
    found = os.path.relpath(directory / path, directory)
    if any(each in found for each in _READ_AS_END):
        raise pytest.UsageError(
            f"{argument}: pytest takes `::` and `[` in an argument for the end of the path, so it cannot collect "
            f"`{found}` from {directory}; {_remedy(directory / found)}"
        )
    return found + argument[len(path) :]


def _remedy(path: Path) -> str:
    *_, odd = (each for each in (*reversed(path.parents), path) if any(mark in each.name for mark in _READ_AS_END))
    return f"start pytest in `{odd}`, or rename that folder" if odd.is_dir() else f"rename the file `{odd.name}`"


def _longest_path(argument: str, directory: Path) -> str | None:
    """Return the longest beginning of an argument that is a path of something that is there."""
    end = len(argument)
    while end >= 0:
        if os.path.exists(directory / argument[:end]):
            return argument[:end]
        end = argument.rfind("::", 0, end)
    return None
