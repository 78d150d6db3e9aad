"""The seed of Python's hashes of text and bytes, and so the order of sets of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher

SALTS = {2: 481953, 4: 361629}
"""Under the hash seed of replay 2, most sets of two common words have another order than under that of replay 1, and
under that of replay 4 than under that of replay 3; `benchmarks/hash_seeds.py` found them, and says how many."""
FIRST_RUN = 0
"""The number of the first run's own hash seed, where that is known."""


def hash_seed_of(number: int) -> int:
    """The `PYTHONHASHSEED` of the replays numbered `number`: the same in every session, and never this process's.

    It comes from SHA-256 of the number and a salt, so that the seeds of successive replays have nothing in common.
    """
    own = own_hash_seed()
    salt = SALTS.get(number, 0)
    for _ in range(2):
        digest = hashlib.sha256(f"expops replay {number} {salt}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        if seed != own:
            break
        salt += 1
    return seed


def own_hash_seed() -> int | None:
    """The hash seed that this process was started with, if it was given one."""
    own = os.environ.get("PYTHONHASHSEED", "")
    return int(own) if own.isdecimal() else None


class HashSeed(Source):
    """Varied by the interpreter that a replay is started in. Held, it is that of replay 1.

    Varied with the number `FIRST_RUN` it is that of the first run, if the environment says which.
    """

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
        seed = own_hash_seed() if number == FIRST_RUN else hash_seed_of(number)
        return {} if seed is None else {"PYTHONHASHSEED": str(seed)}

    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        return nullcontext()
