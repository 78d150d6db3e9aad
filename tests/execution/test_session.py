"""Each process at most once over all workers, in any order, and in the face of death (S6.2, S6.3)."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import signal
import textwrap
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import SessionFolderError
from pytest_expops.execution._claims import Claims
from pytest_expops.execution._journal import Journal
from pytest_expops.execution.records import JsonFolder, Outcome, file_name
from pytest_expops.execution.session import NotPassed, PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand

EDGES = """
load split
split fit
fit check
check merge
load side
side merge
merge last
"""
PROCESSES = {
    "split": {"data_parallelism": {"size": 3, "data_name": "rows"}, "seed_parallelism": [1, 2]},
    "merge": {"data_parallelism": {"aggregation": True}, "seed_parallelism": {"aggregation": True}},
}
SCRIPT = """
import os, signal, time
from pytest_expops.core import get_current_context

def _note():
    name = get_current_context().process_name
    with open("log.txt", "a") as file:
        file.write(name + "\\n")
    time.sleep(0.005)
    if os.path.exists("kill-" + name):
        os.kill(os.getpid(), signal.SIGKILL)
    if os.path.exists("fail-" + name):
        raise ValueError(name)

def load(data):
    _note()
    return {"rows": list(range(6))}

def split(data):
    _note()
    return data["load"]

def other(data):
    _note()
    return {"rows": sorted(data)}

fit = check = side = merge = last = other
"""


def pipeline(folder: Path, script: str = SCRIPT, edges: str = EDGES) -> Path:
    names = dict.fromkeys(edges.split())
    parameters = {
        "custom_script_path": "model.py",
        "pipeline": {
            "process_adjlist": edges,
            "processes": [{"name": name, **PROCESSES.get(name, {})} for name in names],
        },
    }
    (folder / "model.py").write_text(textwrap.dedent(script), encoding="utf-8")
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"model": {"parameters": parameters}}), encoding="utf-8")
    return path


def session(folder: Path, *, shared: bool = True, worker: str = "main") -> PipelineSession:
    return PipelineSession(expand(load_config(folder / "config.yaml")), folder, shared=shared, worker=worker)


def work(folder: Path, number: int, order_seed: int) -> None:
    each = session(folder, worker=f"gw{number}")
    names = list(each.expanded.processes)
    random.Random(order_seed).shuffle(names)
    for name in names:
        each.record(name)


def run_workers(folder: Path, count: int, order_seed: int) -> list[int | None]:
    """Workers that each ask for every record, in orders of their own; a killed one is replaced, as xdist does."""
    context = multiprocessing.get_context("fork")
    codes: list[int | None] = []
    running = [context.Process(target=work, args=(folder, n, order_seed + n)) for n in range(count)]
    for process in running:
        process.start()
    while running:
        process = running.pop(0)
        process.join(timeout=60)
        assert process.exitcode is not None, "a worker hangs"
        codes.append(process.exitcode)
        if process.exitcode != 0 and len(codes) < 10:
            replacement = context.Process(target=work, args=(folder, len(codes) + 10, order_seed))
            replacement.start()
            running.append(replacement)
    return codes


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("order_seed", range(4))
def test_every_process_runs_once_whatever_the_order_and_the_number_of_workers(tmp_path: Path, order_seed: int) -> None:
    pipeline(tmp_path)
    assert run_workers(tmp_path, 4, order_seed) == [0, 0, 0, 0]
    each = session(tmp_path)
    ran = Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split())
    assert ran == dict.fromkeys(each.expanded.processes, 1)
    records = each.all_records()
    assert list(records) == list(each.expanded.processes)
    assert {record.outcome for record in records.values()} == {Outcome.PASSED}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("victim", ["load", "fit_2_seed1", "side", "merge"])
def test_what_kills_a_worker_is_run_once_and_blocks_only_its_dependants(tmp_path: Path, victim: str) -> None:
    pipeline(tmp_path)
    (tmp_path / f"kill-{victim}").touch()
    codes = run_workers(tmp_path, 3, 11)
    assert codes.count(-signal.SIGKILL) == 1
    each = session(tmp_path)
    records = each.all_records()
    below = _downstream(each, victim)
    expected = {
        name: Outcome.CRASHED if name == victim else Outcome.BLOCKED if name in below else Outcome.PASSED
        for name in each.expanded.processes
    }
    assert {name: record.outcome for name, record in records.items()} == expected
    ran = Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split())
    assert ran == dict.fromkeys((name for name in expected if name not in below), 1)
    assert all(records[name].roots == (victim,) for name in below)
    assert "died while it ran" in (records[victim].failure or pytest.fail("no failure")).message


def _downstream(each: PipelineSession, name: str) -> set[str]:
    found: set[str] = set()
    for other in each.expanded.processes.values():
        if found & set(other.upstream) or name in other.upstream:
            found.add(other.name)
    return found


def test_a_worker_killed_from_outside_between_two_processes_costs_nothing(tmp_path: Path) -> None:
    """What it had claimed has its record, so that another simply goes on."""
    pipeline(tmp_path)
    first = session(tmp_path, worker="gw0")
    first.record("split")
    second = session(tmp_path, worker="gw1")
    assert second.record("fit_1_seed1").outcome is Outcome.PASSED
    assert second.known("split") is not None
    assert Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split())["split"] == 1


def test_a_claim_of_the_dead_without_a_record_is_a_crash_also_for_the_controller(tmp_path: Path) -> None:
    pipeline(tmp_path)
    claim(tmp_path, "load", worker="gw7")
    records = session(tmp_path).all_records()
    assert {name: record.outcome for name, record in records.items()} == {"load": Outcome.CRASHED}
    assert "gw7" in (records["load"].failure or pytest.fail("no failure")).message


def claim(folder: Path, name: str, worker: str) -> None:
    """What a worker does before it runs a process; here it does no more, as if it had died."""
    session(folder, worker=worker)  # makes its journal
    names = session(folder, shared=False).expanded.processes
    Claims(folder / "claims", names, worker).take(name)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("order_seed", range(3))
def test_workers_killed_at_any_moment_run_nothing_twice_and_leave_a_record_of_everything(
    tmp_path: Path, order_seed: int
) -> None:
    pipeline(tmp_path)
    session(tmp_path, worker="first").record("split")  # or else its crash may block all the rest
    chance, context = random.Random(order_seed), multiprocessing.get_context("fork")
    for number in range(12):
        workers = [context.Process(target=work, args=(tmp_path, 2 * number + n, order_seed + n)) for n in range(2)]
        for each in workers:
            each.start()
        time.sleep(chance.uniform(0.0, 0.06))
        for each in workers:
            each.kill()
            each.join()
    assert run_workers(tmp_path, 2, order_seed) == [0, 0]
    records = session(tmp_path).all_records()
    assert list(records) == list(session(tmp_path).expanded.processes)
    ran = Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split())
    assert set(ran.values()) <= {1}
    for name, record in records.items():
        if record.outcome is Outcome.BLOCKED:
            assert name not in ran
            assert {records[root].outcome for root in record.roots} == {Outcome.CRASHED}
        else:
            assert record.outcome in (Outcome.PASSED, Outcome.CRASHED)
            assert record.outcome is Outcome.CRASHED or name in ran


def test_a_record_that_a_worker_was_writing_as_it_died_is_none(tmp_path: Path) -> None:
    pipeline(tmp_path)
    session(tmp_path, worker="gw0").record("load")
    journal = tmp_path / "records/gw0.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-1])
    claim(tmp_path, "load", worker="gw0")  # what is noted once the record is written was not yet
    assert session(tmp_path, worker="gw1").record("load").outcome is Outcome.CRASHED
    journal.write_bytes(whole)
    (tmp_path / "records/gw1.jsonl").unlink()
    claim(tmp_path, "load", worker="gw0")
    assert session(tmp_path, worker="gw2").record("load").outcome is Outcome.PASSED


LOSSES = {
    "the folder": shutil.rmtree,
    "the records": lambda folder: shutil.rmtree(folder / "records"),
    "a record": lambda folder: (folder / "records/gw0.jsonl").write_bytes(b""),
    "the claims": lambda folder: (folder / "claims").write_bytes(b""),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_where_the_folder_is_not_as_it_was_left_nothing_runs_again(tmp_path: Path, lost: str) -> None:
    folder, project = tmp_path / "session", tmp_path
    pipeline(project)
    folder.mkdir()
    expanded = expand(load_config(project / "config.yaml"))
    ran, asks = (PipelineSession(expanded, folder, shared=True, worker=worker) for worker in ("gw0", "gw1"))
    ran.record("load")
    LOSSES[lost](folder)
    for _ in range(2):
        with pytest.raises(SessionFolderError, match="something else removed or changed the folder of this session"):
            asks.record("load")
        with pytest.raises(SessionFolderError):
            asks.all_records()
    assert Counter((project / "log.txt").read_text(encoding="utf-8").split()) == {"load": 1}


def test_a_record_that_cannot_be_written_is_a_failure_and_its_process_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline(tmp_path)
    full, other = session(tmp_path, worker="gw0"), session(tmp_path, worker="gw1")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "_write", refuse)
        first = full.record("load")
    second = other.record("load")
    for record in (first, second, session(tmp_path).record("load")):
        assert record.outcome is Outcome.FAILED
    assert "gw0.jsonl: a record of" in (first.failure or pytest.fail("no failure")).message
    assert "No space left on device" in (first.failure or pytest.fail("no failure")).message
    assert "worker gw0 has run `load`, and could not write its record" in str(second.failure)
    assert Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split()) == {"load": 1}


@pytest.mark.parametrize("shared", [False, True])
def test_threads_of_one_worker_run_a_process_once(tmp_path: Path, shared: bool) -> None:
    pipeline(tmp_path)
    each = session(tmp_path, shared=shared)
    with ThreadPoolExecutor(4) as threads:
        records = list(threads.map(each.record, ["merge", "last"] * 4))
    assert {record.outcome for record in records} == {Outcome.PASSED}
    ran = Counter((tmp_path / "log.txt").read_text(encoding="utf-8").split())
    assert ran == dict.fromkeys(each.expanded.processes, 1)


@pytest.mark.parametrize("shared", [False, True])
def test_an_interrupted_process_has_a_record_and_is_not_run_again(tmp_path: Path, shared: bool) -> None:
    pipeline(
        tmp_path, "import os\ndef load(data):\n    os.path.exists('stop') and _stop()\n    return {}\n", "load load2"
    )
    with (tmp_path / "model.py").open("a", encoding="utf-8") as script:
        script.write("def _stop(): raise KeyboardInterrupt\nload2 = load\n")
    (tmp_path / "stop").touch()
    each = session(tmp_path, shared=shared)
    with pytest.raises(KeyboardInterrupt):
        each.record("load")
    (tmp_path / "stop").unlink()
    records = [each.all_records()["load"], session(tmp_path, shared=True, worker="other").record("load")]
    for record in records if shared else records[:1]:
        assert record.outcome is Outcome.FAILED
        assert record.failure is not None
        assert record.failure.kind == "KeyboardInterrupt"


def test_roots_name_every_cause_once(tmp_path: Path) -> None:
    pipeline(tmp_path)
    (tmp_path / "fail-fit_1_seed2").touch()
    (tmp_path / "fail-side").touch()
    each = session(tmp_path, shared=False)
    record = each.record("last")
    assert record.outcome is Outcome.BLOCKED
    assert sorted(record.roots) == ["fit_1_seed2", "side"]
    with pytest.raises(NotPassed) as caught:
        each.outputs("last")
    assert {root.process for root in caught.value.roots} == {"fit_1_seed2", "side"}
    assert "fit_1_seed2 failed (ValueError: fit_1_seed2)" in str(caught.value)


def test_a_chain_longer_than_the_recursion_limit(tmp_path: Path) -> None:
    length = 1500
    edges = "\n".join(f"p{n} p{n + 1}" for n in range(length))
    functions = "\n".join(f"p{n} = f" for n in range(length + 1))
    pipeline(tmp_path, f"def f(data): return {{}}\n{functions}\n", edges)
    each = session(tmp_path, shared=False)
    assert each.record(f"p{length}").outcome is Outcome.PASSED


@pytest.mark.parametrize("name", ["plain_1_seed-3", "with space", "ünïcode", "a" * 300, "b" * 299 + "c", "dot.", "x:y"])
def test_any_name_makes_a_file_name(tmp_path: Path, name: str) -> None:
    folder = JsonFolder(tmp_path / "f")
    folder.write(name, {"name": name})
    assert folder.read(name) == {"name": name}
    assert folder.read(name + "x") is None
    assert len(os.fsencode(file_name(name))) < 200


@given(st.text(max_size=12))
def test_a_name_can_be_told_from_that_of_its_file(name: str) -> None:
    assert urllib.parse.unquote(file_name(name)) == name


@pytest.mark.parametrize("name", [".", "..", "...", "../../x", "/etc/x", "a/../..", "..\\x", "\0", "~", "C:x"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    made = tmp_path / file_name(name)
    assert Path(os.path.normpath(made)).parent == tmp_path
    made.mkdir()
    assert list(tmp_path.iterdir()) == [made]


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_names_make_different_file_names(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) == (one == other)
