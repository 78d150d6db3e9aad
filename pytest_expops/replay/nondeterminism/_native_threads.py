"""The threads of this process as the kernel sees them, and which installed package's code they run.

Linux tells where a thread that waits has its stack. The addresses on it that lie in a package's shared library are
those of the functions that the thread is in. Elsewhere nothing is known.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from bisect import bisect_right
from dataclasses import dataclass

TASKS = "/proc/self/task"
_DEPTH = 32768
"""So many bytes of a stack are looked at."""
_PACKAGE = re.compile(r"/(?:site|dist)-packages/(\w+)")


def thread_ids() -> set[int]:
    """The kernel's numbers of all threads of this process; empty where that cannot be known."""
    with contextlib.suppress(OSError):
        return {int(name) for name in os.listdir(TASKS)}
    return set()


def work_of(thread: int) -> int | None:
    """How many nanoseconds a thread has been on a processor; None where that cannot be known."""
    used, _, _ = _read(f"{TASKS}/{thread}/schedstat").partition(" ")
    return int(used) if used.isdecimal() else None


def package_of(thread: int) -> str | None:
    """The top-level name of the package whose code a thread runs; None if it cannot be seen now, or there is none."""
    words = _read(f"{TASKS}/{thread}/syscall").split()
    if len(words) < 3:  # it is running, or gone
        return None
    code = _Code.loaded()
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        stack = os.pread(memory, _DEPTH, int(words[-2], 16))
    except OSError:
        return None
    finally:
        os.close(memory)
    addresses = struct.unpack(f"{len(stack) // 8}Q", stack[: len(stack) // 8 * 8])
    # The outermost is the function that the thread was started with; what it calls may be another package's.
    return next((package for each in reversed(addresses) if (package := code.package(each))), None)


def package_in(path: str) -> str | None:
    """The top-level name of the installed package that a file is of; what comes with it may lie in `NAME.libs`."""
    found = _PACKAGE.search(path)
    return found[1] if found is not None else None


@dataclass(frozen=True, slots=True)
class _Code:
    """Where the executable parts of packages lie in memory."""

    starts: list[int]
    ends: list[int]
    packages: list[str]

    @classmethod
    def loaded(cls) -> _Code:
        parts = []
        for line in _read("/proc/self/maps").splitlines():
            bounds, rights, *_, path = line.split(maxsplit=5)
            found = package_in(path)
            if "x" in rights and found is not None:
                start, _, end = bounds.partition("-")
                parts.append((int(start, 16), int(end, 16), found))
        parts.sort()
        return cls([each[0] for each in parts], [each[1] for each in parts], [each[2] for each in parts])

    def package(self, address: int) -> str | None:
        index = bisect_right(self.starts, address) - 1
        return self.packages[index] if index >= 0 and address < self.ends[index] else None


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""
