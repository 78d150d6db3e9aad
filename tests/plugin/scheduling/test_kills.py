"""Whatever kills workers: every item is accounted for, and each process runs at most once (S6.2, S6.3, S6.4)."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Outcome, Project

SCRIPT = """
import json, os, signal, time
from pathlib import Path
from typing import Any


def act(name):
    with open("runs.txt", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")
    time.sleep(json.loads(Path("seconds.json").read_text()).get(name, 0))
    if name in json.loads(Path("deadly.json").read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"name": name}
"""
CONFTEST = """
import os, signal
from pathlib import Path
from typing import Any

def pytest_configure(config):
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(config, "workerinput"):
        with open("workers.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")
        if worker in os.environ.get("DIES_AT_BOOT", "").split():
            os.kill(os.getpid(), signal.SIGKILL)
"""


class Storm:
    """A random pipeline of processes without duplicates, whose runs are written down."""

    def __init__(self, project: Project, seed: int, count: int = 14) -> None:
        rng = random.Random(seed)
        self.project = project
        self.names = [f"p{number}" for number in range(count)]
        self.upstream = {
            name: rng.sample(self.names[:number], min(number, rng.choice((0, 1, 1, 2))))
            for number, name in enumerate(self.names)
        }
        edges = [" ".join([source, *self._downstream(source)]) for source in self.names]
        functions = [f"def {name}(data): return act({name!r})" for name in self.names]
        project.write("\n".join(edges), SCRIPT + "\n\n".join(functions))
        project.pytester.makeconftest(CONFTEST)
        project.pytester.makepyfile(test_other="def test_one(): pass\ndef test_two(): pass")
        self.kill()
        seconds = {name: rng.choice((0, 0, 0.05, 0.2)) for name in self.names}
        (project.root / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")

    def kill(self, *deadly: str) -> None:
        """From now on, these processes kill their worker."""
        (self.project.root / "deadly.json").write_text(json.dumps(deadly), encoding="utf-8")

    def run(self, *arguments: str) -> Outcome:
        return self.project.run(*arguments, "--expops-replay=none", "-p", "no:cacheprovider", subprocess=True)

    @property
    def runs(self) -> Counter[str]:
        """How often each process was run."""
        path = self.project.root / "runs.txt"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return Counter(line.split()[0] for line in text.splitlines())

    def below(self, roots: Iterable[str]) -> set[str]:
        """Everything that needs any of `roots`."""
        found: set[str] = set()
        for name in self.names:
            if any(each in found or each in roots for each in self.upstream[name]):
                found.add(name)
        return found

    def check(self, items: dict[str, str], crashed: set[str]) -> None:
        """Of each item, what must have become of it; those of `crashed` killed their worker, or died with it."""
        blocked = self.below(crashed)
        expected = {
            name: "crashed" if name in crashed else "skipped" if name in blocked else "passed" for name in self.names
        }
        # What has died has no phase, so JUnit reports call it an error.
        obtained = {name: "crashed" if each == "error" else each for name, each in items.items()}
        assert obtained == expected | {"test_one": "passed", "test_two": "passed"}
        assert self.runs == Counter(name for name in self.names if name not in blocked)

    def _downstream(self, name: str) -> list[str]:
        return [each for each in self.names if name in self.upstream[each]]


def crashes(text: str) -> set[str]:
    """The items for which xdist reports that a worker crashed while running them."""
    marker = "crashed while running '"
    lines = [line for line in text.splitlines() if line.startswith("worker '") and marker in line]
    return {line.split(marker)[1].rstrip("'").rpartition("::")[2] for line in lines}


STORMS = range(int(os.environ.get("STORMS", "1")))
"""So many of each kind; by hand, more."""


@pytest.mark.parametrize("seed", STORMS)
@pytest.mark.slow
def test_processes_that_kill_their_worker_cost_themselves_and_what_needs_them(
    project: Project, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """A worker dies at boot, too."""
    storm = Storm(project, seed)
    deadly = {*random.Random(seed).sample(storm.names[3:], 2), "p1"}
    storm.kill(*deadly)
    monkeypatch.setenv("DIES_AT_BOOT", "gw1")
    outcome = storm.run("-n3")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    reached = deadly - storm.below(deadly)
    storm.check(outcome.items, reached)
    assert crashes(outcome.text) == reached


@pytest.mark.parametrize("seed", STORMS)
def test_workers_killed_from_outside_at_any_moment(project: Project, seed: int) -> None:
    storm, rng = Storm(project, seed), random.Random(seed)
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(_kill_at_random, project.root / "workers.txt", rng, 3, over)
        try:
            outcome = storm.run("-n3")
        finally:
            over.set()
        killed = killer.result()
    assert outcome.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert killed
    blamed = crashes(outcome.text)
    assert len(blamed) <= len(killed)
    tests = dict.fromkeys(blamed & {"test_one", "test_two"}, "passed")
    storm.check(outcome.items | tests, blamed - set(tests))


def _kill_at_random(pids: Path, rng: random.Random, times: int, over: threading.Event) -> set[int]:
    """Kill a worker that has come up, so many times, a moment apart; return their process ids."""
    killed: set[int] = set()
    while len(killed) < times and not over.is_set():
        known = [int(pid) for pid in pids.read_text(encoding="utf-8").split()] if pids.exists() else []
        up = [pid for pid in known if pid not in killed]
        if len(up) < 2:
            time.sleep(0.02)
            continue
        time.sleep(rng.uniform(0, 0.5))
        victim = rng.choice(up)
        if over.is_set() or not _is_python(victim):
            break
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
    return killed


def _is_python(pid: int) -> bool:
    """Whether the process is there still, and is no other by now."""
    try:
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_without_restarts_the_session_ends_with_the_first_worker_that_dies(project: Project) -> None:
    storm = Storm(project, 3)
    storm.kill("p0")
    outcome = storm.run("-n2", "--max-worker-restart=0")
    assert "worker restarting disabled" in outcome.text
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    assert outcome.items["p0"] == "error"
    assert crashes(outcome.text) == {"p0"}
    elapsed = re.search(r"busy \d+% of ([\d.]+) s", outcome.text)
    assert elapsed is None or float(elapsed[1]) < 3600, "the report of a crash has no times"
    assert set(storm.runs.values()) == {1}
    assert not storm.below({"p0"}) & set(storm.runs)


ONCE_MORE = """
import pytest

def pytest_handlecrashitem(crashitem, sched):
    if crashitem not in asked:
        asked.add(crashitem)
        sched.mark_test_pending(crashitem)

asked = set()
"""
FRAGILE = """
import os, signal
from pathlib import Path
from typing import Any

def test_fragile(last):
    assert last
    if not Path("tried").exists():
        Path("tried").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_plugin_may_have_an_item_run_again_that_its_worker_died_of(project: Project) -> None:
    """An ordinary test is run again; what became of a process is final, so it fails by its record (S6.2)."""
    aggregation: dict[str, dict[str, Any]] = {
        "first": {"seed_parallelism": [1]},
        "last": {"seed_parallelism": {"aggregation": True}},
    }
    script = """
    import os, signal

    def first(data): return {}

    def middle(data):
        open("runs.txt", "a").write("middle ")
        return {}

    def last(data): return {"x": 1}

    def fatal(data):
        open("runs.txt", "a").write("fatal ")
        os.kill(os.getpid(), signal.SIGKILL)

    def after(data): return {}
    """
    project.write("first middle\nmiddle last\nfatal after", script, aggregation)
    project.pytester.makeconftest(ONCE_MORE)
    project.pytester.makepyfile(test_fragile=FRAGILE)
    outcome = project.run("-n2", "--expops-replay=none", subprocess=True)
    assert crashes(outcome.text) == {"fatal", "test_fragile"}
    reported = Counter(str(case.get("name")) for case in outcome.cases)
    assert reported["after"] == 1
    assert "1 skipped" in outcome.text
    assert sorted((project.root / "runs.txt").read_text(encoding="utf-8").split()) == ["fatal", "middle"]
    outcome.result.assert_outcomes(passed=4, failed=3, skipped=1)
