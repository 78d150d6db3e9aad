"""What the scheduler relies upon in xdist, held against the xdist that is installed.

One real run with a scheduler that plays a fixed part and writes down what it is told, and when.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = """
import os, signal, time
from pathlib import Path

def test_first(): pass

def test_second():
    while not Path("go").exists():
        time.sleep(0.005)

def test_third(): pass

def test_deadly(): os.kill(os.getpid(), signal.SIGKILL)

def test_fifth(): pass
"""
IDS = [f"test_it.py::test_{name}" for name in ("first", "second", "third", "deadly", "fifth")]
EXTRA = len(IDS)
"""The index of an item that the worker has appended after its ids were sent."""
PROBE = Path(__file__).with_name("probe.py")
"""The conftest of that run."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    shutil.copy(PROBE, folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n2", "-p", "no:cacheprovider", "-p", "no:rerunfailures"]
    # This test may itself be run by a worker.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 failed, 9 passed" in run.stdout, "four tests, and five times the extra item"
    return folder


@pytest.fixture(scope="module")
def log(folder: Path) -> list[list[Any]]:
    entries: list[list[Any]] = json.loads((folder / "log.json").read_text(encoding="utf-8"))
    return entries


def without_questions(log: list[list[Any]]) -> list[list[Any]]:
    return [entry for entry in log if entry != ["tests_finished?"]]


def test_the_number_of_specs_is_the_number_of_workers(log: list[list[Any]]) -> None:
    assert [entry for entry in log if entry[0] == "setupnodes"] == [["setupnodes", 2]]


def test_what_is_put_into_workerinput_is_there_in_each_worker_and_each_replacement(folder: Path) -> None:
    for worker in ("gw0", "gw1", "gw3"):
        assert json.loads((folder / f"{worker}.json").read_text(encoding="utf-8")) == {"a": [1, worker]}


def test_schedule_is_called_when_all_have_collected_and_again_for_a_later_worker(log: list[list[Any]]) -> None:
    told = [entry for entry in log if entry[0] in ("add_node_collection", "schedule")]
    assert [entry[0] for entry in told] == ["add_node_collection"] * 2 + ["schedule", "add_node_collection", "schedule"]
    assert [entry[1] for entry in told if entry[0] == "schedule"] == [2, 3]
    assert {entry[1] for entry in told[:2]} == {"gw0", "gw1"}
    assert all(entry[2] == IDS for entry in told if entry[0] == "add_node_collection")


def test_an_item_does_not_start_before_the_next_index_is_there(log: list[list[Any]]) -> None:
    """Four exchanges of messages pass."""
    first_start = log.index(["logstart", IDS[0]])
    assert log.index(["send the next"]) < first_start
    assert sum(entry[0] == "unscheduled" for entry in log[:first_start]) == 4


def test_an_item_appended_after_the_ids_were_sent_runs_by_its_index_as_often_as_it_is_sent(
    folder: Path, log: list[list[Any]]
) -> None:
    """The worker indexes `session.items`. What was sent before a shutdown is run."""
    ran = (folder / "extra.txt").read_text(encoding="utf-8").split()
    first = next(entry[1] for entry in log if entry[0] == "complete")
    assert ran == [first, first, "gw3", "gw3", "gw3"]
    assert sum(entry[0] == "complete" and entry[2] == EXTRA for entry in log) == 5


def test_items_run_in_the_order_in_which_they_are_sent(log: list[list[Any]]) -> None:
    assert [entry[2] for entry in log if entry[0] == "complete"] == [0, EXTRA, 1, 2, EXTRA, 4, EXTRA, EXTRA, EXTRA]


def test_an_item_tells_its_start_its_reports_its_end_and_that_it_is_complete_in_this_order(
    log: list[list[Any]],
) -> None:
    """`started`, `measured`, `ended` and `mark_test_complete` are called in this order. No other hook tells of it."""
    told = without_questions(log)
    for index in (0, 1, 2, 4):
        mine = [entry for entry in told if IDS[index] in entry or (entry[0] == "complete" and entry[2] == index)]
        kinds = [f"{entry[0]} {entry[2]}" if entry[0] == "report" else entry[0] for entry in mine]
        assert kinds == ["logstart", "report setup", "report call", "report teardown", "logfinish", "complete"]


def test_attributes_of_a_report_reach_the_controller(log: list[list[Any]]) -> None:
    reports = {(entry[1], entry[3]) for entry in log if entry[0] == "report" and entry[1] != IDS[3]}
    of_ours = {(node_id, node_id.partition("::")[2]) for node_id in IDS if node_id != IDS[3]}
    assert of_ours <= reports


def test_what_is_asked_back_and_not_held_yet_is_given_once(log: list[list[Any]]) -> None:
    """The item behind the one that runs is held. Asked for it and one more, xdist 3.6 gives the other; 3.7, nothing.

    Each time that it is asked, a worker answers.
    """
    answers = [entry[2] for entry in log if entry[0] == "unscheduled"]
    assert answers[:4] == [[], [], [], []], "it had not been sent yet"
    assert answers[4:] in ([[], [4]], [[4], []])


def test_what_remove_node_returns_is_handled_as_a_crash(log: list[list[Any]]) -> None:
    at = log.index(["handlecrashitem", IDS[3], "failed", True])
    first = next(entry[1] for entry in log if entry[0] == "complete")
    assert log[at - 1] == ["remove_node", first, True]
    assert log[at + 1][:3] == ["report", IDS[3], "???"]
    assert log[at + 2] == ["tests_finished?"]
    assert sum(entry[0] == "handlecrashitem" for entry in log) == 1


def test_a_worker_that_dies_before_it_was_added_is_removed_all_the_same(log: list[list[Any]]) -> None:
    """`remove_node` raises KeyError, and the worker is replaced."""
    assert ["add_node", "gw2"] not in log
    assert sum(entry[:2] == ["remove_node", "gw2"] for entry in log) == 1
    assert log.index(["remove_node", "gw2", True]) < log.index(["add_node", "gw3"])


def test_a_node_tells_that_it_shuts_down_and_raises_oserror_when_it_is_down(log: list[list[Any]]) -> None:
    at = log.index(["shutting_down", True])
    assert log[at + 1] == ["OSError"]


def test_after_every_message_it_is_asked_whether_all_is_done(log: list[list[Any]]) -> None:
    messages = ("logstart", "logfinish", "complete", "unscheduled", "remove_node", "add_node", "add_node_collection")
    kinds = [entry[0] for entry in log if entry[0] in (*messages, "tests_finished?")]
    assert not [pair for pair in itertools.pairwise(kinds) if "tests_finished?" not in pair]
