"""The storm on clusters sees the faults that are planted, and none where there is none."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import dask_storm, sessions, storm
from tests.faults.dask_storm import Blow, DaskPlan
from tests.faults.sessions import Watched, files_of
from tests.faults.table import Kind

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds what is alive by /proc")

WORKER = Blow(1, 0, "worker", signal.SIGKILL, 0)
SCHEDULER = Blow(1, 0, "scheduler", signal.SIGKILL, 0)
CONTROLLER = Blow(1, 0, "controller", signal.SIGKILL, 0)
STOPPED = Blow(1, 0, "controller", signal.SIGTERM, 0)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A session on a cluster that has ended well, as its files tell."""
    monkeypatch.setattr(sessions, "GOING", 0.3)
    project, temporary, output = tmp_path / "project", tmp_path / "project-tmp", tmp_path / "output.txt"
    storm.write(project)
    temporary.mkdir()
    before = files_of(project)
    (project / "results.txt").write_text("".join(f"{name} passed\n" for name in storm.EXPECTED))
    (project / "runs.txt").write_text("".join(f"{name} begin first 1\n" for name in storm.NAMES))
    output.write_text("14 passed\n")
    return Watched("dask:0", project, temporary, "mark", ended(0), output, before=before)


def ended(code: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", f"import os; os._exit({code})"])
    process.wait()
    return process


def killed(number: signal.Signals) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "60"])
    process.send_signal(number)
    process.wait()
    return process


def kinds(session: Watched, *blows: Blow) -> set[Kind]:
    return {fault.kind for fault in dask_storm.faults(session, blows, DaskPlan("plain", "folder", blows))}


def results(session: Watched, **outcomes: str) -> None:
    """Have the session report other outcomes of some items; none where that is said."""
    found = {**dict.fromkeys(storm.EXPECTED, "passed"), **outcomes}
    lines = [f"{name} {outcome}\n" for name, outcome in found.items() if outcome != "none"]
    (session.project / "results.txt").write_text("".join(lines))


def test_a_session_that_went_well_has_no_fault(session: Watched) -> None:
    assert kinds(session) == kinds(session, WORKER) == kinds(session, SCHEDULER) == set()


PLANTED: dict[str, tuple[Callable[[Watched], object], tuple[Blow, ...]]] = {
    "no result, and nothing said": (lambda each: results(each, p5="none"), (SCHEDULER,)),
    "failed, and nothing struck": (lambda each: setattr(each, "process", ended(1)), ()),
    "two failed of one blow": (
        lambda each: (results(each, p1="failed", p2="failed"), setattr(each, "process", ended(1))),
        (WORKER,),
    ),
    "killed, unasked": (lambda each: setattr(each, "process", killed(signal.SIGKILL)), (SCHEDULER,)),
    "interrupted, unasked": (lambda each: setattr(each, "process", ended(2)), (WORKER,)),
    "another exit status": (lambda each: setattr(each, "process", ended(3)), (SCHEDULER,)),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_loss_is_seen(session: Watched, what: str) -> None:
    plant, blows = PLANTED[what]
    plant(session)
    assert kinds(session, *blows) == {Kind.LOST}


def test_what_is_run_or_told_twice_is_seen(session: Watched) -> None:
    with (session.project / "runs.txt").open("a") as file:
        file.write("p1 begin first 2\n")
    assert kinds(session, WORKER) == {Kind.TWICE}
    (session.project / "runs.txt").unlink()
    with (session.project / "results.txt").open("a") as file:
        file.write("p1 passed\n")
    assert kinds(session, WORKER) == {Kind.TWICE}


def test_what_a_blow_explains_is_no_fault(session: Watched) -> None:
    session.process = ended(1)
    results(session, p1="failed")
    assert kinds(session, WORKER) == set()
    results(session, p5="none")
    session.output.write_text("! the scheduler of the Dask cluster is gone: it has closed the connection !\n")
    assert kinds(session, SCHEDULER) == set()
    session.process = ended(2)
    assert kinds(session, STOPPED) == set()
    session.process = killed(signal.SIGKILL)
    assert kinds(session, CONTROLLER) == set()


def test_the_plan_of_a_seed_is_always_the_same_and_all_kinds_of_it_come() -> None:
    plans = [dask_storm.plan_of(seed) for seed in range(300)]
    assert plans == [dask_storm.plan_of(seed) for seed in range(300)]
    assert {(plan.cluster, plan.store) for plan in plans} == {
        ("own", "folder"),
        *((cluster, store) for cluster in ("plain", "nanny") for store in ("folder", "s3")),
    }
    struck = {(each.victim, each.number) for plan in plans for each in plan.blows}
    assert struck == {(victim, number) for victim, numbers in dask_storm._SIGNALS.items() for number in numbers}
