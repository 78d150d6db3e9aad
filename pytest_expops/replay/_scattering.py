"""Other memory addresses in a forked process, which has those of its parent otherwise, as all its siblings have."""

from __future__ import annotations

import mmap
import random

_SIZES = range(16, 513, 16)
"""Objects of these many bytes come from Python's own allocator, which keeps free places of each size by themselves."""
_PAGES = 4096
"""The mappings of a process begin up to so many pages from where they would."""

_kept: list[object] = []


def scatter_addresses() -> None:
    """Have the next objects lie elsewhere, and in another order, than in any other process; takes some milliseconds.

    Some objects of every size stay, so that the places between them, which were given back in no order, are used.
    """
    system = random.SystemRandom()
    chance = random.Random(system.getrandbits(64))
    _kept.append(mmap.mmap(-1, chance.randint(1, _PAGES) * mmap.PAGESIZE))
    for size in _SIZES:
        blocks = [_object_of(size) for _ in range(chance.randint(100, 300))]
        chance.shuffle(blocks)
        _kept.append(blocks[: len(blocks) // 2])
        while blocks:
            blocks.pop()


def _object_of(size: int) -> object:
    if size == 16:
        return object()
    if size == 32:
        return 1 << 50
    return bytes(size - 33)  # which has 33 bytes of its own
