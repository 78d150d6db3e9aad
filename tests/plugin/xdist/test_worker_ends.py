"""How a worker or a replica has ended is told: by which signal, and whether the kernel counted an OOM kill."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project

SCRIPT = """
import os, signal

def is_replay(name):
    try:
        os.mkdir(name)
    except FileExistsError:
        return True
    return False

def take():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # or the kernel may choose the controller, whose output would be lost with it
    kept = []
    while True:
        kept.append(bytearray(b"x" * 2**20))

def greedy(data):
    take()

def greedy_again(data):
    if is_replay("greedy_again"):
        take()
    return {}

def killed(data):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_again(data):
    if is_replay("killed_again"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {}

def quick(data): return {"x": 1}
"""
GROUPS = Path("/sys/fs/cgroup/memory")
COUNTED = r"; the kernel's count of OOM kills \(\S+/memory.oom_control\) rose by 1 meanwhile"


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group that may have 400 MiB, and no swap."""
    group = GROUPS / f"expops-test-{os.getpid()}-{time.monotonic_ns()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(400 * 2**20))
    except OSError as error:
        pytest.skip(f"no control group for memory can be made here: {error}")
    yield group
    for _ in range(100):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)


def _run(project: Project, group: Path, *args: str) -> str:
    """Run pytest in a control group, and return what it printed."""
    code = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"
    result = project.pytester.run(
        *(sys.executable, "-c", code, str(group / "cgroup.procs"), sys.executable),
        *("-m", "pytest", "-p", "no:cacheprovider", "--expops-config", project.config, *args),
    )
    return result.stdout.str()


def test_a_worker_and_a_replica_that_the_kernel_ends_for_want_of_memory_are_told(project: Project, group: Path) -> None:
    project.write("greedy\ngreedy_again\nquick", SCRIPT)
    text = _run(project, group, "-n1")
    assert re.search(
        rf"greedy crashed: WorkerDied: worker gw0 died while it ran `greedy`: it was killed by SIGKILL{COUNTED}", text
    )
    assert re.search(rf"the interpreter that ran `greedy_again` was killed by SIGKILL{COUNTED}", text)


def test_a_kill_is_not_told_as_one_for_want_of_memory(project: Project, group: Path) -> None:
    project.write("killed\nkilled_again\nquick", SCRIPT)
    text = _run(project, group, "-n1")
    assert "killed crashed: WorkerDied: worker gw0 died while it ran `killed`: it was killed by SIGKILL\n" in text
    assert "the interpreter that ran `killed_again` was killed by SIGKILL\n" in text
    assert "OOM" not in text
