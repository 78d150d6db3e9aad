"""A process may hand work to child processes, however they are started."""

from __future__ import annotations

import pytest

from tests.conftest import Project

WAYS = {
    "joblib": "from joblib import Parallel, delayed\n"
    "    return {'r': Parallel(n_jobs=2)(delayed(work)(i) for i in range(4))}",
    "spawn": "import multiprocessing\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    "        return {'r': pool.map(work, range(4))}",
    "fork": "import multiprocessing\n    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
    "        return {'r': pool.map(work, range(4))}",
    "threads": "from concurrent.futures import ThreadPoolExecutor\n    with ThreadPoolExecutor(2) as pool:\n"
    "        return {'r': list(pool.map(work, range(4)))}",
}

SLOW = ("fork", "threads")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize(
    "way",
    [pytest.param(way, id=name, marks=[pytest.mark.slow] if name in SLOW else []) for name, way in WAYS.items()],
)
def test_children_can_call_the_functions_of_the_script(project: Project, way: str) -> None:
    if "joblib" in way:
        pytest.importorskip("joblib")
    project.script("FACTOR = 10\n", path="models/beside.py")
    project.write(
        "start fit",
        "import beside\nfrom expops.core import process\n"
        "class Result:\n    def __init__(self, x): self.x = x\n"
        "def work(i): return Result(i * beside.FACTOR)\n"
        "def start(data): return {}\n"
        f"@process()\ndef fit(data):\n    {way}\n",
        {"start": {"seed_parallelism": [1]}},
    )
    project.pytester.makepyfile(
        test_it="def test_it(expops): assert [each.x for each in expops['fit_seed1']['r']] == [0, 10, 20, 30]"
    )
    outcome = project.run(subprocess=True)
    assert outcome.items == dict.fromkeys(["start", "fit_seed1", "fit_seed1[replay]", "test_it"], "passed"), (
        outcome.text
    )
