"""Sessions of which something is killed at a random moment: the controller, a worker, an interpreter of replays.

Each is a session on a small pipeline, of which every function writes down that it begins, and that it has ended. What
may follow from a kill is told apart by what was struck: only a controller that is killed outright may say nothing, and
only then may items have no result.
"""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.sessions import ARTIFACTS, LIMIT, Process, Watched, died_at_boot, faults_of, kill, started
from tests.faults.table import Fault, Kind

NAMES = tuple(f"p{number}" for number in range(6))
_EDGES = "p0 p1 p2\np1 p3 p4\np2 p5"
EXPECTED = {*NAMES, *(f"{name}[replay]" for name in NAMES), "test_one", "test_two"}
"""The items of the session."""
_SCRIPT = """
import os, sys, time
from typing import Any


def note(name, what):
    where = "first" if "pytest" in sys.modules else "replay"
    file = os.open("runs.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{name} {what} {where} {os.getpid()}\\n".encode())
    os.close(file)


def act(name):
    note(name, "begin")
    time.sleep(0.06)
    note(name, "end")
    return {"x": bytes(5000), "name": name}
"""
_CONFTEST = """
import os
import pytest

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when not in ("setup", "teardown") or not report.passed):
        with open("results.txt", "a") as file:
            file.write(f"{report.nodeid.rpartition('::')[2]} {report.outcome}\\n")
"""
_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_KILLS, _BOOT = ("signals that met somebody", "ended by pytest-xdist, a worker having died at its boot")
VICTIMS = ("controller", "worker", "replica")


@dataclass(frozen=True, slots=True)
class Strike:
    """A signal to one of the `victim`s.

    It is sent `after` so many seconds: since the beginning, or since the functions of the pipeline have written
    `lines`, so that most kills meet a session that has something to lose, however slow the machine is.
    """

    lines: int
    after: float
    victim: str
    number: signal.Signals

    def __str__(self) -> str:
        since = f"{self.lines} lines" if self.lines else "the beginning"
        return f"{self.number.name} to {self.victim} {self.after:.2f} s after {since}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A session with `workers`, and what is done to it."""

    workers: int
    strikes: tuple[Strike, ...]
    arguments: tuple[str, ...]


_MOST_LINES = 4 * len(NAMES)
"""Each function runs twice, and says so at its beginning and at its end."""


def plan_of(seed: int) -> Plan:
    """What is done in the case of this seed."""
    rng = random.Random(f"storm {seed}")
    workers = rng.choice((0, 0, 1, 1, 2))
    victims = VICTIMS if workers else ("controller", "replica")
    strikes = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        early = rng.random() < 0.2
        lines, after = (0, rng.uniform(0, 2)) if early else (rng.randint(1, _MOST_LINES), rng.uniform(0, 0.15))
        strikes.append(Strike(lines, after, rng.choice(victims), rng.choice(_SIGNALS)))
    arguments = [f"-n{workers}"]
    if rng.random() < 0.5:
        arguments.append(f"--expops-artifacts={ARTIFACTS}")
    if rng.random() < 0.2:
        arguments.append("--expops-vary=files,tmpdir")
    return Plan(workers, tuple(sorted(strikes, key=lambda each: (each.lines, each.after))), tuple(arguments))


def run(seeds: Iterable[int], folder: Path) -> Iterator[tuple[int, list[Fault], dict[str, int]]]:
    """Run the cases of these seeds in a folder; give of each what went wrong, and counts for the notes."""
    for seed in seeds:
        yield seed, *_run(seed, folder / str(seed))


def _run(seed: int, folder: Path) -> tuple[list[Fault], dict[str, int]]:
    plan = plan_of(seed)
    project = folder / "project"
    write(project)
    config = ("--expops-config", "configs/project_config.yaml")
    session = started(f"storm:{seed}", project, [*config, "--expops-replay=all", *plan.arguments])
    rng = random.Random(f"victims {seed}")
    struck = [each for each in plan.strikes if _strike(session, each, rng)]
    session.wait()
    found = list(faults(session, struck))
    return found, {_KILLS: len(struck), _BOOT: int(died_at_boot(session.text))}


def write(project: Path) -> None:
    """Write the project that is stormed."""
    (project / "configs").mkdir(parents=True)
    (project / "models").mkdir()
    processes = "".join(f"        - name: {name}\n" for name in NAMES)
    edges = _EDGES.replace("\n", "\n        ")
    (project / "configs/project_config.yaml").write_text(
        "model:\n  parameters:\n    custom_script_path: models/model.py\n    pipeline:\n"
        f"      process_adjlist: |\n        {edges}\n      processes:\n{processes}"
    )
    functions = "".join(f"\n\ndef {name}(data):\n    return act({name!r})\n" for name in NAMES)
    (project / "models/model.py").write_text(_SCRIPT + functions)
    (project / "conftest.py").write_text(_CONFTEST)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "test_other.py").write_text("def test_one(): pass\ndef test_two(): pass\n")


def _strike(session: Watched, strike: Strike, rng: random.Random) -> bool:
    """Wait for the moment, and for a victim to be there; False if the session has ended before."""
    deadline = session.began + strike.after if strike.lines == 0 else None
    limit = session.began + LIMIT
    while session.process.poll() is None and time.monotonic() < limit:
        if deadline is None and len(_runs(session.project)) >= strike.lines:
            deadline = time.monotonic() + strike.after
        if deadline is not None and time.monotonic() >= deadline:
            victims = [each for each in session.alive() if role_of(each, session) == strike.victim]
            if victims:
                return kill(rng.choice(victims).pid, strike.number)
        time.sleep(0.02)
    return False


def role_of(process: Process, session: Watched) -> str:
    """What a living process of a session is."""
    if process.pid == session.process.pid:
        return "controller"
    if "_child_main" in process.command:
        return "replica"
    return "worker" if "sys.stdin.readline" in process.command else "other"


def faults(session: Watched, struck: Sequence[Strike]) -> Iterator[Fault]:
    """Yield what went wrong in a session that was struck so."""
    interrupted = any(each.number == signal.SIGINT for each in struck)
    yield from faults_of(session, may_write=_may_be_there, interrupted=interrupted)
    told = f"struck by: {'; '.join(map(str, struck)) or 'nothing'}; exit status {session.code}\n{session.text[-3000:]}"
    for kind, what in (*_twice(session.project), *_lost(session, struck)):
        yield Fault(kind, session.case, f"{what}\n{told}")


def _may_be_there(path: str) -> bool:
    """Whether a file of a stormed project may be new: what its own functions write, and what is to be kept."""
    if path in ("runs.txt", "results.txt", "kept"):
        return True
    inside = path.split("/")
    return inside[0] == "kept" and len(inside) > 1 and inside[1] == "session-1" and inside[2:3] != ["t"]


def _twice(project: Path) -> Iterator[tuple[Kind, str]]:
    began = Counter(name for name, what, where in _runs(project) if what == "begin" and where == "first")
    for name, count in began.items():
        if count > 1:
            yield Kind.TWICE, f"`{name}` was run {count} times"


def _lost(session: Watched, struck: Iterable[Strike]) -> Iterator[tuple[Kind, str]]:
    results = _results(session.project)
    found: dict[str, list[str]] = {}
    for name, outcome in results:
        found.setdefault(name, []).append(outcome)
    for name, outcomes in found.items():
        # As with an error in its teardown: an item has passed, and before it is over its worker dies.
        crash = rf"worker 'gw\d+' crashed while running '\S*::{re.escape(name)}'"
        died = outcomes == ["passed", "failed"] and re.search(crash, session.text)
        if len(outcomes) > 1 and not died:
            yield Kind.TWICE, f"`{name}` has the results {', '.join(outcomes)}"
    missing = EXPECTED - {name for name, _ in results}
    if session.code in (0, 1):
        if missing:
            yield Kind.LOST, f"these have no result, and the session does not say that it was interrupted: {missing}"
    elif not _ended_as_told(session, struck, begun=bool(results), complete=not missing):
        yield Kind.LOST, "the session ended otherwise than was to be expected"
    recorded = _recorded(session.project)
    if recorded is not None:
        ended = {name for name, outcome in results if outcome == "passed" and name in NAMES}
        if ended - recorded:
            yield Kind.LOST, f"these were reported to have passed, and have no record: {ended - recorded}"


def _ended_as_told(session: Watched, struck: Iterable[Strike], *, begun: bool, complete: bool) -> bool:
    """Whether a session without a full report is one that was killed, or says that it was interrupted."""
    if session.code == 2:  # before it has begun, pytest says no more than this
        return not begun or "Interrupted" in session.text or "KeyboardInterrupt" in session.text
    if session.code == -signal.SIGKILL:
        return any(each.victim == "controller" for each in struck)
    if session.code < 0:  # before the session has begun, and after it is over, a signal ends the interpreter
        met = [each for each in struck if each.victim == "controller"]
        # A second Ctrl-C ends pytest in the midst of what it does about the first.
        return any(each.number == -session.code for each in met) and (complete or not begun or len(met) > 1)
    return died_at_boot(session.text) and any(each.victim == "worker" for each in struck)


def _runs(project: Path) -> list[tuple[str, str, str]]:
    path = project / "runs.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(name, what, where) for name, what, where, _ in (line.split() for line in lines)]


def _results(project: Path) -> list[tuple[str, str]]:
    path = project / "results.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(name, outcome) for name, outcome in (line.split() for line in lines)]


def _recorded(project: Path) -> set[str] | None:
    """The processes with a record in what the session has kept; None if it keeps nothing."""
    if not (project / "kept").exists():
        return None
    found = set()
    for path in project.glob("kept/session-1/1-project_config/records/*.jsonl"):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            found.add(json.loads(line)["process"])
    return found
