"""Numbers drawn on import: held they agree, and processes are seeded as ever (S4.3)."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_expops.execution.calls.recording import Recorder, recording_to
from pytest_expops.execution.seeding.task_seeds import preserved, rng_digests, seeded, task_seed
from pytest_expops.replay.nondeterminism._imports import Imports
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Setting
from tests.replay.nondeterminism.probe import Probe

SOURCE = Imports()
DRAWS = """\
import random
import numpy as np
from random import gauss
from numpy.random import normal

luck = [random.random(), random.getrandbits(32), gauss(0, 1)]
noise = [*np.random.rand(2), normal()]
"""


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    return Probe(tmp_path)


def _draws(probe: Probe, setting: Setting) -> list[float]:
    with SOURCE.apply(setting, probe.watcher), preserved():
        found = probe.run(DRAWS)
    return [*found["luck"], *found["noise"]]


def test_draws_on_import_agree_when_held_and_go_on_when_not(probe: Probe) -> None:
    random.seed(1)
    np.random.seed(1)
    held = _draws(probe, HELD)
    random.seed(2)
    np.random.seed(2)
    assert _draws(probe, HELD) == held
    one = _draws(probe, NATURAL)
    random.seed(3)
    np.random.seed(3)
    assert not set(_draws(probe, NATURAL)) & set(one)
    assert not set(held) & set(one)


def test_another_interpreter_holds_the_same(probe: Probe) -> None:
    code = (
        "from pytest_expops.replay.nondeterminism.base import HELD, Watcher\n"
        "from pytest_expops.replay.nondeterminism._imports import Imports\n"
        "with Imports().apply(HELD, Watcher(lambda file: False)):\n"
        "    import random, numpy\n"
        "    print([random.random(), random.getrandbits(32), random.gauss(0, 1),"
        " *map(float, numpy.random.rand(2)), numpy.random.normal()])\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert printed.strip() == str([float(each) if each % 1 else each for each in _draws(probe, HELD)])


def test_the_streams_of_a_process_and_of_the_session_are_as_without_it(probe: Probe) -> None:
    seed = task_seed(42, "train_1")
    with seeded(seed):
        expected = rng_digests()
    before = rng_digests()
    with SOURCE.apply(HELD, probe.watcher):
        random.random()
        np.random.rand()
        with seeded(seed):
            assert rng_digests() == expected
    assert rng_digests() == before


def test_only_draws_outside_a_process_are_seen(probe: Probe) -> None:
    assert probe.sites(SOURCE, DRAWS) == {
        6: {"random.random()", "random.getrandbits()", "random.gauss()"},
        7: {"numpy.random.rand()", "numpy.random.normal()"},
    }
    with recording_to(Recorder("train", 1)):
        assert probe.sites(SOURCE, DRAWS) == {}


def test_asking_for_or_setting_the_state_is_no_draw(probe: Probe) -> None:
    text = """\
        import random, numpy
        state = random.getstate(), numpy.random.get_state()
        random.seed(1); numpy.random.seed(1)
        random.setstate(state[0]); numpy.random.set_state(state[1])
    """
    assert probe.sites(SOURCE, text) == {}


def test_what_a_script_imported_of_random_is_the_original_again_afterwards(probe: Probe) -> None:
    with SOURCE.apply(NATURAL, probe.watcher):
        kept = random.random
    assert kept is not random.random
    probe.watcher.forget()
    state = random.getstate()
    drawn = kept()
    random.setstate(state)
    assert drawn == random.random()
    assert probe.watcher.all_sites() == {}
