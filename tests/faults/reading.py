"""Configs and lock files that were made wrong, read one after the other in one interpreter, each within a time.

It is a program: `python -m tests.faults.reading configs|locks FOLDER SEED...`. It says on standard output, in lines of
JSON, which case it begins and what was wrong in it; where a case takes too long it ends with all stacks on stderr.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from pytest_expops import ConfigError, expand, load_config
from pytest_expops.execution.session import PipelineSession
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.baseline.lock_file import Lock, lock_of, lock_text, read_lock
from pytest_expops.verdicts.baseline.lock_file_text import LockError
from pytest_expops.verdicts.baseline.text import because
from tests.faults.documents import LOCKED, configs, locked_config
from tests.faults.mutations import texts_of
from tests.faults.table import Kind

SECONDS = 60
"""So long may the reading of one file take, on a machine under load; most take milliseconds."""
_MEMORY = 8 << 30
"""So much memory may an interpreter that reads use: what asks for more is a fault, and no danger for the machine."""

Found = Iterator[tuple[Kind, str]]
Read = Callable[[int], Found]
"""Reads the file of a seed."""


def main(kind: str, folder: Path, seeds: list[int]) -> None:
    """Read the files of the seeds, and tell of each."""
    os.chdir(folder)
    (folder / "canary.py").write_text("open('canary', 'w').close()\nclass C: pass\n", encoding="utf-8")
    sys.path.insert(0, str(folder))
    executed: list[str] = []
    read = {"configs": configs_read_in, "locks": locks_read_in}[kind](folder)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    unpickles = kind == "locks"  # comparing reads the session's own store
    sys.addaudithook(partial(noted, executed, _EXECUTES - {"pickle.find_class"} if unpickles else _EXECUTES))
    before = _files(folder)
    for seed in seeds:
        print(json.dumps({"begins": seed}), flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        found = list(faults_in(read, seed))
        faulthandler.cancel_dump_traceback_later()
        found += [(Kind.LEFT, f"it executed something: {each}") for each in executed]
        found += [(Kind.LEFT, f"there is a new file: {path}") for path in sorted(_files(folder) - before)]
        print(json.dumps({"seed": seed, "faults": [(what.name, text) for what, text in found]}), flush=True)
        executed.clear()


_EXECUTES = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class"})


def noted(executed: list[str], events: frozenset[str], event: str, arguments: tuple[Any, ...]) -> None:
    if event in events or (event == "import" and arguments[0] == "canary"):
        executed.append(f"{event} {arguments!r}"[:500])


def _files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def faults_in(read: Read, seed: int) -> Found:
    try:
        yield from read(seed)
    except BaseException:  # whatever it is, it is no answer
        yield Kind.TRACEBACK, traceback.format_exc()[-4000:]


def configs_read_in(folder: Path) -> Read:
    """Each config gives a plan, or one error in which every problem has its place in the file."""
    documents, path = configs(), folder / "project_config.yaml"
    path.touch()

    def read(seed: int) -> Found:
        name, data = texts_of(seed, documents, style="yaml")
        path.write_bytes(data)
        try:
            expand(load_config(path))
        except ConfigError as error:
            lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\0") + 2
            odd = [each for each in error.problems if not (each.message and each.location)]
            odd += [each for each in error.problems if each.location and each.location.path != path]
            odd += [each for each in error.problems if each.location and not 1 <= each.location.line <= 3 * lines]
            if odd or not error.problems or str(error).count(f"{path}:") < min(len(error.problems), 50):
                yield Kind.LOST, f"from {name}: a problem without its place: {odd[:3]}\n{error}"

    return read


def locks_read_in(folder: Path) -> Read:
    """Each lock file gives a lock that can be compared with and written again, or one error with its place."""
    session, text = _locked(folder)
    path, document = folder / "project_config.expops-lock.json", {"lock": json.loads(text)}
    path.touch()

    def read(seed: int) -> Found:
        _, data = texts_of(seed, document, style="json")
        path.write_bytes(data)
        try:
            lock = read_lock(path)
        except LockError as error:
            if not str(error).startswith(f"{path}:") or not error.hint:
                yield Kind.LOST, f"an error without its place, or without a fix: {error}"
            return
        assert lock is not None
        lock_of(lock_text(lock, session.expanded.processes), path)
        shutil.rmtree(session.folder / "baseline", ignore_errors=True)
        baseline = Baseline(session, lock)
        for name in lock.entries.keys() & session.expanded.processes.keys():
            because(baseline.compare(name), "function")
        json.dumps([each.to_json() for each in baseline.comparisons().values()])

    return read


def _locked(folder: Path) -> tuple[PipelineSession, str]:
    """Run a small pipeline; return its session, and the text of its lock file."""
    config = folder / "locked/configs/project_config.yaml"
    config.parent.mkdir(parents=True)
    (folder / "locked/models").mkdir()
    config.write_text(yaml.safe_dump(dict(locked_config())), encoding="utf-8")
    (folder / "locked/models/model.py").write_text(LOCKED, encoding="utf-8")
    with contextlib.chdir(folder / "locked"):
        session = PipelineSession(expand(load_config(config)), folder / "locked/session/1", watch=True)
        baseline = Baseline(session, Lock())
        entries = {name: baseline.entry(name) for name in session.expanded.processes}
    return session, lock_text(Lock(entries), entries)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(seed) for seed in sys.argv[3:]])
