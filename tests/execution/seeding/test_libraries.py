"""Libraries with a random stream of their own (S4.3), each with the real library where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.seeding._restarted import RestartedLibrary
from pytest_expops.execution.seeding.task_seeds import LIBRARIES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dataclass(frozen=True)
class Case:
    """How to draw from a library's global stream, and how a session seeds it."""

    name: str
    imports: str
    draw: str
    """An expression: numbers enough to be told from others."""
    seed: str
    """A statement."""
    prepare: str = ""
    """What has to stand before `draw` can be used."""
    unseeded_repeats: bool = False
    """A new interpreter always begins alike."""
    missing: str = "tox environment `streams`"
    """Why it may not be installed."""


CASES = [
    Case(
        "polars",
        "import polars",
        "polars.Series(list(range(40))).shuffle().to_list()",
        "polars.set_random_seed(7)",
    ),
    Case(
        "opencv",
        "import cv2, numpy",
        "cv2.randu(numpy.zeros(4, numpy.float64), 0, 1).ravel().tolist()",
        "cv2.setRNGSeed(7)",
        unseeded_repeats=True,
    ),
    Case(
        "numba",
        "import numba",
        "[jitted(), jitted()]",
        "jitted_seed(7)",
        prepare="""
import numpy, random
@numba.njit
def jitted():
    return numpy.random.random(), random.random(), numpy.random.randint(1000)
@numba.njit
def jitted_seed(seed):
    numpy.random.seed(seed)
    random.seed(seed)
""",
    ),
    Case(
        "faker",
        "import faker",
        "[faker.Faker().name(), faker.Faker().pyint(), faker.Faker().binary(8).hex()]",
        "faker.Faker.seed(7)",
    ),
    Case(
        "paddle",
        "import paddle",
        "paddle.rand([4]).tolist()",
        "paddle.seed(7)",
        missing="in no tox environment: paddlepaddle is large",
    ),
    Case(
        "cupy",
        "import cupy",
        "cupy.random.random(4).tolist()",
        "cupy.random.seed(7)",
        missing="in no tox environment: CuPy needs CUDA",
    ),
]
_MODULES = {"opencv": "cv2"}
RESTARTED = [each for each in CASES if isinstance(LIBRARIES[each.name], RestartedLibrary)]
READ = [each for each in CASES if each not in RESTARTED]


def _parameters(cases: list[Case]) -> list[Any]:
    return [pytest.param(each, id=each.name) for each in cases]


def run(case: Case, body: str, tmp_path: Path) -> Any:
    """What `body` prints, in an interpreter of its own. IMPORT, PREPARE, DRAW and SEED stand for those of the case."""
    pytest.importorskip(_MODULES.get(case.name, case.name), reason=case.missing, exc_type=ImportError)
    if case.name == "cupy":
        import cupy

        if not cupy.cuda.is_available():
            pytest.skip("CuPy draws on a CUDA device only")
    lines = ["import json, random", "import numpy as np"]
    lines.append("from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded")
    for line in body.strip("\n").splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if line.strip() == "PREPARE":
            lines += [indent + each for each in case.prepare.strip("\n").splitlines()]
            continue
        lines.append(line.replace("IMPORT", case.imports).replace("DRAW", case.draw).replace("SEED", case.seed))
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", _parameters(CASES))
def test_streams_depend_on_nothing_but_the_seed(case: Case, tmp_path: Path) -> None:
    one, again, after_a_seed, other, more = run(
        case,
        """
IMPORT
PREPARE
drawn = []
with seeded(1):
    drawn.append(DRAW)
DRAW
with seeded(1):
    drawn.append(DRAW)
SEED
with seeded(1):
    drawn.append(DRAW)
with seeded(2**64 - 1):
    drawn += [DRAW, DRAW]
print(json.dumps(drawn))
""",
        tmp_path,
    )
    assert one == again == after_a_seed
    assert one != other != more


@pytest.mark.parametrize("case", _parameters(CASES))
def test_it_makes_no_difference_who_imports_the_library(case: Case, tmp_path: Path) -> None:
    """Neither to its own stream, nor to those of Python and NumPy, in the process and in its steps."""
    body = """
{early}
with seeded(1):
    drawn = [random.random(), np.random.random()]
    with seeded(2):
        drawn.append(random.random())
    {within}
    with seeded(3):
        drawn += [random.random(), np.random.random()]
        IMPORT
        PREPARE
        drawn += [DRAW, random.random(), np.random.random()]
    drawn += [DRAW, random.random(), np.random.random()]
print(json.dumps(drawn))
"""
    expected = run(case, body.format(early="IMPORT", within="pass"), tmp_path)
    assert run(case, body.format(early="pass", within="IMPORT"), tmp_path) == expected
    assert run(case, body.format(early="pass", within="pass"), tmp_path) == expected


STEPS = """
IMPORT
PREPARE
drawn = []
with seeded(1):
    drawn.append(DRAW)
    with seeded(2):
        for _ in range({draws}):
            DRAW
    drawn.append(DRAW)
    with seeded(3):
        pass
    drawn.append(DRAW)
print(json.dumps(drawn))
"""


@pytest.mark.parametrize("case", _parameters(CASES))
def test_what_a_step_draws_does_not_reach_its_process_which_never_draws_the_same_again(
    case: Case, tmp_path: Path
) -> None:
    drawn = run(case, STEPS.format(draws=0), tmp_path)
    assert len({repr(each) for each in drawn}) == 3
    assert run(case, STEPS.format(draws=3), tmp_path) == drawn


SESSION = """
IMPORT
PREPARE
{seed}
DRAW
for seed in range({processes}):
    with seeded(seed):
        for _ in range({draws}):
            DRAW
print(json.dumps([DRAW, rng_digests()]))
"""


@pytest.mark.parametrize("case", _parameters(READ))
def test_the_session_draws_on_as_if_no_process_had_run(case: Case, tmp_path: Path) -> None:
    expected, digests = run(case, SESSION.format(seed="SEED", processes=0, draws=0), tmp_path)
    obtained, digests_then = run(case, SESSION.format(seed="SEED", processes=2, draws=3), tmp_path)
    assert (obtained, digests_then.get(case.name)) == (expected, digests.get(case.name))


@pytest.mark.parametrize("case", _parameters(RESTARTED))
def test_a_session_that_seeds_a_library_that_cannot_be_read_stays_reproducible(case: Case, tmp_path: Path) -> None:
    """Whatever its processes draw; but their number counts."""
    expected, digests = run(case, SESSION.format(seed="SEED", processes=2, draws=0), tmp_path)
    assert case.name not in digests
    assert run(case, SESSION.format(seed="SEED", processes=2, draws=3), tmp_path)[0] == expected
    assert run(case, SESSION.format(seed="SEED", processes=1, draws=3), tmp_path)[0] != expected


@pytest.mark.parametrize("case", _parameters([each for each in CASES if not each.unseeded_repeats]))
def test_a_session_that_does_not_seed_a_library_finds_it_unseeded_after_a_process(case: Case, tmp_path: Path) -> None:
    one, _ = run(case, SESSION.format(seed="", processes=1, draws=1), tmp_path)
    other, _ = run(case, SESSION.format(seed="", processes=1, draws=1), tmp_path)
    assert one != other


@pytest.mark.parametrize("case", _parameters([each for each in READ if each.name != "cupy"]))
def test_digests_are_equal_just_when_the_streams_go_on_alike(case: Case, tmp_path: Path) -> None:
    body = f"""
IMPORT
PREPARE
digests = []
for draws in (0, 1, 0):
    with seeded(1):
        for _ in range(draws):
            DRAW
        digests.append(rng_digests()["{case.name}"])
print(json.dumps(digests))
"""
    one, drawn, again = run(case, body, tmp_path)
    assert one == again != drawn
    assert run(case, body, tmp_path) == [one, drawn, again]


def test_faker_and_numba_do_not_get_the_streams_of_python_and_numpy(tmp_path: Path) -> None:
    numba, faker = CASES[2], CASES[3]
    both = Case("numba", "import numba, faker.generator", "jitted()", "", prepare=numba.prepare)
    pytest.importorskip(faker.name, reason="tox environment `streams`")
    body = """
IMPORT
PREPARE
with seeded(2**40 + 3):
    drawn = [random.random(), np.random.random(), faker.generator.random.random(), *DRAW[:2]]
print(json.dumps(drawn))
"""
    assert len(set(run(both, body, tmp_path))) == 5


def test_the_marks_that_faker_leaves_when_it_is_seeded_are_taken_back(tmp_path: Path) -> None:
    body = """
IMPORT
with seeded(1):
    inside = faker.generator.Generator._is_seeded
print(json.dumps([inside, faker.generator.Generator._is_seeded, DRAW[2]]))
"""
    inside, after, binary = run(CASES[3], body, tmp_path)
    assert (inside, after) == (True, False)
    assert run(CASES[3], body, tmp_path)[2] != binary  # again from the system


def test_igraph_draws_from_the_stream_of_python(tmp_path: Path) -> None:
    igraph = Case("igraph", "import igraph", "igraph.Graph.Erdos_Renyi(n=20, m=30).get_edgelist()", "random.seed(7)")
    body = """
IMPORT
drawn = []
for _ in range(2):
    with seeded(1):
        drawn += [DRAW, DRAW]
print(json.dumps(drawn))
"""
    one, more, again, _ = run(igraph, body, tmp_path)
    assert one == again != more


FORKED = """
import json, os, signal, sys
import polars
from pytest_expops.execution.seeding.task_seeds import preserved, seeded

frame = polars.DataFrame({"a": range(200_000)}).sort("a", descending=True)  # starts the threads
child = os.fork()
if child == 0:
    signal.alarm(20)
    with preserved():
        with seeded(1):
            pass
    os._exit(0)
print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no forking")
def test_polars_is_seeded_in_a_forked_child_without_its_threads() -> None:
    pytest.importorskip("polars")
    done = subprocess.run([sys.executable, "-c", FORKED], stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout) == 0
