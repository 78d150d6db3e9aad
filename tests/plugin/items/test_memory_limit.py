"""A process, or a replay, that takes more memory than it may fails alone, and the session goes on."""

from __future__ import annotations

import re
import resource

import pytest

from pytest_expops.execution import memory_limit
from pytest_expops.plugin import _setup
from tests.conftest import Project

SCRIPT = """
import ctypes, os, resource, subprocess, sys
import numpy as np

MIB = 2**20

def limit():
    return resource.getrlimit(resource.RLIMIT_DATA)[0]

def is_replay(name):
    try:
        os.mkdir(name)
    except FileExistsError:
        return True
    return False

def take(size):
    return bytearray(size * MIB)

def a(data): return {"x": np.zeros(30 * MIB)}

def greedy(data):
    kept = take(64)
    return {"x": len(take(1024)), "kept": kept}

def numpys(data):
    return {"x": np.ones(128 * MIB)}

def greedy_again(data):
    return {"x": len(take(400 if is_replay("greedy_again") else 1))}

def reads(data):
    return {"x": float(data["a"]["x"][::1000].sum())}

def handles(data):
    try:
        take(1024)
    except MemoryError:
        return {"x": 1}

def wraps(data):
    try:
        take(1024)
    except MemoryError as error:
        raise RuntimeError("no model") from error

def of_a_library(data):
    raise RuntimeError("DefaultAllocator: can't allocate: you tried to get 9 bytes")

def wrong(data):
    raise RuntimeError("no such column")

def aborts(data):
    os.abort()

def aborts_again(data):
    if is_replay("aborts_again"):
        os.abort()
    return {}

def child(data):
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    return {"same": int(subprocess.check_output([sys.executable, "-c", code])) == limit()}

def after(data): return {}

def free(data): return {"x": len(take(300))}
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_first_run_and_a_replay_that_take_too_much_fail_and_what_needs_them_skips(
    project: Project, workers: str
) -> None:
    processes = {"greedy": {"memory": "128M"}, "free": {"memory": "1GiB"}}
    project.write("a greedy\ngreedy after\na greedy_again\na numpys\na free", SCRIPT, processes)
    outcome = project.run(workers, "--expops-memory-limit=350M", "--expops-replay=all")
    assert outcome.where("failed") == {"greedy", "numpys", "greedy_again[replay]"}
    assert outcome.items["after"] == "skipped"
    assert outcome.items["free[replay]"] == "passed"
    greedy = outcome.message("greedy")
    assert "ProcessMemoryError: MemoryError, with a memory limit of 128 MiB; its interpreter held " in greedy
    size = r"[\d.]+ [MG]iB"
    numbers = rf"held {size} of VmData \(at most {size} resident until then, VmHWM\) when it began, {size} of VmData"
    assert re.search(numbers, greedy)
    assert "in take\n" in greedy or "return bytearray(size * MIB)" in greedy
    assert "memory_limit.py" not in greedy
    assert "Unable to allocate 1.00 GiB for an array with shape" in outcome.message("numpys")
    replay = outcome.message("greedy_again[replay]")
    assert replay.startswith(
        "the replay of `greedy_again` met its memory limit, and the first run did not: MemoryError"
    )
    assert "return bytearray(size * MIB)" in replay
    assert "deterministic" not in replay
    assert "greedy failed: ProcessMemoryError: MemoryError, with a memory limit of 128 MiB" in outcome.text


def test_the_limit_is_taken_off_and_inputs_and_other_processes_are_not_counted(project: Project) -> None:
    # `a` gives 240 MiB; `reads` may take 16.
    project.write("a reads\nreads free", SCRIPT, {"reads": {"memory": "16M"}})
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert project.run("-n0", "--expops-replay=all").where("failed") == set()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_what_the_process_handles_is_its_own_and_what_follows_from_want_of_memory_is_told(project: Project) -> None:
    project.write("handles\nwraps\nof_a_library\nwrong\nchild", SCRIPT)
    outcome = project.run("-n0", "--expops-memory-limit=64M")
    assert outcome.where("failed") == {"wraps", "of_a_library", "wrong"}
    wraps = outcome.message("wraps")
    assert "ProcessMemoryError: RuntimeError: no model, after MemoryError, with a memory limit of 64 MiB; its" in wraps
    note = "It ran with a memory limit of 64 MiB; its interpreter held "
    assert note in outcome.message("of_a_library")
    assert "ProcessMemoryError" not in outcome.message("of_a_library")
    assert note not in outcome.message("wrong")


def test_an_interpreter_that_ends_is_told_with_the_limit_that_it_had(project: Project) -> None:
    project.write("a aborts\naborts after\na aborts_again", SCRIPT, {"aborts": {"memory": "512M"}})
    outcome = project.run("-n2", "--expops-replay=all")
    had = "while it ran `aborts`: it was killed by SIGABRT while it had a memory limit of 512 MiB; "
    assert re.search(r"aborts crashed: WorkerDied: worker gw\d died ", outcome.text)
    assert had in outcome.text
    again = outcome.message("aborts_again[replay]")
    assert "the interpreter that ran `aborts_again` was killed by SIGABRT" in again
    assert "memory limit" not in again


def test_a_replica_that_ends_is_told_with_the_limit_that_it_had(project: Project) -> None:
    project.write("aborts_again", SCRIPT)
    outcome = project.run("-n0", "--expops-replay=all", "--expops-memory-limit=1.5G")
    message = outcome.message("aborts_again[replay]")
    assert "`aborts_again` was killed by SIGABRT while it had a memory limit of 1.5 GiB; " in message


def test_a_limit_that_the_system_does_not_enforce_is_told_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("free\nafter", SCRIPT, {"free": {"memory": "16M"}})
    monkeypatch.setattr(memory_limit, "limits_memory", lambda: False)
    monkeypatch.setattr(_setup, "limits_memory", lambda: False)
    outcome = project.run("-n0")
    assert outcome.where("failed") == set()
    assert outcome.text.count("NotLimitedWarning: memory limits (`memory:`, --expops-memory-limit) have no effect") == 1


def test_a_limit_that_is_no_amount_of_memory_is_refused_where_it_stands(project: Project) -> None:
    project.write("free", SCRIPT, {"free": {"memory": "4 apples"}})
    outcome = project.run("-n0")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "project_config.yaml:11:17: process `free`: `memory` is the text `4 apples`; expected " in outcome.text


@pytest.mark.parametrize("value", ["-1", "4 apples", "1K", "9" * 400])
def test_an_option_that_is_no_amount_of_memory_is_refused(project: Project, value: str) -> None:
    project.write("free", SCRIPT)
    outcome = project.run("-n0", f"--expops-memory-limit={value}")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "--expops-memory-limit: " in outcome.text
