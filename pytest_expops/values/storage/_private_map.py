"""Map a file privately: what is written goes to this mapping alone, and no descriptor is kept for it.

`mmap.mmap` keeps a copy of the descriptor for as long as the mapping lives, unless `trackfd` is false, which Python has
from 3.13 on. A session that holds a thousand artifacts would run out of them; so, before that, the C library is called.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import weakref
from functools import cache
from typing import Any


def map_private(descriptor: int, size: int) -> memoryview:
    """Return the file's first `size` bytes (at least one), writable, copied page by page when they are written (S2.4).

    The mapping lasts as long as something refers to the result; the descriptor may be closed at once.

    Raises:
        OSError: the system refuses.
    """
    if sys.version_info >= (3, 13) and os.name == "posix":
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        return memoryview(mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=protection, trackfd=False))
    library = _library()
    if library is None:
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY))
    address = library.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE, descriptor, 0)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    region = (ctypes.c_ubyte * size).from_address(address)
    # Not at exit: other objects that are torn down then may still read from the mapping.
    weakref.finalize(region, library.munmap, address, size).atexit = False
    return memoryview(region).cast("B")


@cache
def _library() -> Any:
    """Return the C library, or None where it has no `mmap`."""
    if os.name != "posix":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_ssize_t]
    library.munmap.restype = ctypes.c_int
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library
