"""The first run of a process in a child of its own: nothing that it leaves reaches another one (S7.8)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import Project

SCRIPT = """
import os, random, resource, signal, time, warnings
from pathlib import Path

def leaves(data):
    os.umask(0o077)
    os.environ["LEFT"] = "1"
    random.random = one_half
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    Path("runs").open("a").write("leaves\\n")
    print("words of leaves")
    warnings.warn("careful")
    return {"x": 1}

def one_half():
    return 0.5

def finds(data):
    os.umask(mask := os.umask(0))
    found = {
        "mask": mask,
        "variable": os.environ.get("LEFT"),
        "random": random.random is one_half,
        "handler": signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN,
        "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 512,
    }
    return {"left": [name for name, each in found.items() if each not in (None, False, 0o022)]}

def shows(data):
    raise AssertionError(f"left: {data['finds']['left']}")

def fails(data):
    raise ValueError("no")

def dies(data):
    os.kill(os.getpid(), signal.SIGSEGV)

def slow(data):
    time.sleep(100)

def greedy(data):
    return {"x": len(bytearray(2**30))}

def where(data):
    return {"parent": os.getppid(), "own": os.getpid()}

def waits(data):
    Path("reached").touch()
    time.sleep(100)
"""
EDGES = "leaves finds\nfinds shows\nleaves fails"
ALL = ["mask", "random", "handler", "timer", "files"]
"""Variables of the environment are put back after each run anyway."""


@pytest.mark.parametrize(("option", "left"), [("--expops-isolate", []), (None, ALL)])
@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_what_a_process_leaves_reaches_the_next_one_only_where_it_is_not_isolated(
    project: Project, option: str | None, left: list[str], workers: str
) -> None:
    project.write(EDGES, SCRIPT)
    outcome = project.run(workers, *filter(None, [option]), subprocess=True)
    assert outcome.where("failed") == {"shows", "fails"}
    assert f"left: {left}" in outcome.message("shows")
    assert (project.root / "runs").read_text("utf-8") == "leaves\n"
    assert "UserWarning: careful" in outcome.text
    fails = outcome.message("fails")
    assert "ValueError: no" in fails
    assert 'raise ValueError("no")' in fails
    assert "first_run.py" not in fails


def test_an_isolated_first_run_gives_what_one_in_place_gives_and_replays(project: Project) -> None:
    given = []
    for option in ("--expops-isolate", "-v"):
        project.write("leaves\nseen", SCRIPT + "\ndef seen(data): return {'r': random.gauss(0, 1), 's': {*'abc'}}\n")
        outcome = project.run("-n0", option, "--expops-artifacts=kept", "--expops-replay=all", subprocess=True)
        assert outcome.where("failed") == set()
        assert outcome.items["leaves[replay]"] == "passed"
        assert outcome.properties("leaves")["expops_worker"] == "main"
        session = max((project.root / "kept").iterdir(), key=lambda path: path.stat().st_mtime)
        lines = (session / "1-project_config/records/main.jsonl").read_text("utf-8").splitlines()
        records = {record["process"]: record for record in map(json.loads, lines)}
        assert [path.rpartition("/")[2] for path in records["leaves"]["written"]] == ["runs"]
        given.append(
            {name: [(key, each["digest"]) for key, each in run["outputs"].items()] for name, run in records.items()}
        )
    assert given[0] == given[1]


def test_what_is_recorded_in_one_way_is_what_the_baseline_has_in_the_other(project: Project) -> None:
    project.write("drawn", "import random\ndef drawn(data): return {'r': random.gauss(0, 1)}\n")
    for first, second in (([], ["--expops-isolate"]), (["--expops-isolate"], [])):
        assert project.run("-n0", "--expops-baseline=update", *first).ret == 0
        outcome = project.run("-n0", *second)
        assert outcome.properties("drawn[baseline]")["expops_baseline"] == "same"
    project.script("import random\ndef drawn(data): return {'r': random.gauss(5, 1)}\n")
    assert project.run("-n0", "--expops-isolate").where("failed") == {"drawn[baseline]"}


def test_the_limits_and_the_end_of_a_child_fail_its_process_alone(project: Project) -> None:
    processes = {"slow": {"timeout": 1}, "greedy": {"memory": "64M"}, "where": {"isolate": False}}
    project.write("slow\ngreedy\ndies\nwhere", SCRIPT, processes)
    outcome = project.run("-n0", "-o", "expops_isolate=on")
    assert outcome.where("failed") == {"slow", "greedy", "dies"}
    assert "ProcessTimeout: it ran longer than the 1 s that it may take" in outcome.message("slow")
    assert "time.sleep(100)" in outcome.message("slow")
    assert "ProcessMemoryError: MemoryError, with a memory limit of 64 MiB" in outcome.message("greedy")
    assert "the interpreter that ran `dies` was killed by SIGSEGV" in outcome.message("dies")
    assert "dies crashed: " in outcome.text


def test_a_process_may_say_for_itself_and_nothing_is_isolated_for_a_debugger(project: Project) -> None:
    project.write(EDGES, SCRIPT, {"leaves": {"isolate": True}})
    assert "left: []" in project.run("-n0", subprocess=True).message("shows")
    outcome = project.run("-n0", "--trace-config", "--pdb", "-k", "finds", subprocess=True)
    assert "expops: for --pdb and --trace, no process is run in a child of its own (`isolate`)" in outcome.text


def test_ctrl_c_ends_the_child_too(project: Project) -> None:
    project.write("waits", SCRIPT, {"waits": {"isolate": True}})
    command = [sys.executable, "-m", "pytest", "-n0", "--expops-config", project.config]
    with subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True) as session:
        try:
            deadline = time.monotonic() + 100
            while not (project.root / "reached").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            session.send_signal(signal.SIGINT)
            text, _ = session.communicate(timeout=60)
        finally:
            session.kill()
    assert session.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in text


@pytest.mark.parametrize("value", ["perhaps", "1"])
def test_whether_a_process_is_isolated_is_true_or_false(project: Project, value: str) -> None:
    project.write("where", SCRIPT, {"where": {"isolate": "VALUE"}})
    config = project.root / project.config
    config.write_text(config.read_text("utf-8").replace("VALUE", value), encoding="utf-8")
    outcome = project.run("-n0")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "expected true or false" in outcome.text
