"""Under two hash seeds, the line that lets the order of a set become that of a list or a dict is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pytest_expops
from pytest_expops.replay.tracing import Target, Trace
from pytest_expops.verdicts.diagnosis._divergence import first_call, first_line
from pytest_expops.verdicts.findings import Place

SCRIPT = """
COLUMNS = ["age", "income", "city", "visits", "tenure", "clicks", "rating", "joined", "bought", "user"]

def listed():
    size = len(COLUMNS)
    names = list(set(COLUMNS))  # listed
    return {"names": names, "size": size}

def looped():
    rows = []
    for name in {each.upper() for each in COLUMNS}:  # looped
        rows.append(name)
    return rows

def filled():
    places = {}
    known = set(COLUMNS)
    places = {name: 1 for name in known}  # filled
    harmless = dict.fromkeys(known)
    first = list(places)
    return first, len(harmless)

def vocabulary(words):
    found = {}
    for word in set(words):  # indexed
        found[word] = 1
    return found

def index(words):
    return [word for word in words]

def indexed():
    words = vocabulary(COLUMNS)
    return index(words)

def hashed():
    size = 4
    key = hash("age")  # hashed
    return key % 1000, size

def helper(names):
    return sorted(names), len(names)

def harmless():
    counts = {name: len(name) for name in set(COLUMNS)}
    return helper(counts), counts, set(COLUMNS)
"""
CASES = ["listed", "looped", "filled", "indexed", "hashed", "harmless"]
CHILD = """
import importlib, json, sys
from pytest_expops.execution.seeding.task_seeds import seeded
from pytest_expops.replay.tracing import Target, Tracer
folder, cases, targets = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, folder)
module = importlib.import_module("ordered")
found = {}
for case in cases:
    lines = Target.from_json(targets[case]) if case in targets else None
    with Tracer(lambda file: file.startswith(folder), lines=lines) as tracer, seeded(7):
        getattr(module, case)()
    found[case] = tracer.trace.to_json()
print(json.dumps(found))
"""


def run(folder: Path, hash_seed: int, cases: list[str], targets: dict[str, Any]) -> dict[str, Trace]:
    command = [sys.executable, "-c", CHILD, str(folder), json.dumps(cases), json.dumps(targets)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    environment["PYTHONPATH"] = str(Path(pytest_expops.__file__).parent.parent)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {case: Trace.from_json(trace) for case, trace in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place | None]:
    folder = tmp_path_factory.mktemp("ordered")
    (folder / "ordered.py").write_text(SCRIPT.lstrip("\n"), encoding="utf-8")
    one, other = (run(folder, seed, CASES, {}) for seed in (1, 2))
    calls = {case: first_call(one[case], other[case]) for case in CASES}
    found = {case: call for case, call in calls.items() if call is not None}
    targets: dict[str, Target] = {case: call.target for case, call in found.items()}
    plain = {case: target.to_json() for case, target in targets.items()}
    lines, others = (run(folder, seed, list(found), plain) for seed in (1, 2))
    named = {case: first_line(lines[case], others[case], call) for case, call in found.items()}
    return {case: named.get(case) for case in CASES}


@pytest.mark.parametrize(
    ("case", "function", "path"),
    [
        ("listed", "listed", "variable names"),
        ("looped", "looped", "variable name"),
        ("filled", "filled", "variable places"),
        ("indexed", "vocabulary", "variable word"),
        ("hashed", "hashed", "variable key"),
    ],
)
def test_the_line_where_an_order_comes_from_is_named(
    places: dict[str, Place | None], case: str, function: str, path: str
) -> None:
    place = places[case]
    assert place is not None
    assert place.code.endswith(f"# {case}"), place
    assert (place.function, place.path) == (function, path)


def test_an_order_that_no_result_keeps_is_not_named(places: dict[str, Place | None]) -> None:
    assert places["harmless"] is None
