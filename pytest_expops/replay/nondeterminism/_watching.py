"""Functions that are only watched: each call by the project is remembered, and otherwise goes on as ever."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

from pytest_expops.replay.nondeterminism._patching import Patches
from pytest_expops.replay.nondeterminism.base import Watcher


def watch(  # noqa: PLR0913 (one call for each set of functions; the rest are keywords)
    patches: Patches,
    watcher: Watcher,
    source: str,
    owner: Any,
    names: Iterable[str],
    *,
    what: str = "",
    unless: Container[str] = (),
    when: Callable[[], bool] = lambda: True,
) -> None:
    """Remember, if `watcher` is watching, which lines call these functions of a module or class.

    Args:
        patches: puts the functions back at the end.
        watcher: remembers the lines.
        source: the name of the source that they draw from.
        owner: the module or class.
        names: of its functions.
        what: how reports name the call; ``OWNER.NAME()`` if empty.
        unless: as for `Watcher.saw`.
        when: whether a call is to be remembered.
    """
    if not watcher.watching:
        return

    def noting(named: str) -> Callable[..., Any]:
        def around(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if when():
                watcher.saw(source, named, unless=unless)
            return original(*args, **kwargs)

        return around

    for name in names:
        patches.wrap(owner, name, noting(what or f"{owner.__name__}.{name}()"))
