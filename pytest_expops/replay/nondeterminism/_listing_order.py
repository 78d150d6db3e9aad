"""The order in which a folder's entries are listed, which is the file system's affair."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from pytest_expops.replay.nondeterminism._directory_entries import Entries
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held

Entry = TypeVar("Entry")
Arrange = Callable[[list[Any], Callable[[Any], Any]], list[Any]]


class ListingOrder(Source):
    """Varied, listings are reversed by number 1, and by others in an order that their names settle. Held, sorted.

    All listings of the standard library come from `os.listdir` and `os.scandir`: `os.walk`, `glob`, `pathlib`.
    """

    name: ClassVar[str] = "cwd-listing-order"
    title: ClassVar[str] = "the order of directory listings"
    brief: ClassVar[str] = "directory order"
    catches: ClassVar[str] = "files read in the order of `os.listdir`, `glob.glob` or `Path.iterdir`"
    remedy: ClassVar[str] = "sort the listing: `sorted(os.listdir(...))`, `sorted(path.glob(...))`"
    holds_sites: ClassVar[bool] = True

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches:
            arrangement = functools.partial(_arrangement, setting, watcher)
            scandir = os.scandir
            patches.wrap(os, "listdir", functools.partial(_listdir, arrangement))
            patches.wrap(os, "scandir", functools.partial(_scandir, arrangement))
            _patch_glob(patches, scandir)
            yield


def _patch_glob(patches: Patches, scandir: Any) -> None:
    """Classes of `glob` that `pathlib` globs by since Python 3.13 have taken `os.scandir` for their own."""
    for each in vars(glob).values():
        own = vars(each).get("scandir") if isinstance(each, type) else None
        if isinstance(own, staticmethod) and own.__func__ is scandir:
            patches.put(each, "scandir", staticmethod(os.scandir))


def _arrangement(setting: Setting, watcher: Watcher, what: str) -> Arrange | None:
    """How to order what is listed now; None if as it comes."""
    site = watcher.saw(ListingOrder.name, what, outermost=True)
    if is_held(setting, site):
        return _sorted
    if setting.mode is not Mode.VARIED or site is None:
        return None
    return _reversed if setting.number == 1 else functools.partial(_shuffled, setting.number)


def _sorted(entries: list[Entry], name: Callable[[Entry], Any]) -> list[Entry]:
    return sorted(entries, key=name)


def _reversed(entries: list[Entry], name: Callable[[Entry], Any]) -> list[Entry]:
    return entries[::-1]


def _shuffled(number: int, entries: list[Entry], name: Callable[[Entry], Any]) -> list[Entry]:
    """By a digest of the names, so that the order is the same on every file system."""
    return sorted(entries, key=lambda entry: hashlib.sha256(b"%d " % number + os.fsencode(name(entry))).digest())


def _listdir(arrangement: Callable[[str], Arrange | None], original: Callable[..., list[Any]], *args: Any) -> list[Any]:
    arrange = arrangement("os.listdir()")
    names = original(*args)
    return names if arrange is None else arrange(names, lambda name: name)


def _scandir(arrangement: Callable[[str], Arrange | None], original: Callable[..., Any], *args: Any) -> Any:
    arrange = arrangement("os.scandir()")
    entries = original(*args)
    if arrange is None:
        return entries

    def arranged(found: Iterator[os.DirEntry[Any]]) -> Iterator[os.DirEntry[Any]]:
        yield from arrange(list(found), lambda entry: entry.name)

    return Entries(entries, arranged)
