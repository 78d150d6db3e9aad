"""Sessions with trouble on their disk: it is full or cannot be written, or what is stored is damaged meanwhile."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.sessions import ARTIFACTS, Watched, faults_of, started
from tests.faults.table import Fault, Kind

_SCRIPT = """
import os, sys
from typing import Any

import numpy as np


def note(name):
    where = "first" if "pytest" in sys.modules else "replay"
    file = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{name} {where}\\n".encode())
    os.close(file)


def first(data):
    note("first")
    return {"x": np.arange(100_000, dtype="float64"), "small": [1, 2]}


def second(data):
    note("second")
    return {"x": data["first"]["x"] * 2}


def third(data):
    note("third")
    return {"x": data["first"]["x"] * 3, "text": "x" * 50_000}


def last(data):
    note("last")
    return {"sum": float(data["second"]["x"].sum() + data["third"]["x"].sum())}
"""
NAMES = ("first", "second", "third", "last")
_CONFTEST = """
import os, pathlib, random, shutil
from typing import Any

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when not in ("setup", "teardown") or not report.passed):
        with open(os.environ["RESULTS"], "a") as file:
            file.write(f"{report.nodeid.rpartition('::')[2]} {report.outcome}\\n")

def truncated(path, rng): os.truncate(path, rng.randrange(path.stat().st_size))
def emptied(path, rng): path.write_bytes(b"")
def longer(path, rng): path.write_bytes(path.read_bytes() + b"x")
def removed(path, rng): path.unlink()
def a_folder(path, rng): path.unlink(), path.mkdir()
def a_link(path, rng): path.unlink(), path.symlink_to("nowhere")
def another(path, rng): path.write_bytes(rng.choice([p for p in path.parent.iterdir() if p.is_file()]).read_bytes())
def a_bit(path, rng):
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)

HOW = (truncated, emptied, longer, removed, a_folder, a_link, another, a_bit, a_bit)

def pytest_runtest_setup(item):
    if os.environ.get("DAMAGES", " ").split(" ")[0] == item.name:
        rng = random.Random(os.environ["DAMAGES"])
        files = sorted(path for path in pathlib.Path("kept").glob("*/*/artifacts/*") if path.is_file())
        for path in rng.sample(files, rng.randint(1, len(files))) if files else ():
            rng.choice(HOW)(path, rng)
"""


def _write(folder: Path) -> Path:
    project = folder / "project"
    (project / "configs").mkdir(parents=True)
    (project / "models").mkdir()
    listed = "".join(f"        - name: {name}\n" for name in NAMES)
    (project / "configs/project_config.yaml").write_text(
        "model:\n  parameters:\n    custom_script_path: models/model.py\n    pipeline:\n"
        "      process_adjlist: |\n        first second third\n        second last\n        third last\n"
        f"      processes:\n{listed}"
    )
    (project / "models/model.py").write_text(_SCRIPT)
    (project / "conftest.py").write_text(_CONFTEST)
    (project / "pytest.ini").write_text("[pytest]\n")
    return project


@dataclass(frozen=True)
class Begun:
    """A session with its own notes of what ran and what was reported."""

    session: Watched
    runs: Path
    results: Path

    def faults(self, codes: Sequence[int], *, complete: bool = True, says: str = "") -> Iterator[Fault]:
        """Yield what went wrong, whatever the trouble was.

        Args:
            codes: the exit statuses that tell of it.
            complete: whether every item must have a result.
            says: what must be printed if it is not 0.
        """
        session = self.session
        yield from faults_of(session, may_write=lambda path: path.partition("/")[0] in (ARTIFACTS, _LOCK, "configs"))
        told = f"exit status {session.code}\n{session.text[-3000:]}"
        for line, count in Counter(_lines(self.runs)).items():
            if line.endswith(" first") and count > 1:
                yield Fault(Kind.TWICE, session.case, f"`{line.split()[0]}` was run {count} times")
        reported = Counter(line.split()[0] for line in _lines(self.results))
        if session.code not in codes:
            yield Fault(Kind.LOST, session.case, f"it ended otherwise than was to be expected: {told}")
        items = {*NAMES, *(f"{name}[replay]" for name in NAMES)}
        if complete and (items - reported.keys() or max(reported.values()) > 1):
            yield Fault(Kind.LOST, session.case, f"not every item has one result: {reported}\n{told}")
        if "not deterministic" in session.text:
            yield Fault(Kind.LOST, session.case, f"trouble with the disk is called a difference: {told}")
        if session.code != 0 and says not in session.text:
            yield Fault(Kind.LOST, session.case, f"it does not say `{says}`: {told}")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


_LOCK = "project_config.expops-lock.json"


def _begin(
    case: str, project: Path, *arguments: str, number: int = 0, most_bytes: int | None = None, **variables: str
) -> Begun:
    runs, results = project.parent / f"runs{number}.txt", project.parent / f"results{number}.txt"
    config = ("--expops-config", "configs/project_config.yaml", "--expops-replay=all")
    given = {"RUNS": str(runs), "RESULTS": str(results), **variables}
    session = started(case, project, [*config, *arguments], variables=given, most_bytes=most_bytes)
    return Begun(session, runs, results)


@contextlib.contextmanager
def _mounted(folder: Path, *options: str) -> Iterator[bool]:
    """Have something mounted on a folder, if this user may do that."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def full_disk(case: str, folder: Path, workers: str, rng: random.Random) -> Iterator[Fault]:
    """The temporary files of the session have little room, if need be by a limit on the size of files."""
    project, size = _write(folder), rng.choice((40, 100, 500, 1000, 2000))
    with _mounted(folder / "project-tmp", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs") as mounted:
        begun = _begin(case, project, workers, most_bytes=None if mounted else size * 300)
        begun.session.wait()
        # So little room that not even the session's folder can be made ends it before it has begun.
        complete = begun.results.exists()
        yield from begun.faults((0, 1) if complete else (1, 4), complete=complete)


def read_only_project(case: str, folder: Path, workers: str, _: random.Random) -> Iterator[Fault]:
    """The project cannot be written, and need not be."""
    project = _write(folder)
    with _mounted(project, "--bind", "-o", "ro", str(project)) as mounted:
        if not mounted:
            project.chmod(0o555)
        begun = _begin(case, project, workers)
        begun.session.wait()
        yield from begun.faults((0,))
    project.chmod(0o755)


def read_only_temporary(case: str, folder: Path, workers: str, _: random.Random) -> Iterator[Fault]:
    """There is no place for the session's folder."""
    project = _write(folder)
    with _mounted(folder / "project-tmp", "-t", "tmpfs", "-o", "ro", "tmpfs") as mounted:
        if not mounted:
            (folder / "project-tmp").chmod(0o555)
        begun = _begin(case, project, workers)
        begun.session.wait()
        yield from begun.faults((0, 4), complete=begun.session.code == 0)


def read_only_artifacts(case: str, folder: Path, workers: str, _: random.Random) -> Iterator[Fault]:
    """What is to be kept cannot be written."""
    project = _write(folder)
    with _mounted(project / ARTIFACTS, "-t", "tmpfs", "-o", "ro", "tmpfs") as mounted:
        if not mounted:
            (project / ARTIFACTS).chmod(0o555)
        begun = _begin(case, project, workers, f"--expops-artifacts={ARTIFACTS}")
        begun.session.wait()
        yield from begun.faults((4,), complete=False, says="cannot begin")


def two_sessions(case: str, folder: Path, workers: str, rng: random.Random) -> Iterator[Fault]:
    """Two sessions in one folder at one time, which keep their results, and record a lock file."""
    project = _write(folder)
    arguments = [workers, f"--expops-artifacts={ARTIFACTS}", "--expops-baseline=update"][: rng.choice((1, 2, 3))]
    both = [_begin(case, project, *arguments, number=number) for number in (1, 2)]
    for each in both:
        each.session.wait()
    for each in both:
        yield from each.faults((0,))


def damaged_artifacts(case: str, folder: Path, workers: str, rng: random.Random) -> Iterator[Fault]:
    """Files of the store are cut short, garbled, removed or exchanged while the session runs."""
    project = _write(folder)
    when = rng.choice([*NAMES[1:], *(f"{name}[replay]" for name in NAMES)])
    begun = _begin(case, project, workers, f"--expops-artifacts={ARTIFACTS}", DAMAGES=f"{when} {rng.random()}")
    begun.session.wait()
    yield from begun.faults((0, 1), says="fix: ")


Trouble = Callable[[str, Path, str, random.Random], Iterator[Fault]]
READ_ONLY: Sequence[Trouble] = (read_only_project, read_only_temporary, read_only_artifacts)


def run(
    kinds: Sequence[Trouble], name: str, seeds: Iterable[int], folder: Path
) -> Iterator[tuple[int, list[Fault], dict[str, int]]]:
    """Run the sessions of these seeds, of each kind in turn, without workers and with two in turn."""
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir()
        kind, workers = kinds[seed % len(kinds)], ("-n0", "-n2")[seed // len(kinds) % 2]
        rng = random.Random(f"{name} {seed}")
        yield seed, list(kind(f"{name}:{seed}", place, workers, rng)), {}
