"""`assert_reproducible` in tests of a user's: what it finds and says, what it passes, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.conftest import Project

DEFECTS = """
import os
import random
import time

import numpy as np

from pytest_expops import assert_reproducible

COUNTER = [0]
AT_IMPORT = random.random()
CONSTANT = 0.5


def unseeded(n):
    return np.random.default_rng().normal(size=n)


def seeded(n, random_state=None):
    return np.random.default_rng(random_state).normal(size=n), random.random(), np.random.rand()


def set_order(words):
    return list(set(words))


def sorted_set(words):
    return sorted(set(words))


def drawn_on_import(x):
    return AT_IMPORT * x


def constant(x):
    return CONSTANT * x


def clock():
    return time.time()


def given_time(now):
    return now


def counter():
    COUNTER[0] += 1
    return COUNTER[0]


def own_counter():
    count = [0]
    count[0] += 1
    return count[0]


def in_place(x):
    x += np.random.default_rng().normal(size=len(x))


def in_place_same(x):
    x += 1


def test_defect():
    assert_reproducible({defect})


def test_look_alike():
    assert_reproducible({look_alike})
"""
WORDS = "['a', 'b', 'c', 'd', 'e', 'f', 'g']"
PLANTED = {
    "an unseeded draw": ("unseeded, 3", "seeded, 3", "the operating system's randomness", "np.random.default_rng()"),
    "a set's order": (f"set_order, {WORDS}", f"sorted_set, {WORDS}", "the hash seed", "return list(set(words))"),
    "an import-time draw": (
        "drawn_on_import, 2",
        "constant, 2",
        "the random numbers drawn on import",
        "AT_IMPORT = random.random()",
    ),
    "the clock": ("clock", "given_time, 12.5", "the clock", "return time.time()"),
    "a counter of the module": ("counter", "own_counter", "what an earlier call left behind", "COUNTER[0] += 1"),
    "an argument changed in place": (
        "in_place, np.zeros(3)",
        "in_place_same, np.zeros(3)",
        "the operating system's randomness",
        "x += np.random.default_rng()",
    ),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_defect_is_found_with_cause_and_line_and_its_look_alike_passes(
    project: Project, planted: tuple[str, str, str, str]
) -> None:
    defect, look_alike, cause, line = planted
    text = DEFECTS.replace("{defect}", defect).replace("{look_alike}", look_alike)
    project.script(text, path="test_it.py")
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.items == {"test_defect": "failed", "test_look_alike": "passed"}
    message = outcome.message("test_defect")
    assert f"why:    {cause}" in message
    where, _, rest = message.partition("where:")[2].partition("why:")
    assert line in where
    assert "test_it.py:" in where
    assert cause in rest
    assert ("`x` is changed in place" in message) == ("in_place" in defect)


KINDS = """
import asyncio
import functools
import os
import random
import warnings

import numpy as np
import pytest

from pytest_expops import assert_reproducible


def draw(n, seed=None):
    return np.random.default_rng(seed).normal(size=n)


class Model:
    def __init__(self, scale=1):
        self.scale = scale

    def fit(self, x, random_state=None):
        self.weights = np.random.default_rng(random_state).normal(size=len(x))
        return self

    @classmethod
    def made(cls, x):
        return cls(x)

    def __call__(self, x):
        return self.scale * x


async def awaited(x):
    await asyncio.sleep(0)
    return x + 1


def test_function():
    assert len(assert_reproducible(draw, 3)) == 3


def test_class():
    assert assert_reproducible(Model, 3).scale == 3


def test_class_method():
    assert assert_reproducible(Model.made, 3).scale == 3


def test_bound_method():
    model = Model()
    fitted = assert_reproducible(model.fit, [1, 2])
    assert fitted.weights.shape == (2,)
    assert not hasattr(model, "weights")  # each run gets its own


def test_partial():
    assert len(assert_reproducible(functools.partial(draw, n=4))) == 4


def test_lambda():
    assert assert_reproducible(lambda x: x + 1, 3) == 4


def test_nested():
    added = 2

    def inner(x):
        return draw(x, seed=added)

    assert len(assert_reproducible(inner, 3)) == 3


def test_callable_object():
    assert assert_reproducible(Model(2), 3) == 6


def test_function_in_c():
    assert assert_reproducible(sorted, [2, 1]) == [1, 2]


def test_async():
    assert assert_reproducible(awaited, 3) == 4


def test_async_in_a_running_loop():
    async def main():
        return assert_reproducible(awaited, 3)

    assert asyncio.run(main()) == 4


def prints(x):
    print("printed", x)
    return x


def test_prints():
    assert_reproducible(prints, 3)


def surroundings():
    return os.environ.get("MINE"), os.getcwd()


def test_environment_and_directory_reach_the_replay(monkeypatch, tmp_path):
    monkeypatch.setenv("MINE", "set in the test")
    monkeypatch.chdir(tmp_path)
    assert assert_reproducible(surroundings) == ("set in the test", str(tmp_path))


def global_streams():
    return random.random(), np.random.rand(2)


def test_streams_of_the_session_stay_as_they_were():
    states = random.getstate(), np.random.get_state()[1].tolist()
    assert_reproducible(global_streams)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def warns():
    warnings.warn("careful")
    return 1


def test_warnings_are_the_users():
    with pytest.warns(UserWarning, match="careful"):
        assert_reproducible(warns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            assert_reproducible(warns)


def test_seeds_give_a_dict():
    found = assert_reproducible(draw, 2, seeds=[3, 4])
    assert list(found) == [3, 4]
    assert found[3].tolist() == np.random.default_rng(3).normal(size=2).tolist()


def test_replays():
    assert_reproducible(draw, 2, seed=5, replays=2, vary="clock,env")
    assert_reproducible(draw, 2, seed=5, vary=["clock"], twice=False)


def test_seed_parameter_by_name():
    assert assert_reproducible(lambda rng_seed: rng_seed, seed=9, seed_parameter="rng_seed") == 9
    assert assert_reproducible(lambda **more: more, seed=9, seed_parameter="rng_seed") == {"rng_seed": 9}


def test_first_of_the_names():
    assert assert_reproducible(lambda seed=1, random_state=2: (seed, random_state), seed=9) == (9, 2)
    assert assert_reproducible(lambda seed=1, random_state=2: (seed, random_state), 5, seed=9) == (5, 9)


def test_no_seed_parameter():
    assert assert_reproducible(lambda seed=1: seed, seed_parameter=None) == 1
"""


def test_whatever_can_be_called_is_checked_by_what_it_returns(project: Project) -> None:
    project.script(KINDS, path="test_it.py")
    outcome = project.pytest("-n0", subprocess=True)
    assert set(outcome.items.values()) == {"passed"}, outcome.text
    assert len(outcome.items) == 20


REFUSED = """
import sqlite3
import threading

from pytest_expops import assert_reproducible


def takes(x, seed=None):
    return 1


def returns_a_lock():
    return threading.Lock()


def raises(x):
    raise KeyError("mine")


def test_generator():
    assert_reproducible(takes, (each for each in range(3)))


def test_lock():
    assert_reproducible(takes, x=threading.Lock())


def test_connection():
    assert_reproducible(takes, sqlite3.connect(":memory:"))


def test_result():
    assert_reproducible(returns_a_lock)


def test_own_exception():
    assert_reproducible(raises, 3)


def test_unknown_parameter():
    assert_reproducible(takes, 1, seed_parameter="sed")


def test_parameter_given_twice():
    assert_reproducible(takes, 1, seed_parameter="x")


def test_unknown_source():
    assert_reproducible(takes, 1, vary="clok")


def test_no_replays():
    assert_reproducible(takes, 1, replays=0)


def test_called_already():
    assert_reproducible(takes(1))


def test_no_seed():
    assert_reproducible(takes, 1, seed=0.5)
"""
SAID = {
    "test_generator": "CheckError: takes cannot be checked: argument `x`: a generator cannot be stored",
    "test_lock": "CheckError: takes cannot be checked: argument `x`: a _thread.lock cannot be stored",
    "test_connection": "CheckError: takes cannot be checked: argument `x`: a sqlite3.Connection cannot be stored",
    "test_result": "CheckError: returns_a_lock cannot be checked: returned: a lock (_thread.lock) has no value",
    "test_own_exception": "KeyError: 'mine'",
    "test_unknown_parameter": "takes has no parameter `sed`\n    did you mean `seed`?",
    "test_parameter_given_twice": "seed_parameter: `x` is given a value, too",
    "test_unknown_source": "vary: there is no source 'clok'\n    did you mean `clock`?",
    "test_no_replays": "replays: a whole number from 1 to 1,000,000 is expected, not 0",
    "test_called_already": "a function is expected, not int",
    "test_no_seed": "seed: a whole number of at most 39 digits is expected, not 0.5",
}


def test_what_cannot_be_checked_is_said_without_a_frame_of_this_package(project: Project) -> None:
    project.script(REFUSED, path="test_it.py")
    outcome = project.pytest("-n0", subprocess=True)
    assert outcome.where("failed") == set(SAID)
    for name, said in SAID.items():
        message = outcome.message(name)
        assert "".join(said.split()) in "".join(message.replace("\nE ", "\n").split()), message
        assert "pytest_expops/" not in message, message


def test_a_function_that_raises_in_the_replay_only_is_told_with_its_own_traceback(project: Project) -> None:
    text = """
    import sys

    from pytest_expops import assert_reproducible


    def here_only():
        if "pytest" not in sys.modules:
            raise ValueError("only elsewhere")


    def test_it():
        assert_reproducible(here_only, diagnose=False)
    """
    project.script(text, path="test_it.py")
    message = project.pytest("-n0", subprocess=True).message("test_it")
    assert "the replay raised ValueError: only elsewhere, the first run passed" in message
    assert 'test_it.py", line 9, in here_only' in message
    assert "pytest_expops/" not in message


def test_numbers_within_the_tolerance_are_equal_and_others_are_not(project: Project) -> None:
    text = """
    import os

    import pytest

    from pytest_expops import NotReproducible, assert_reproducible


    def nearly():
        return 1.0 + int.from_bytes(os.urandom(4), "big") / 2**32 * 1e-6


    def test_it():
        assert_reproducible(nearly, rtol=1e-5)
        assert_reproducible(nearly, atol=1e-5)
        for exact in ({}, {"rtol": 1e-13}):
            with pytest.raises(NotReproducible, match="returned: value differs"):
                assert_reproducible(nearly, diagnose=False, **exact)
        with pytest.raises(ValueError, match="rtol: a number from 0 to 1e300 is expected"):
            assert_reproducible(nearly, rtol=-1)
    """
    project.script(text, path="test_it.py")
    assert project.pytest("-n0", subprocess=True).items == {"test_it": "passed"}


def test_the_state_of_a_fitted_estimator_counts(project: Project) -> None:
    text = """
    import numpy as np
    import pytest

    from pytest_expops import NotReproducible, assert_reproducible
    from sklearn.linear_model import SGDClassifier

    X = np.random.default_rng(0).normal(size=(20, 3))


    def test_seeded():
        assert hasattr(assert_reproducible(SGDClassifier(random_state=0).fit, X, X[:, 0] > 0), "coef_")


    def test_unseeded():
        unseeded = np.random.RandomState(np.random.MT19937(None))
        model = SGDClassifier()

        def fit(x, y):
            return model.set_params(random_state=np.random.RandomState(np.random.MT19937(None))).fit(x, y)

        with pytest.raises(NotReproducible, match="coef_"):
            assert_reproducible(fit, X, X[:, 0] > 0, diagnose=False)
    """
    pytest.importorskip("sklearn")
    project.script(text, path="test_it.py")
    outcome = project.pytest("-n0", subprocess=True)
    assert set(outcome.items.values()) == {"passed"}, outcome.text


PLACES = {
    "src/mine/__init__.py": "",
    "src/mine/sub/__init__.py": "",
    "src/mine/util.py": "def double(x):\n    return 2 * x\n",
    "src/mine/sub/train.py": """
        from ..util import double


        class Fitted:
            def __init__(self, value):
                self.value = value


        def train(x):
            return Fitted(double(x))
    """,
    "pytest.ini": "[pytest]\npythonpath = src\n",
    "conftest.py": """
        import pytest


        def helper(x):
            return x + 1


        @pytest.fixture
        def from_conftest():
            return helper
    """,
    "tests/unit/test_it.py": """
        import os

        import pytest

        from mine.sub.train import train
        from pytest_expops import NotReproducible, assert_reproducible

        AT_IMPORT = os.urandom(4)


        class Mine:
            def __init__(self, value):
                self.value = value


        def own(x):
            return Mine(train(x))


        def imported():
            return AT_IMPORT


        def test_package():
            assert assert_reproducible(train, 3).value == 6


        def test_own():
            assert assert_reproducible(own, 3).value.value == 6


        def test_argument():
            assert_reproducible(lambda mine: mine.value, Mine(3))


        def test_conftest(from_conftest):
            assert assert_reproducible(from_conftest, 3) == 4


        def test_import_time():
            with pytest.raises(NotReproducible, match="AT_IMPORT"):
                assert_reproducible(imported)


        def test_nested():
            def drawn():
                return os.urandom(4)

            with pytest.raises(NotReproducible) as caught:
                assert_reproducible(drawn)
            assert str(caught.value).startswith("OS randomness at ")
            assert "return os.urandom(4)" in str(caught.value)
    """,
}


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_code_is_found_wherever_the_test_found_it(project: Project, mode: str) -> None:
    for path, text in PLACES.items():
        project.script(text, path=path)
    outcome = project.pytest("-n0", f"--import-mode={mode}", subprocess=True)
    assert set(outcome.items.values()) == {"passed"}, outcome.text
    assert len(outcome.items) == 6


SCRIPT = """
import os
import unittest

from pytest_expops import NotReproducible, assert_reproducible


class Mine:
    def __init__(self, value):
        self.value = value


def made(x):
    return Mine(x)


def drawn():
    return os.urandom(4)


class TestIt(unittest.TestCase):
    def test_it(self):
        self.assertEqual(assert_reproducible(made, 3).value, 3)
        with self.assertRaises(NotReproducible) as caught:
            assert_reproducible(drawn)
        self.assertIn("the operating system's randomness", str(caught.exception))
        self.assertIn("return os.urandom(4)", str(caught.exception))
        self.assertNotIn("to see just this again", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
"""


@pytest.mark.parametrize("how", [["script.py"], ["-m", "unittest", "script"]], ids=["script", "unittest"])
def test_a_program_without_pytest_can_check(project: Project, how: list[str]) -> None:
    project.script(SCRIPT, path="script.py")
    done = subprocess.run([sys.executable, *how], cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, textwrap.indent(done.stderr, "    ")
