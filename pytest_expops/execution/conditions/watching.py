"""Functions that are only watched: each call by the project is remembered, and otherwise goes on as ever."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from pytest_expops.execution.conditions.base import Watcher
from pytest_expops.execution.conditions.patching import Patches

_PATCHING = f"{__package__}.patching"


def watch(
    patches: Patches,
    watcher: Watcher,
    source: str,
    owner: Any,
    names: Iterable[str],
    *,
    what: str = "",
    when: Callable[[], bool] = lambda: True,
) -> None:
    """Remember, if `watcher` is watching, who calls these functions of a module or class.

    :param what: how reports name the call; ``OWNER.NAME()`` if empty.
    :param when: whether a call is to be remembered.
    """
    if not watcher.watching:
        return
    for name in names:
        patches.wrap(owner, name, _noting(watcher, source, what or f"{owner.__name__}.{name}()", when))


def _noting(watcher: Watcher, source: str, what: str, when: Callable[[], bool]) -> Callable[..., Any]:
    def around(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if when():
            watcher.saw(source, what)
        return original(*args, **kwargs)

    return around


def calling_modules(depth: int = 1) -> Iterable[str]:
    """The names of the modules on the stack, from the caller's caller outwards, without those that stand in.

    :param depth: 1 for the caller of the function that asks.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name not in (__name__, _PATCHING):
            yield name
        frame = frame.f_back
