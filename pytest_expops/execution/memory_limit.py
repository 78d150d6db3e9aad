"""How much memory a process may take: what it asks for beyond that, the system refuses to it alone.

The limit is Linux's ``RLIMIT_DATA``, on what private memory an interpreter can write, and what counts is what a run
takes beyond what its interpreter holds when it begins. ``RLIMIT_AS`` would count what only takes addresses: files that
are mapped to be read, the arenas of threads, what a library reserves for later. A control group can mostly not be made
without rights, and kills in place of refusing.
"""

from __future__ import annotations

import functools
import mmap
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_expops.errors import ProcessMemoryError
from pytest_expops.execution.raised import cause_of, memory_error_in
from pytest_expops.execution.records import file_name
from pytest_expops.wording import cut_to_a_line, text_of, worded

_PROBE = 64 * 2**20
_HINTS = ("memory", "alloc", "new thread")
"""An exception whose message has one of these may be for want of memory."""
_WITHIN = 200


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The bytes that one run may take, and the file that is there while it runs with this limit."""

    most: int
    place: Path

    @classmethod
    def of(cls, most: int, folder: Path, name: str, attempt: int) -> MemoryLimit:
        """Return that of one run of the process `name`, whose session has this folder."""
        return cls(most, folder / "limited" / f"{file_name(name)}-{attempt}")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the block take no more, where the system enforces that.

        Raises:
            ProcessMemoryError: it has met an error for want of memory, and did not handle that.
        """
        if not limits_memory():
            yield
            return
        held = _held()
        self.place.parent.mkdir(parents=True, exist_ok=True)
        self.place.write_text(f"{self.text}; {_words(held)} when it began", encoding="utf-8")
        try:
            with _at_most(held["VmData"] + self.most):
                yield
        except Exception as error:
            now = f"{_words(held)} when it began, {_words(_held())} afterwards"
            lack = memory_error_in(error)
            if lack is not None:
                first = "" if lack is error else f", after {_line(lack)}"
                told = ProcessMemoryError(f"{_line(error)}{first}, with {self.text}; its interpreter held {now}")
                raise told.with_traceback(error.__traceback__) from cause_of(error)
            if any(hint in text_of(error).lower() for hint in _HINTS):
                error.add_note(f"It ran with {self.text}; its interpreter held {now}.")
            raise
        finally:
            self.place.unlink(missing_ok=True)

    @property
    def text(self) -> str:
        """The limit in words."""
        return f"a memory limit of {_size(self.most)}"

    def in_force(self) -> str:
        """Return the limit in words, if a run had it when its interpreter ended; empty if not."""
        try:
            return self.place.read_text(encoding="utf-8")
        except OSError:
            return ""


@functools.cache
def limits_memory() -> bool:
    """Return whether this system enforces such a limit, as a try shows."""
    if sys.platform != "linux":
        return False
    try:
        with _at_most(_held()["VmData"]):
            mmap.mmap(-1, _PROBE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        return True
    return False


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Have this limit meanwhile, unless a lower one is there."""
    before, hardest = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_least(size, before), hardest))
    try:
        yield
    finally:
        hardest = resource.getrlimit(resource.RLIMIT_DATA)[1]  # which the process may have lowered
        resource.setrlimit(resource.RLIMIT_DATA, (_least(before, hardest), hardest))


def _least(*limits: int) -> int:
    return min((each for each in limits if each != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def _held() -> dict[str, int]:
    """Return what this interpreter holds, in bytes, by the names that Linux has for it."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return {name: 1024 * int(size) for name, size in re.findall(r"^(Vm\w+):\s+(\d+) kB$", status, re.MULTILINE)}


def _words(held: dict[str, int]) -> str:
    """Say what counts for the limit, and the most that was in physical memory at one time until then."""
    return f"{_size(held['VmData'])} of VmData (at most {_size(held['VmHWM'])} resident until then, VmHWM)"


def _line(error: BaseException) -> str:
    return cut_to_a_line(worded(error).rstrip(": "), _WITHIN)


def _size(size: int) -> str:
    power = min((size.bit_length() - 1) // 10, 4) if size else 0
    return f"{size / 1024**power:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
