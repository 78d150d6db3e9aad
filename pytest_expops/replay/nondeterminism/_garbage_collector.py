"""The garbage collector: when cyclic objects are finalized, and until when weak references to them last."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._watching import watch
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher

EAGER = (10, 10, 10)
"""The thresholds under which it runs every few allocations."""

_ASKS = ("collect", "get_count", "get_objects", "get_referrers", "get_referents", "get_stats")
_WEAK = (weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_READS = ("__len__", "__iter__", "__contains__", "__getitem__", "get", "items", "keys", "values")
_OWN = frozenset(m.__module__ for m in _WEAK) | {"weakref"}


class Collector(Source):
    """Varied by an odd number it is off, by an even one it runs very often. Held, it is off from a clean start."""

    name: ClassVar[str] = "gc"
    title: ClassVar[str] = "the garbage collector"
    catches: ClassVar[str] = "weak caches, finalizers (`__del__`), counts of live objects"
    remedy: ClassVar[str] = "keep what counts in a dict or list, not by weak references; close what is open by `with`"

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches:
            _watch(patches, watcher)
            if setting.mode is Mode.NATURAL:
                yield
                return
            enabled, thresholds = gc.isenabled(), gc.get_threshold()
            gc.collect()
            if setting.mode is Mode.VARIED and setting.number % 2 == 0:
                gc.enable()
                gc.set_threshold(*EAGER)
            else:
                gc.disable()
            try:
                yield
            finally:
                gc.set_threshold(*thresholds)
                (gc.enable if enabled else gc.disable)()
                gc.collect()  # what this run left must not be finalized in the middle of the next


def _watch(patches: Patches, watcher: Watcher) -> None:
    watch(patches, watcher, Collector.name, gc, _ASKS)
    for kind in _WEAK:
        # Their methods call one another.
        watch(
            patches,
            watcher,
            Collector.name,
            kind,
            [each for each in _READS if each in vars(kind)],
            what=f"weakref.{kind.__name__}",
            unless=_OWN,
        )
