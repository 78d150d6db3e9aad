"""Processes that do what none should: each has one verdict, the stated one, and its neighbours pass."""

from __future__ import annotations

import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.faults.odd_script import ALONE, DIES, FAILS, HEAD, PASSES
from tests.faults.sessions import LIMIT, Watched, faults_of, started
from tests.faults.table import Fault, Kind

_CONFTEST = """
import os

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when not in ("setup", "teardown") or not report.passed):
        with open(RESULTS, "a") as file:
            crashed = report.failed and "crashed while running" in str(report.longrepr)
            file.write(f"{report.nodeid.rpartition('::')[2]} {'crashed' if crashed else report.outcome}\\n")
"""
_INNOCENT = "def {name}(data):\n    note({name!r})\n    return {{'x': [random.random(), sum(data['source']['x'])]}}\n"
NEIGHBOURS = 8
"""So many innocent processes are among the odd ones of a session."""
"""The sessions by seed: all that an interpreter survives without workers, all with two; then one session each."""
_TOGETHER = ((0, {**PASSES, **FAILS}), (2, {**PASSES, **FAILS, **DIES}))
_EACH = tuple((workers, name) for name in (*DIES, *ALONE) for workers in (0, 2) if not (name in DIES and workers))
CASES = len(_TOGETHER) + len(_EACH)


def run(seeds: Iterable[int], folder: Path) -> Iterator[tuple[int, list[Fault], dict[str, int]]]:
    """Run the sessions of these seeds in a folder."""
    for seed in seeds:
        place = folder / str(seed)
        if seed < len(_TOGETHER):
            workers, bodies = _TOGETHER[seed]
            yield seed, list(together(f"odd:{seed}", place, bodies, workers)), {"processes": len(bodies)}
        else:
            workers, name = _EACH[(seed - len(_TOGETHER)) % len(_EACH)]
            body = {**DIES, **ALONE}[name]
            yield seed, list(alone(f"odd:{seed}", place, name, body, workers)), {"processes": 1}


def _session(case: str, folder: Path, bodies: Mapping[str, str], workers: int, *more: str) -> Watched:
    """Write the project of some odd processes and their neighbours, and run it."""
    project = folder / "project"
    (project / "configs").mkdir(parents=True)
    (project / "models").mkdir()
    names = list(bodies)
    step = max(1, len(names) // NEIGHBOURS)
    for number in range(min(NEIGHBOURS, len(names))):
        names.insert(number * (step + 1) + 1, f"innocent_{number}")
    listed = "".join(f"        - name: {name}\n" for name in ("source", *names))
    (project / "configs/project_config.yaml").write_text(
        "model:\n  parameters:\n    custom_script_path: models/model.py\n    hyperparameters: {rate: [1]}\n"
        f"    pipeline:\n      process_adjlist: |\n        source {' '.join(names)}\n      processes:\n{listed}"
    )
    functions = [
        f"def {name}(data, hyperparameters):\n    note({name!r})\n{textwrap.indent(body, '    ')}\n"
        for name, body in bodies.items()
    ]
    functions += [_INNOCENT.format(name=name) for name in names if name not in bodies]
    script = f"LOG = {str(folder / 'runs.txt')!r}\n{HEAD}\n\n" + "\n\n".join(functions)
    (project / "models/model.py").write_text(script)
    (project / "conftest.py").write_text(f"RESULTS = {str(folder / 'results.txt')!r}\n{_CONFTEST}")
    (project / "pytest.ini").write_text("[pytest]\n")
    arguments = ["--expops-config", "configs/project_config.yaml", f"-n{workers}", "--expops-diagnose=off", *more]
    if workers:
        arguments.append("--max-worker-restart=20")
    session = started(case, project, arguments)
    session.wait(3 * LIMIT)  # of many processes
    return session


def together(case: str, folder: Path, bodies: Mapping[str, str], workers: int) -> Iterator[Fault]:
    session = _session(case, folder, bodies, workers)
    yield from faults_of(session, may_write=lambda _: False)
    yield from _ran_once(session, folder)
    results = defaultdict(list, _results(folder))
    said = f"exit status {session.code}\n{session.text[-2000:]}"
    if session.code != 1:
        yield Fault(Kind.LOST, case, f"the session did not end with failures\n{said}")
    innocent = [f"innocent_{number}" for number in range(min(NEIGHBOURS, len(bodies)))]
    for name in ("source", *bodies, *innocent):
        kind = "failed" if name in FAILS else "crashed" if name in DIES else "passed"
        if results[name] != [kind]:
            yield Fault(Kind.LOST, case, f"`{name}` should be {kind}, and is {results[name]}\n{_told(session, name)}")
        replay = results[f"{name}[replay]"]
        if (
            len(replay) != 1
            or (kind != "passed" and replay != ["skipped"])
            or (replay == ["skipped"]) != (kind != "passed")
        ):
            yield Fault(Kind.LOST, case, f"`{name}[replay]` is {replay}\n{_told(session, name)}")
        elif kind == "passed" and replay != ["passed"]:
            yield Fault(Kind.LOST, case, f"`{name}[replay]` should pass\n{_told(session, name)}")


def alone(case: str, folder: Path, name: str, body: str, workers: int) -> Iterator[Fault]:
    """With one neighbour, and without an expectation of verdicts: what is left of the interpreter may tell none."""
    session = _session(case, folder, {name: body}, workers)
    yield from faults_of(session, may_write=lambda _: False, interrupted="interrupt" in name, abrupt=True)
    yield from _ran_once(session, folder)
    if name in DIES and session.code not in (-6, -9, -11, -15, 0, 3):
        yield Fault(Kind.LOST, case, f"`{name}`: exit status {session.code}\n{session.text[-2000:]}")


def _ran_once(session: Watched, folder: Path) -> Iterator[Fault]:
    path = folder / "runs.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line, count in Counter(lines).items():
        if line.endswith(" first") and count > 1:
            yield Fault(Kind.TWICE, session.case, f"`{line.split()[0]}` was run {count} times")


def _results(folder: Path) -> dict[str, list[str]]:
    path = folder / "results.txt"
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        name, outcome = line.split()
        found.setdefault(name, []).append(outcome)
    return found


def _told(session: Watched, name: str) -> str:
    """What a session printed of a process."""
    at = re.search(rf"^_+ .*{re.escape(name)}.* _+$", session.text, re.MULTILINE)
    return session.text[at.start() : at.start() + 1500] if at else session.text[-1500:]
