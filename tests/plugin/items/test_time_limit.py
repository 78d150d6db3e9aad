"""A process, or a replay, that takes longer than it may fails alone, and the session goes on."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Project

SCRIPT = """
import bdb, ctypes, os, re, sys, threading, time

def wait_in_compiled_code():
    mutex, library = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)

def wait():
    try:
        time.sleep(600)
    except Exception:
        return

def is_replay(name):
    try:
        os.mkdir(name)
    except FileExistsError:
        return True
    return False

def a(data): return {"x": 1}

def slow(data):
    threading.Thread(target=time.sleep, args=(30,), name="helper", daemon=True).start()
    wait()
    return {}

def hangs_again(data):
    if is_replay("hangs_again"):
        wait()
    return {}

def stuck(data):
    wait_in_compiled_code()
    return {}

def stuck_again(data):
    if is_replay("stuck_again"):
        wait_in_compiled_code()
    return {}

def after(data): return {}

def quick(data):
    time.sleep(0.2)
    return {"y": 1}

def debugged(data):
    debugger = bdb.Bdb()
    debugger.reset()
    sys.settrace(debugger.trace_dispatch)
    time.sleep(1.5)
    sys.settrace(None)
    return {}
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_first_run_and_a_replay_that_take_too_long_fail_and_what_needs_them_skips(
    project: Project, workers: str
) -> None:
    project.write("a slow\nslow after\na hangs_again\na quick", SCRIPT, {"slow": {"timeout": 0.5}})
    outcome = project.run(workers, "--expops-timeout=2", "--expops-replay=all")
    assert outcome.where("failed") == {"slow", "hangs_again[replay]"}
    assert outcome.items["after"] == "skipped"
    assert outcome.items["quick[replay]"] == "passed"
    slow = outcome.message("slow")
    assert "ProcessTimeout: it ran longer than the 0.5 s that it may take" in slow
    assert "time.sleep(600)" in slow
    assert "thread helper, which it started, is at:\n" in slow
    assert "time_limit.py" not in slow
    assert "execnet" not in slow
    replay = outcome.message("hangs_again[replay]")
    assert replay.startswith("the replay of `hangs_again` was ended: it ran longer than the 2 s that it may take; its ")
    assert "in wait\n    time.sleep(600)" in replay
    assert "deterministic" not in replay
    assert "slow failed: ProcessTimeout: it ran longer than the 0.5 s that it may take" in outcome.text


def test_a_worker_that_cannot_be_interrupted_is_ended_and_the_process_is_told(project: Project) -> None:
    project.write("a stuck\nstuck after\na quick", SCRIPT, {"stuck": {"timeout": 0.5}})
    outcome = project.run("-n2", "--expops-replay=none")
    assert outcome.where("failed") == {"stuck"} or "stuck" in outcome.text
    assert outcome.items["quick"] == "passed"
    assert outcome.items["after"] == "skipped"
    why = "ProcessTimeout: it ran longer than the 0.5 s that it may take, and could not be interrupted: its interpreter"
    assert f"{why} was ended\n" in outcome.text
    assert "in wait_in_compiled_code\n" in outcome.text
    assert "runner.py" not in outcome.text


def test_a_replica_that_cannot_be_interrupted_is_ended(project: Project) -> None:
    project.write("a stuck_again", SCRIPT, {"stuck_again": {"timeout": 0.5}})
    outcome = project.run("-n0", "--expops-replay=all")
    assert outcome.where("failed") == {"stuck_again[replay]"}
    message = outcome.message("stuck_again[replay]")
    assert "and could not be interrupted: its interpreter was ended; its first run took" in message
    assert "in wait_in_compiled_code\n" in message
    assert "runner.py" not in message


def test_a_session_without_workers_says_where_it_was_stuck_before_it_ends(project: Project) -> None:
    project.write("a stuck", SCRIPT, {"stuck": {"timeout": 0.5}})
    result = project.pytester.run(
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n0", "--expops-config", project.config
    )
    assert result.ret == 1
    result.stderr.fnmatch_lines(["Timeout (0:00:05.500000)!", "*in wait_in_compiled_code"])


def test_nobody_is_interrupted_in_a_debugger_and_0_is_no_limit(project: Project) -> None:
    processes = {"debugged": {"timeout": 0.5}, "quick": {"timeout": 0}}
    project.write("a debugged\na quick", SCRIPT, processes)
    assert project.run("-n0", "--expops-timeout=0.05", "--expops-replay=none").where("failed") == set()


@pytest.mark.parametrize("value", ["-1", "soon", "1e400", "true"])
def test_a_limit_that_is_no_number_of_seconds_is_refused_where_it_stands(project: Project, value: str) -> None:
    project.write("a quick", SCRIPT, {"quick": {"timeout": "VALUE"}})
    config = project.root / project.config
    config.write_text(config.read_text("utf-8").replace("VALUE", value), encoding="utf-8")
    outcome = project.run("-n0")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    expected = ("a number of seconds (0 for no limit) from 0 to 1,000,000", "beyond 1.7e308")
    assert any(each in outcome.text for each in expected)
    assert "project_config.yaml:" in outcome.text
