"""An output may hold a global generator itself, as estimators without `random_state` do: its state is the process's."""

from __future__ import annotations

from tests.conftest import Project

SCRIPT = """
import random

import numpy as np

def start(data):
    return {}

def holds(data):
    np.random.rand(3)
    return {"generator": np.random.mtrand._rand, "bound": random.random.__self__, "drawn": np.random.rand()}

def unseeded(data):
    return {"generator": np.random.RandomState()}
"""


def test_a_global_generator_that_is_held_replays_and_another_unseeded_one_does_not(project: Project) -> None:
    """S4.3, S7.1: the state at the end of the process, not what the session had before and has again."""
    project.write("start holds\nstart unseeded", SCRIPT, {"start": {"seed_parallelism": [1, 2]}})
    project.pytester.makepyfile(
        """
        def test_its_state_is_what_the_process_left(expops):
            import numpy as np
            one, two = (expops[f"holds_seed{seed}"]["generator"] for seed in (1, 2))
            assert not np.array_equal(one.get_state()[1], two.get_state()[1])
        """
    )
    outcome = project.run()
    replays = {name: word for name, word in outcome.items.items() if name.endswith("[replay]")}
    assert replays == {
        "holds_seed1[replay]": "passed",
        "holds_seed2[replay]": "passed",
        "unseeded_seed1[replay]": "failed",
        "unseeded_seed2[replay]": "failed",
    }
    assert outcome.items["test_its_state_is_what_the_process_left"] == "passed"
