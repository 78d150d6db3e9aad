"""A process that draws from a library's own stream replays, and does not where that stream is not seeded (S4.3)."""

from __future__ import annotations

import pytest

from tests.conftest import Project

IMPORTS = {"opencv": "import cv2, numpy as np", "numba": "import numba, numpy as np"}
DRAWS = {
    "polars": "polars.Series(list(range(40))).shuffle().to_list()",
    "opencv": "cv2.randn(np.zeros(4, np.float64), 0, 1).ravel().tolist()",
    "numba": "numba.njit(lambda: np.random.random())()",
    "faker": "faker.Faker().pystr()",
}
MODULES = {"opencv": "cv2"}

SCRIPT = """
{imported}
from pytest_expops.core import step
{registration}

def start(data):
    return {{}}

@step()
def in_step():
    return {draw}

def first(data):
    return {{"x": {draw}, "step": in_step(), "y": {draw}}}

def second(data):
    return {{"x": {draw}}}
"""


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seeded", [True, False], ids=["seeded", "not seeded"])
def test_a_process_replays_just_if_the_stream_of_its_library_is_seeded(
    project: Project, name: str, seeded: bool
) -> None:
    module = MODULES.get(name, name)
    pytest.importorskip(module, reason="tox environment `streams`")
    off = f'import pytest_expops\npytest_expops.register_seeder("{name}", lambda seed: None, module="{module}")'
    script = SCRIPT.format(
        imported=IMPORTS.get(name, f"import {module}"),
        draw=DRAWS[name],
        registration="" if seeded else off,
    )
    project.write("start first\nfirst second", script, {"start": {"seed_parallelism": [1]}})
    # The stream of OpenCV begins alike in each interpreter: only what was drawn before tells two of them apart.
    outcome = project.run("-n0", *(() if seeded else ("-k", "second")), subprocess=True)
    replays = {item: word for item, word in outcome.items.items() if item.endswith("[replay]")}
    if seeded:
        assert replays == {"first_seed1[replay]": "passed", "second_seed1[replay]": "passed"}
    else:
        assert replays == {"second_seed1[replay]": "failed"}
