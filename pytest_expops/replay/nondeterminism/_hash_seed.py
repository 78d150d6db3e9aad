"""The seed of Python's hashes of text and bytes, and so the order of sets of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher


def hash_seed_of(number: int) -> int:
    """The `PYTHONHASHSEED` of the replays numbered `number`: the same in every session, and never this process's.

    CodeLine from SHA-256 of the number, so that the seeds of successive replays have nothing in common.
    """
    own = os.environ.get("PYTHONHASHSEED", "")
    for salt in range(2):
        digest = hashlib.sha256(f"expops replay {number} {salt}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        if own != str(seed):
            break
    return seed


class HashSeed(Source):
    """Varied by the interpreter that a replay is started in. Held, it is that of replay 1."""

    name: ClassVar[str] = "hashseed"
    title: ClassVar[str] = "the hash seed"
    catches: ClassVar[str] = "the order of sets of text, and numbers made by `hash()` of text or bytes"
    remedy: ClassVar[str] = (
        "sort what comes from a set (`sorted(...)`) before its order counts; for a hash that lasts use `hashlib`"
    )

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL:
            return {}
        number = 1 if setting.mode is Mode.HELD else setting.number
        return {"PYTHONHASHSEED": str(hash_seed_of(number))}

    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        return nullcontext()
