"""Two runs that differ are traced to the line after which they do, and to none that differs harmlessly."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.verdicts.diagnosis._divergence import first_call, first_line
from pytest_expops.verdicts.findings import Place
from tests.replay.tracing.traced import BACKENDS, Traced, use_backend

MARK = "# here"


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    use_backend(request.param, monkeypatch)
    return str(request.param)


def place_of(project: Traced) -> Place | None:
    """What the diagnosis does: two runs for the call, two more for the line in it."""
    found = first_call(project.run(import_within=True), project.run(import_within=True))
    if found is None:
        return None
    one, other = (project.run(lines=found.target, import_within=True) for _ in range(2))
    return first_line(one, other, found) or found.place


def blame(folder: Path, source: str) -> tuple[str, str, str | None] | None:
    """Function, path and step, once the line has been found to be the one that is marked."""
    project = Traced(folder, source)
    place = place_of(project)
    if place is None:
        return None
    assert (place.file, place.line) == (str(project.path), project.line_of(MARK)), place
    assert place.code.endswith(MARK)
    return place.function, place.path, place.step


RANDOM = """
def main():
    import random
    rng = random.Random()  # here
    weights = [rng.random() for _ in range(3)]
    return {"w": weights}
"""
ENTROPY = """
import os
def salted(text):
    return os.urandom(4) + text  # here
def outer(text):
    return salted(text) * 2
def main():
    return outer(b"x")
"""
RETURNED_PART = """
import uuid
def fit():
    return {"rows": 3, "id": str(uuid.uuid4())}  # here
def main():
    return fit()
"""
ARGUMENT = """
import time
def stamp(record):
    record["at"] = time.time_ns()  # here
def main():
    record = {}
    stamp(record)
    return record
"""
OBJECT = """
import os
class Model:
    def __init__(self, size):
        self.size = size
        self.w = os.urandom(size)  # here
    def predict(self):
        return self.w
def main():
    return Model(3).predict()
"""
SEEDING = """
import random
def start():
    random.seed()  # here
def draw():
    return random.random()
def main():
    start()
    return draw()
"""
BRANCH = """
import os
def main():
    parts = []
    if os.environ["RUN"] == "1":  # here
        parts.append("a")
    return parts
"""
CALLS = """
import os
def one(x):
    return x
def other(x):
    return x
def choose():
    (one if os.environ["RUN"] == "1" else other)(1)  # here
def main():
    choose()
    return 3
"""
LOOP = """
import os
def main():
    total = 0
    for turn in range(5):
        step = turn * 2
        if turn == 3:
            step = os.urandom(1)[0] + step * 1000 + int.from_bytes(os.urandom(4), "big")  # here
        total += step
    return total
"""
LONG_LOOP = """
import os
def main():
    total, last = 0, 0
    for turn in range(600):
        if turn == 500:
            total += int.from_bytes(os.urandom(8), "big")  # here
        last = turn
    return total + last
"""
RECURSION = """
import os
def down(n):
    if n == 0:
        return os.urandom(8)  # here
    below = down(n - 1)
    return below + b"."
def main():
    return down(4)
"""
GENERATOR = """
import os
def stream(n):
    for turn in range(n):
        yield os.urandom(4)  # here
def collect(source):
    return list(source)
def main():
    return collect(stream(3))
"""
ENDLESS = """
import os
def stream():
    while True:
        yield os.urandom(4)  # here
def main():
    source = stream()
    return [next(source), next(source)]
"""
COROUTINE = """
import asyncio, os
def draw():
    return os.urandom(8)  # here
async def work():
    await asyncio.sleep(0)
    return draw()
def main():
    return asyncio.run(work())
"""
RAISES = """
import os
def fail():
    raise KeyError("x") if os.environ["RUN"] == "1" else ValueError("x")  # raised
def main():
    try:
        fail()  # here
    except KeyError:
        return 1
    except ValueError:
        return 2
"""
RETURNS_OR_RAISES = """
import os
def fail():
    return {"1": 3}[os.environ["RUN"]]  # here
def main():
    try:
        return fail()
    except KeyError:
        return 2
"""
MODULE = """
import os, time
STARTED = time.time_ns()
_SALT = os.urandom(4)  # here
def salted(x):
    return _SALT + x
def main():
    return salted(b"x")
"""
DEFAULT = """
import os
def helper(x, salt=os.urandom(4)):  # here
    return salt + x
def main():
    return helper(b"x")
"""
CLASS_BODY = """
import os
class Settings:
    rate = 0.5
    salt = os.urandom(4)  # here
def main():
    return Settings.salt
"""
STEP = """
import os
from pytest_expops.core import step
def helper(x):
    return os.urandom(4) + x  # here
@step(name="load")
def load():
    return b"x"
@step(name="fit")
def fit(x):
    return helper(x)
@step(name="score")
def score(x):
    return len(x), os.urandom(3)
def main():
    return score(fit(load()))
"""
METRIC = """
import time
from pytest_expops.core import log_metric
def note(x):
    log_metric("seconds", time.time_ns())  # here
    return x
def main():
    return note(1)
"""
CLOSURE = """
import os
def main():
    best = b""
    def keep():
        nonlocal best
        best = os.urandom(4)  # here
    keep()
    return best
"""
COMPREHENSION = """
import os
def main():
    size = 3
    rows = [  # here
        os.urandom(size)
        for _ in range(2)
    ]
    return rows
"""
THREADS = """
import os
from concurrent.futures import ThreadPoolExecutor
def work(x):
    y = x * 2
    z = os.urandom(4)  # here
    return y, z
def main():
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, range(6)))
"""
WITH = """
import contextlib, os
def main():
    with contextlib.suppress(KeyError):
        return os.urandom(4)  # here
"""
ALIASED = """
import os
def main():
    rows = []
    same = rows
    rows.append(os.urandom(4))  # here
    return same
"""
INSIDE = """
import os
class Handle:
    __slots__ = ("value",)
    def __reduce__(self):
        raise TypeError
def main():
    handle = Handle()
    handle = changed(handle, os.urandom(4))  # here
    found = handle.value
    return found
changed = lambda handle, value: setattr(handle, "value", value) or handle
"""
TIMER = """
import time
def main():
    begin = time.perf_counter()
    total = sum(range(10))
    seconds = time.perf_counter() - begin  # here
    return total, seconds
"""
DEADLINE = """
import os, time
def main():
    deadline, turns = 0, 0
    deadline = time.monotonic() + 0.0
    while time.monotonic() < deadline or turns < int(os.environ["RUN"]):  # here
        turns += 1
    return turns
"""
HARMLESS_LOCAL = """
import os, time
def main():
    now = time.time_ns()
    salt = os.urandom(4)  # here
    print(now)
    return salt
"""
HARMLESS_HELPER = """
import os, time
def clock():
    return time.time_ns()
def load():
    clock()
    return [1]
def fit(rows):
    return os.urandom(4), rows  # here
def main():
    return fit(load())
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(RANDOM, ("main", "variable rng", None), id="unseeded generator"),
        pytest.param(ENTROPY, ("salted", "return", None), id="nested helpers"),
        pytest.param(RETURNED_PART, ("fit", "return['id']", None), id="part of what is returned"),
        pytest.param(ARGUMENT, ("stamp", "argument record", None), id="argument changed in place"),
        pytest.param(OBJECT, ("Model.__init__", "argument self", None), id="instance"),
        pytest.param(SEEDING, ("start", "random state of python", None), id="seed of the system"),
        pytest.param(BRANCH, ("main", "control flow", None), id="branch on a draw"),
        pytest.param(CALLS, ("choose", "control flow", None), id="other calls"),
        pytest.param(RETURNS_OR_RAISES, ("fail", "exception", None), id="an exception in one run only"),
        pytest.param(LOOP, ("main", "variable step", None), id="a later turn of a loop"),
        pytest.param(LONG_LOOP, ("main", "variable total", None), id="a turn beyond the budget"),
        pytest.param(RECURSION, ("down", "return", None), id="recursion"),
        pytest.param(GENERATOR, ("stream", "yield", None), id="generator"),
        pytest.param(ENDLESS, ("stream", "yield", None), id="generator without end"),
        pytest.param(COROUTINE, ("draw", "return", None), id="coroutine"),
        pytest.param(MODULE, ("<module>", "variable _SALT", None), id="drawn on import"),
        pytest.param(DEFAULT, ("<module>", "variable helper", None), id="drawn as a default"),
        pytest.param(CLASS_BODY, ("Settings", "variable salt", None), id="drawn in a class body"),
        pytest.param(STEP, ("helper", "return", "fit"), id="within a step"),
        pytest.param(METRIC, ("note", "logged metrics", None), id="metric"),
        pytest.param(CLOSURE, ("main.<locals>.keep", "variable best", None), id="closure"),
        pytest.param(THREADS, ("work", "variable z", None), id="threads"),
        pytest.param(WITH, ("main", "return", None), id="return out of a with block"),
        pytest.param(COMPREHENSION, ("main", "variable rows", None), id="comprehension"),
        pytest.param(INSIDE, ("main", "variable handle", None), id="within what cannot be compared"),
        pytest.param(TIMER, ("main", "variable seconds", None), id="seconds between two times"),
        pytest.param(DEADLINE, ("main", "control flow", None), id="until a time"),
        pytest.param(HARMLESS_LOCAL, ("main", "variable salt", None), id="after a variable that harms nobody"),
        pytest.param(HARMLESS_HELPER, ("fit", "return[0]", None), id="after a call that harms nobody"),
        pytest.param(ALIASED, ("main", "variable rows", None), id="two names for one list"),
    ],
)
def test_the_line_that_makes_the_difference_is_named(
    tmp_path: Path, source: str, expected: tuple[str, str, str | None]
) -> None:
    assert blame(tmp_path, source) == expected


def test_another_exception_is_named_where_the_interpreter_tells_it_and_else_where_it_is_caught(
    tmp_path: Path, backend: str
) -> None:
    if backend == "profiling":
        assert blame(tmp_path, RAISES) == ("main", "control flow", None)
    else:
        assert blame(tmp_path, RAISES.replace(MARK, "").replace("# raised", MARK)) == ("fail", "exception", None)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("SEEN.append(2)  # here\n    rows = 3\n    return sum(SEEN) + rows", "variable SEEN"),
        (
            "OTHER.append(2)\n    rows = sum(SEEN)  # here\n    return rows",
            "variable rows",
        ),  # what is read nowhere else
        ("print(OTHER)\n    return sum(SEEN)  # here", "return"),
    ],
)
def test_what_was_left_in_a_variable_of_the_module_is_met_where_it_is_read_first(
    tmp_path: Path, body: str, path: str
) -> None:
    project = Traced(
        tmp_path,
        f"""
import os
SEEN = [1] * (1 + int(os.environ["RUN"]))
OTHER = list(SEEN)
def main():
    {body}
""",
    )
    found = first_call(project.run(), project.run())
    assert found is not None
    one, other = (project.run(lines=found.target) for _ in range(2))
    place = first_line(one, other, found)
    assert place is not None
    assert (place.line, place.path) == (project.line_of(MARK), path)
