"""Have the kernel lay out this process as it lays out every other one: without random addresses.

The start of an interpreter asks this before anything else, so nothing is imported here that it would not load anyway.
"""

from __future__ import annotations

import os
import sys

_NO_RANDOM_ADDRESSES = 0x0040000
"""``ADDR_NO_RANDOMIZE`` of Linux, see personality(2). It counts from the next `exec` on."""
_ASK = 0xFFFFFFFF


def fixed_addresses_possible() -> bool:
    """Whether `fix_addresses` can do it on this machine; some containers forbid it. Leaves nothing changed."""
    before = _personality(_ASK)
    if before is None or before & _NO_RANDOM_ADDRESSES:
        return before is not None
    if _personality(before | _NO_RANDOM_ADDRESSES) is None:
        return False
    _personality(before)
    return True


def fix_addresses() -> None:
    """Begin again, with the same command line, under fixed addresses.

    Returns if they are fixed already, or cannot be. What was read from standard input is lost to the new beginning.
    """
    before = _personality(_ASK)
    if before is None or before & _NO_RANDOM_ADDRESSES or not sys.executable:
        return
    if _personality(before | _NO_RANDOM_ADDRESSES) is not None:
        try:
            os.execv(sys.executable, sys.orig_argv)
        except OSError:
            _personality(before)


def _personality(persona: int) -> int | None:
    """Set this thread's, and give what it was; None if the system knows none, or refuses."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        call = ctypes.CDLL(None).personality
    except (ImportError, OSError, AttributeError):
        return None
    call.argtypes = [ctypes.c_ulong]
    found = int(call(persona))
    return None if found == -1 else found
