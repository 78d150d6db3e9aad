"""The harness sees the faults that are planted, and none where there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import disks, odd, parts, reading, sessions, storm, texts
from tests.faults.mutations import texts_of
from tests.faults.sessions import Watched, faults_of, files_of, tracebacks
from tests.faults.table import Fault, Kind, Row, explained, render

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds what is alive by /proc")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A stormed session that has ended well, as its files tell."""
    monkeypatch.setattr(sessions, "GOING", 0.3)
    project, temporary, output = tmp_path / "project", tmp_path / "project-tmp", tmp_path / "output.txt"
    storm.write(project)
    temporary.mkdir()
    before = files_of(project)
    (project / "results.txt").write_text("".join(f"{name} passed\n" for name in storm.EXPECTED))
    (project / "runs.txt").write_text("".join(f"{name} begin {place} 1\n" for name in storm.NAMES for place in PLACES))
    output.write_text("2 passed\n")
    return Watched("storm:0", project, temporary, "mark", ended(0), output, before=before)


PLACES = ("first", "replay")


def ended(code: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", f"import os; os._exit({code})"])
    process.wait()
    return process


def kinds(session: Watched, *strikes: storm.Strike) -> set[Kind]:
    return {fault.kind for fault in storm.faults(session, strikes)}


def add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_session_that_went_well_has_no_fault(session: Watched) -> None:
    assert kinds(session) == set()


def test_the_file_by_which_tempfile_tries_a_folder_is_not_ours(session: Watched) -> None:
    (session.temporary / "6eepxcq5").write_bytes(b"blat")
    assert kinds(session) == set()
    (session.temporary / "6eepxcq6").write_bytes(b"other")
    assert kinds(session) == {Kind.LEFT}


KILLED = storm.Strike(1, 0, "controller", signal.SIGKILL)
WORKER = storm.Strike(1, 0, "worker", signal.SIGKILL)
BOOT = "INTERNALERROR> File xdist/workermanage.py, line 106, in setup_node\nINTERNALERROR> EOFError\n"
PLANTED: dict[str, tuple[Callable[[Watched], object], set[Kind]]] = {
    "run twice": (lambda each: add(each.project / "runs.txt", "p1 begin first 2\n"), {Kind.TWICE}),
    "replayed twice": (lambda each: add(each.project / "runs.txt", "p1 begin replay 2\n"), set()),
    "two results": (lambda each: add(each.project / "results.txt", "p1 passed\n"), {Kind.TWICE}),
    "no results": (lambda each: (each.project / "results.txt").unlink(), {Kind.LOST}),
    "a file": (lambda each: (each.project / "core.1").touch(), {Kind.LEFT}),
    "a file in a folder": (lambda each: (each.project / "models/__pycache__").mkdir(), {Kind.LEFT}),
    "a folder of ours": (lambda each: (each.temporary / "pytest-expops-session-a").mkdir(), {Kind.LEFT}),
    "a temporary file": (lambda each: (each.temporary / "tmp123").touch(), {Kind.LEFT}),
    "a folder of pytest's": (lambda each: (each.temporary / "pytest-of-root").mkdir(), set()),
    "an error of ours": (
        lambda each: add(each.output, 'Traceback:\n  File "/x/pytest_expops/a.py", line 3, in f\nKeyError\n'),
        {Kind.TRACEBACK},
    ),
    "an error of the user's": (
        lambda each: add(each.output, 'Traceback:\n  File "/x/models/a.py", line 3, in f\nKeyError\n'),
        set(),
    ),
    "an internal error": (lambda each: add(each.output, "INTERNALERROR> a.py\n"), {Kind.TRACEBACK}),
    "a worker that dies at its boot, unasked": (
        lambda each: (add(each.output, BOOT), setattr(each, "process", ended(3))),
        {Kind.LOST},
    ),
    "hung": (lambda each: setattr(each, "hung", True), {Kind.HUNG}),
    "killed, unasked": (lambda each: setattr(each, "process", ended(2)), {Kind.LOST}),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_seen(session: Watched, what: str) -> None:
    plant, expected = PLANTED[what]
    plant(session)
    assert kinds(session) == expected


def test_what_a_kill_explains_is_no_fault(session: Watched) -> None:
    session.process = ended(3)
    add(session.output, BOOT)
    assert kinds(session, WORKER) == set()
    session.process = subprocess.Popen(["sleep", "60"])
    session.process.kill()
    session.process.wait()
    session.output.write_text("")
    (session.project / "results.txt").unlink()
    (session.temporary / "pytest-expops-session-a").mkdir()  # which the next session removes
    assert kinds(session, KILLED) == set()
    assert kinds(session) == {Kind.LOST}


def test_what_passed_and_has_no_record_is_lost(session: Watched) -> None:
    records = session.project / "kept/session-1/1-project_config/records"
    records.mkdir(parents=True)
    (records / "main.jsonl").write_text("".join(f'{{"process": "{name}"}}\n' for name in storm.NAMES[1:]))
    assert kinds(session) == {Kind.LOST}
    add(records / "main.jsonl", '{"process": "p0"}\n')
    assert kinds(session) == set()


def test_what_is_still_alive_is_seen_and_ended(session: Watched) -> None:
    environment = {**os.environ, "EXPOPS_FAULTS_CASE": "mark"}
    with subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True) as child:
        assert kinds(session) == {Kind.LEFT}
        assert child.wait(10) == -signal.SIGKILL


def test_a_session_that_does_not_end_is_hung_and_ended(tmp_path: Path) -> None:
    project = tmp_path / "project"
    storm.write(project)
    (project / "conftest.py").write_text("import time\ntime.sleep(600)\n")
    session = sessions.started("storm:0", project, [])
    session.wait(2)
    assert session.hung
    found = list(faults_of(session, may_write=lambda _: False))
    assert [fault.kind for fault in found] == [Kind.HUNG]


def test_the_plan_of_a_seed_is_always_the_same_and_all_kinds_of_it_come() -> None:
    plans = [storm.plan_of(seed) for seed in range(200)]
    assert plans == [storm.plan_of(seed) for seed in range(200)]
    assert {plan.workers for plan in plans} == {0, 1, 2}
    struck = {(each.victim, each.number) for plan in plans for each in plan.strikes}
    assert len(struck) == 3 * len(storm.VICTIMS)


def test_an_interrupt_is_left_out_of_the_tracebacks_only_where_one_was_sent() -> None:
    text = 'Traceback:\n  File "/x/pytest_expops/a.py", line 3, in f\n    g()\nKeyboardInterrupt\n'
    assert tracebacks(text)
    assert not tracebacks(text, interrupted=True)
    assert tracebacks(f"{text}{text.replace('KeyboardInterrupt', 'ValueError')}", interrupted=True)


def test_what_is_no_answer_to_a_file_is_a_fault() -> None:
    def read(seed: int) -> reading.Found:
        raise (RecursionError, SystemExit, ValueError)[seed]
        yield

    for seed in range(3):
        ((kind, what),) = reading.faults_in(read, seed)
        assert kind is Kind.TRACEBACK
        assert what


def test_what_a_file_executes_is_seen() -> None:
    executed: list[str] = []
    for event in ("os.system", "import", "open"):
        reading.noted(executed, frozenset({"os.system"}), event, ("canary",))
    assert [each.split()[0] for each in executed] == ["os.system", "import"]


def test_an_interpreter_that_hangs_or_dies_of_a_file_costs_that_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {1: '{"begins": 1}\n{"seed": 1, "faults": []}\n', 2: '{"begins": 2}\n', 3: '{"begins": 3}\n', 4: ""}
    said[4] = said[1].replace("1", "4")
    errors = {2: "Timeout (0:01:00)!", 3: "Segmentation fault"}

    def read(_: str, seeds: list[int], __: Path) -> subprocess.CompletedProcess[str]:
        out, code = "", 0
        for seed in seeds:
            out += said[seed]
            if seed in errors:
                return subprocess.CompletedProcess([], 1, out, errors[seed])
        return subprocess.CompletedProcess([], code, out, "")

    monkeypatch.setattr(texts, "_read", read)
    found = {seed: [fault.kind for fault in faults] for seed, faults, _ in texts.run("configs", [1, 2, 3, 4], tmp_path)}
    assert found == {1: [], 2: [Kind.HUNG], 3: [Kind.LOST], 4: []}


def test_texts_are_made_wrong_in_many_ways() -> None:
    made = [texts_of(seed, {"a": {"name": "x", "list": [1, {"b": 2}]}}, style="yaml")[1] for seed in range(300)]
    assert len(set(made)) > 200


def test_an_odd_process_that_gets_another_verdict_is_a_fault(tmp_path: Path) -> None:
    bodies = {"returns_none": "return {}", "prints_much": "raise ValueError"}
    wrong = list(odd.together("odd:0", tmp_path, bodies, 0))
    assert {fault.what.split()[0] for fault in wrong} == {
        "`returns_none`",
        "`prints_much`",
        "`prints_much[replay]`",
        "`returns_none[replay]`",
    }
    assert {fault.kind for fault in wrong} == {Kind.LOST}


def test_trouble_with_a_disk_that_is_called_a_difference_is_a_fault(session: Watched) -> None:
    for name in ("runs.txt", "results.txt"):
        (session.project / name).unlink()
    add(session.output, "FAILED second[replay] - clock; not deterministic\n")
    begun = disks.Begun(session, session.project / "none", session.project / "none")
    assert {fault.kind for fault in begun.faults((1,), complete=True)} == {Kind.LOST}
    assert len(list(begun.faults((1,), complete=True))) == 3
    session.output.write_text("")
    assert not list(begun.faults((0,), complete=False))


def test_the_table_counts_cases_and_says_how_to_repeat_them() -> None:
    row = Row("kill storm", note="2 kills")
    row.add([])
    row.add(
        [Fault(Kind.HUNG, "storm:7", "it hung"), Fault(Kind.LEFT, "storm:7", "a"), Fault(Kind.LEFT, "storm:7", "b")]
    )
    assert render([row]).splitlines()[-1] == "| kill storm (2 kills) | 2 | 1 | 0 | 0 | 1 | 0 |"
    assert "repeat it with: python -m tests.faults --case storm:7" in explained([row])
    assert parts.PARTS.keys() >= {"storm", "configs", "locks", "odd", "full", "damaged", "readonly", "two"}
