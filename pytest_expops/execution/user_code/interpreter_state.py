"""What every import and every call of the interpreter needs: what a function takes away from it comes back at its end.

What a function adds stays: a library that it has imported for the first time may have added a finder, and will not be
imported again.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping
from operator import is_
from typing import Any

_LISTS = ("path", "meta_path", "path_hooks")


class KeptInterpreter:
    """A block after which the builtins, `sys`, the imports and the recursion limit can do what they could before.

    No generator makes it a context manager, as that one would be continued by a builtin.
    """

    def __enter__(self) -> None:
        self._builtins, self._sys = dict(vars(builtins)), dict(vars(sys))
        self._recursion = sys.getrecursionlimit()
        self._modules = sys.modules, dict(sys.modules)
        self._lists = [(name, found, list(found)) for name in _LISTS for found in (getattr(sys, name),)]
        self._cache = sys.path_importer_cache, dict(sys.path_importer_cache)

    def __exit__(self, *_: object) -> None:
        builtins.__dict__.update(self._builtins)  # first: the rest needs them
        _put_back(sys.__dict__, self._sys)
        if sys.getrecursionlimit() < self._recursion:
            sys.setrecursionlimit(self._recursion)
        sys.modules, modules = self._modules
        _put_back(sys.modules, modules)
        for name, found, before in self._lists:
            after: Any = getattr(sys, name, None)
            setattr(sys, name, found)
            if after is not found or len(found) != len(before) or not all(map(is_, found, before)):
                found[:] = _merged(name, after, before)
        sys.path_importer_cache, cache = self._cache
        for entry, finder in cache.items():
            if sys.path_importer_cache.get(entry, finder) is not finder:
                del sys.path_importer_cache[entry]  # Python asks for it anew


def _put_back(entries: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Enter what is gone, or None stands for; what else is there now, a module that was imported anew, say, is left.

    Where nothing has changed, no look is taken at each by itself: there may be thousands.
    """
    if entries == before:
        return
    for name, entry in before.items():
        if entries.get(name) is None:
            entries[name] = entry


def _merged(name: str, after: Any, before: list[Any]) -> list[Any]:
    """Return what was there before, between what was put before it and what elsewhere.

    The import system passes over entries of the path that are no text; what is to be a path may not.
    """
    entries: Iterable[Any] = after if issubclass(type(after), list | tuple) else ()
    first: list[Any] = []
    last: list[Any] = []
    reached = False
    for entry in tuple(entries):
        if entry in before:
            reached = True
        elif name != "path" or issubclass(type(entry), str):
            (last if reached else first).append(entry)
    return [*first, *before, *last]
