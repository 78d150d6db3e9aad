"""What a replay uses and no audit event tells of: environment variables, looks at files, child processes.

The libraries that an interpreter had imported before it was forked have read theirs already.
"""

from __future__ import annotations

import multiprocessing.process
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_expops.execution.seen import ALL, CODE, heard
from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.replay.nondeterminism._patching import StandIn, patching

_PASSING_ON = ("subprocess", "multiprocessing", "loky", "joblib", "concurrent")
"""Modules that copy all variables to hand them on, and read none."""
_OURS = ("pytest_expops.execution.", "pytest_expops.replay.", "pytest_expops.values.")
"""What runs a process asks for itself; what resolves the paths of its context asks for the process."""
_SKIPPED = (__name__, StandIn.__module__, "os", "_collections_abc", "posixpath", "genericpath", "pathlib")


@contextmanager
def noting_use() -> Iterator[None]:
    """Tell of it whoever watches the run (`execution/seen.py`)."""
    kind: type = type(os.environ)
    with patching() as patches:
        patches.wrap(kind, "__getitem__", _variable)
        for name in ("__iter__", "__len__", "copy"):
            patches.wrap(kind, name, _variables)
        for name in ("stat", "lstat", "access"):
            patches.wrap(os, name, _look)
        patches.wrap(multiprocessing.process.BaseProcess, "start", _start)
        yield


def _variable(original: Callable[..., Any], mapping: Any, name: Any) -> Any:
    if isinstance(name, str) and not _caller().startswith(_OURS):
        heard("variables", name)
    return original(mapping, name)


def _variables(original: Callable[..., Any], mapping: Any) -> Any:
    if not _caller().startswith((*_PASSING_ON, *_OURS)):
        heard("variables", ALL)
    return original(mapping)


def _look(original: Callable[..., Any], path: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(path, (str, bytes, os.PathLike)) and kwargs.get("dir_fd") is None:
        text = os.path.abspath(os.fsdecode(path))
        if not text.endswith(CODE) and not is_installed(text) and not _caller().startswith(_OURS):
            heard("looked", text)
    return original(path, *args, **kwargs)


def _start(original: Callable[..., Any], process: Any) -> Any:
    heard("beyond", CHILDREN)
    return original(process)


CHILDREN = "starts other processes"
"""Of Python's own kind, which call a function of the project: what they read is not heard."""


def _caller() -> str:
    """Return the name of the module that asked."""
    frame = sys._getframe(1)
    while frame is not None and (name := str(frame.f_globals.get("__name__"))) in _SKIPPED:
        frame = frame.f_back  # type: ignore[assignment]
    return name if frame is not None else ""
