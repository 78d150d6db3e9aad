"""Functions that stand in for others for a while; whoever keeps one beyond that gets the original's behaviour."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

StandIn = Callable[..., Any]


class Patches:
    """What has been replaced, to be put back in the opposite order."""

    def __init__(self) -> None:
        self._active = True
        self._replaced: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a module or class until the end."""
        # From the class's own dict, so that a classmethod is put back as one.
        original = vars(owner)[name]
        self._replaced.append((owner, name, original))
        setattr(owner, name, value)

    def wrap(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        """Let ``around(original, *args, **kwargs)`` stand in for a function, if `owner` has one of that name."""
        original = getattr(owner, name, None)
        if original is not None:
            self.put(owner, name, self.stand_in(original, around))

    def stand_in(self, original: Callable[..., Any], around: Callable[..., Any]) -> StandIn:
        """A function that looks like `original`, calls `around` with it, and turns into it at the end."""

        @functools.wraps(original, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return original(*args, **kwargs)
            return around(original, *args, **kwargs)

        return call

    def undo(self) -> None:
        """Put everything back."""
        self._active = False
        while self._replaced:
            owner, name, original = self._replaced.pop()
            setattr(owner, name, original)


@contextmanager
def patching() -> Iterator[Patches]:
    """`Patches` that are undone at the end."""
    patches = Patches()
    try:
        yield patches
    finally:
        patches.undo()
