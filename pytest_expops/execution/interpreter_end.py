"""How an interpreter ended, in words: by which signal, under which limit, and whether the kernel counted an OOM kill.

The kernel does not say which process it has ended for want of memory. It counts such ends, by control group where there
is one for memory, else for the whole system. So that it has counted one meanwhile is all that is said.
"""

from __future__ import annotations

import functools
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OF_VERSION_1 = "memory.oom_control"
"""The file of a control group of version 1 that has the count."""
_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OomKills:
    """How many OOM kills a file of the kernel tells of, at one moment."""

    file: str
    count: int

    @classmethod
    def now(cls) -> OomKills | None:
        """Return what the kernel has counted until now, in the narrowest place that says; None where none does."""
        file = _counter()
        return cls(file, count) if file is not None and (count := _counted(file)) is not None else None


def since(before: OomKills | None) -> str:
    """Say how many OOM kills the kernel has counted since then; empty if none."""
    count = _counted(before.file) if before is not None else None
    if before is None or count is None or count <= before.count:
        return ""
    return f"; the kernel's count of OOM kills ({before.file}) rose by {count - before.count} meanwhile"


def ended(code: int | None, limit: str = "", oom_kills: str = "") -> str:
    """Return ``was killed by SIGKILL while it had LIMIT; the kernel's count ...``.

    Args:
        code: the exit status, negative for a signal; None if nobody knows.
        limit: the memory limit that was in force, in words.
        oom_kills: what `since` said. It is left out of an end that the kernel does not make.
    """
    if code is None:
        return f"had {limit}" if limit else ""
    with_limit = f" while it had {limit}" if limit else ""
    return f"{_ending(code)}{with_limit}{oom_kills if code == -signal.SIGKILL else ''}"


def _ending(code: int) -> str:
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with exit status {code}"


def _counted(file: str) -> int | None:
    try:
        found = _COUNT.search(Path(file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return int(found[1]) if found is not None else None


@functools.cache
def _counter() -> str | None:
    """Return the file that tells of this process's control group, or else of the system."""
    return next((file for file in (*_of_group(), "/proc/vmstat") if _counted(file) is not None), None)


def _of_group() -> Iterator[str]:
    """Yield where the control group of this process may have such a file; see cgroups(7) and proc_pid_mountinfo(5)."""
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    paths = {controllers: path for _, controllers, path in groups}
    for mount in mounts:
        mounted, _, system = mount.partition(" - ")
        root, point = mounted.split()[3:5]
        kind, _, options = system.split(" ", 2)
        if kind == "cgroup2":
            path, name = paths.get(""), "memory.events"
        elif kind == "cgroup" and "memory" in options.split(","):
            path, name = next((each for key, each in paths.items() if "memory" in key.split(",")), None), _OF_VERSION_1
        else:
            continue
        if path is not None:
            # A container may see its own group at the mount point, under whatever path.
            within = os.path.relpath(path, root) if path.startswith(root) else "."
            yield os.path.normpath(os.path.join(point, within, name))
