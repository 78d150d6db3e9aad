"""Task seeds and the random streams that start from them (S4.3), with Python and NumPy."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.seeding import task_seeds as seeding
from pytest_expops.execution.seeding.task_seeds import add_library, rng_digests, seeded, task_seed

seeds = st.integers(0, 2**64 - 1)
tasks = st.tuples(st.integers(), st.text(), st.none() | st.text(), st.integers(0, 99))


@pytest.fixture(autouse=True)
def _own_streams() -> Iterator[None]:
    """Each test may do to the global streams what it likes."""
    python, generator = random.getstate(), np.random.get_bit_generator()
    numpy = np.random.get_state(legacy=False)
    yield
    random.setstate(python)
    np.random.set_bit_generator(generator)
    np.random.set_state(numpy)


def draw() -> tuple[Any, ...]:
    """Numbers of every kind that leaves something behind: whole, uniform, and the first of a pair of normal ones."""
    return (
        random.random(),
        random.gauss(0, 1),
        random.getrandbits(70),
        float(np.random.random_sample()),
        float(np.random.standard_normal()),
        np.random.permutation(5).tolist(),
    )


# The task seed


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ((42, "train"), 6529685574243424735),
        ((42, "train", "fit"), 4689000499379399824),
        ((42, "train", "fit", 1), 6320912359792595024),
        ((-3, "eval_2_1_seed-3"), 17526709084889636403),
        ((2**70, 'naïve "model" \U0001f600'), 2952262185394058760),
    ],
)
def test_task_seeds_never_change(task: Any, expected: int) -> None:
    """A change here would change the results of every pipeline: it must come with a new name for the formula."""
    assert task_seed(*task) == expected


@given(tasks)
def test_a_task_seed_is_the_documented_formula(task: tuple[int, str, str | None, int]) -> None:
    text = json.dumps(["pytest-expops task seed 1", *task], separators=(",", ":"))
    assert task_seed(*task) == int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)


@given(tasks, tasks)
def test_different_tasks_have_different_seeds(one: Any, other: Any) -> None:
    assert (task_seed(*one) == task_seed(*other)) == (one == other)


def test_names_that_run_together_are_told_apart() -> None:
    confusable = [(1, "a", "b"), (1, 'a","b'), (1, "a,b"), (11, "a"), (1, "1a"), (1, "a", None), (1, "a", "null")]
    assert len({task_seed(*task) for task in confusable}) == len(confusable)


# Seeding


@given(seeds, st.integers(), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_streams_depend_on_nothing_but_the_seed(seed: int, python: int, numpy: int, draws: int) -> None:
    with seeded(seed):
        expected = draw()
    random.seed(python)
    np.random.seed(numpy)
    for _ in range(draws):  # an odd number of normal deviates leaves one behind
        draw()
    with seeded(seed):
        assert draw() == expected


@given(seeds)
def test_the_streams_can_be_had_by_hand(seed: int) -> None:
    with seeded(seed):
        obtained = draw()
    random.seed(seed)
    np.random.seed([seed >> 32, seed & 0xFFFFFFFF])
    assert draw() == obtained


def test_different_seeds_give_different_streams() -> None:
    drawn = []
    for seed in (0, 1, 2**32, 2**63, 2**64 - 1):
        with seeded(seed):
            drawn.append(draw())
    for column in zip(*(each[:5] for each in drawn), strict=True):
        assert len(set(column)) == 5


@pytest.mark.parametrize("seed", [1, task_seed(42, "train")])
def test_python_and_numpy_do_not_get_the_same_stream(seed: int) -> None:
    # Both are MT19937 with the same initialisation by an array of words.
    with seeded(seed):
        assert [random.random() for _ in range(3)] != np.random.random_sample(3).tolist()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_is_no_task_seed_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=f"an unsigned 64-bit integer, as task_seed.. returns, not {seed}$"):
        seeded(seed)


# Restoring


def session_streams(prepare: Callable[[], object], process: Callable[[], object]) -> list[Any]:
    """What the session draws after `prepare`, with `process` run in between."""
    random.seed(7)
    np.random.seed(7)
    prepare()
    process()
    return [draw() for _ in range(400)]  # past the 624 words that are made at a time


def _draw_in_a_process() -> None:
    with seeded(3):
        draw()


def _draw_in_a_failing_process() -> None:
    with pytest.raises(ZeroDivisionError), seeded(3):
        _ = 1 / (draw()[0] * 0)


def _draw_in_steps() -> None:
    with seeded(3):
        for seed in (4, 5):
            with seeded(seed):
                draw()
            draw()


def _swap_generator_in_a_process() -> None:
    with seeded(3):
        np.random.set_bit_generator(np.random.PCG64(1))
        draw()


def _half_a_pair() -> None:
    random.gauss(0, 1)
    np.random.standard_normal()


def _another_generator() -> None:
    np.random.set_bit_generator(np.random.PCG64(5))
    np.random.standard_normal()  # legacy normal deviates come in pairs here, too


@pytest.mark.parametrize("prepare", [lambda: None, _half_a_pair, _another_generator])
@pytest.mark.parametrize(
    "process", [_draw_in_a_process, _draw_in_a_failing_process, _draw_in_steps, _swap_generator_in_a_process]
)
def test_the_session_draws_on_as_if_no_process_had_run(
    prepare: Callable[[], object], process: Callable[[], object]
) -> None:
    assert session_streams(prepare, process) == session_streams(prepare, lambda: None)


def test_the_session_gets_its_own_bit_generator_back() -> None:
    mine = np.random.PCG64(5)
    np.random.set_bit_generator(mine)
    with seeded(3):
        assert np.random.get_bit_generator() is not mine
    assert np.random.get_bit_generator() is mine


@pytest.mark.parametrize("prepare", [lambda: None, _half_a_pair])
def test_a_step_leaves_the_stream_of_its_process_as_it_found_it(prepare: Callable[[], object]) -> None:
    with seeded(1):
        prepare()
        expected = [draw(), draw()]
    with seeded(2):
        in_step = draw()
    with seeded(1):
        prepare()
        with seeded(2):
            assert draw() == in_step
        obtained = draw()
        with seeded(2):
            assert draw() == in_step
        assert [obtained, draw()] == expected


def test_a_context_can_be_left_by_an_exception_of_any_kind() -> None:
    before = rng_digests()
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(error), seeded(1):
            raise error
    assert rng_digests() == before


# Digests


def test_digests_are_equal_just_when_the_streams_go_on_alike() -> None:
    def digests(*steps: Callable[[], object]) -> dict[str, str]:
        with seeded(1):
            for step in steps:
                step()
            return {name: rng_digests()[name] for name in ("python", "numpy")}

    start = digests()
    assert digests() == start
    assert start["python"] != start["numpy"]
    assert {len(each) for each in start.values()} == {16}
    drawn = digests(random.random)
    assert (drawn["python"] != start["python"], drawn["numpy"] == start["numpy"]) == (True, True)
    # The second of a pair is only in the cache: the words of the generator stay the same.
    one, two = digests(lambda: random.gauss(0, 1)), digests(lambda: [random.gauss(0, 1) for _ in range(2)])
    assert one["python"] != two["python"]
    one, two = digests(np.random.standard_normal), digests(lambda: [np.random.standard_normal() for _ in range(2)])
    assert one["numpy"] != two["numpy"]


def test_taking_digests_draws_nothing() -> None:
    with seeded(1):
        expected = draw()
    with seeded(1):
        rng_digests()
        assert draw() == expected


def _python(code: str, tmp_path: Path, **environment: str) -> Any:
    """What `code` prints as JSON, in an interpreter of its own."""
    root = str(Path(__file__).parents[3])
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    path = os.pathsep.join([root, str(tmp_path)])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


_DRAW = """
import json, random, sys
from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded, task_seed
{early}
with seeded(task_seed(42, "train")):
    import numpy as np
    drawn = [random.random(), np.random.random_sample(2).tolist()]
    with seeded(task_seed(42, "train", "fit")):
        drawn.append(np.random.random_sample())
    drawn.append([random.random(), np.random.random_sample()])
    digests = rng_digests()
print(json.dumps([drawn, digests]))
"""


def test_streams_and_digests_are_the_same_in_every_interpreter(tmp_path: Path) -> None:
    """Whether the session has drawn or imported NumPy before, and whatever the hash seed is."""
    one = _python(_DRAW.replace("{early}", ""), tmp_path, PYTHONHASHSEED="1")
    other = _python(
        _DRAW.replace("{early}", "import numpy; numpy.random.seed(5); numpy.random.randn(); random.gauss(0, 1)"),
        tmp_path,
        PYTHONHASHSEED="2",
    )
    assert one == other


def test_nothing_is_imported_to_be_seeded(tmp_path: Path) -> None:
    code = """
import json, sys
from pytest_expops.execution.seeding.task_seeds import rng_digests, seeded
with seeded(1):
    names = list(rng_digests())
print(json.dumps([names, sorted({"numpy", "torch", "tensorflow", "keras", "pandas"} & set(sys.modules))]))
"""
    assert _python(code, tmp_path) == [["python"], []]


# First imports


class Dice:
    """A library with one global number as its random state, which its import takes from Python's `random`."""

    name = module = "fake_dice"
    needs = "state"

    def save(self) -> Any:
        return sys.modules[self.module].state

    def seed(self, seed: int) -> None:
        sys.modules[self.module].state = seed

    def restore(self, state: Any) -> None:
        sys.modules[self.module].state = state

    def digest(self, state: Any) -> str:
        return f"{state:016x}"


class Cup(Dice):
    """A library that imports the dice, and throws them while it is imported."""

    name = module = "fake_cup"


class FailingDice(Dice):
    """Dice that cannot be put back."""

    def restore(self, state: Any) -> None:
        raise OSError("lost under the table")


class StuckDice(Dice):
    """Dice that cannot be seeded."""

    def seed(self, seed: int) -> None:
        raise OSError("stuck to the table")


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes libraries known to the seeding, and importable."""
    (tmp_path / "fake_dice.py").write_text("import random\nstate = random.randint(0, 10**9)\n", encoding="utf-8")
    (tmp_path / "fake_cup.py").write_text(
        "import random, fake_dice\nfake_dice.state += 1\nstate = random.randint(0, 10**9)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(*libraries: Any) -> None:
        monkeypatch.setattr(seeding, "LIBRARIES", dict(seeding.LIBRARIES))
        for library in libraries:
            add_library(library)

    for name in ("fake_dice", "fake_cup"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return install


def _forget() -> None:
    for name in ("fake_dice", "fake_cup"):
        sys.modules.pop(name, None)


def test_it_makes_no_difference_who_imports_a_library(toys: Callable[..., None]) -> None:
    toys(Dice(), Cup())

    def process(before: str = "", in_process: str = "", in_step: str = "") -> Any:
        _forget()
        random.seed(11)
        exec(before)
        with seeded(1):
            exec(in_process)
            start = draw()
            with seeded(2):
                exec(in_step)
                import fake_cup
                import fake_dice

                step = (draw(), fake_dice.state, fake_cup.state)
                fake_dice.state = fake_cup.state = -1
            return start, step, draw(), fake_dice.state, fake_cup.state

    expected = process(before="import fake_cup")
    assert expected[1][1:] == (2, 2)
    assert expected[3:] == (1, 1)
    assert process(before="import fake_dice") == expected
    assert process(in_process="import fake_cup") == expected
    assert process(in_process="import fake_dice", in_step="import fake_cup") == expected
    assert process(in_step="import fake_dice") == expected
    assert process() == expected


def test_a_library_first_imported_in_a_process_is_left_as_its_import_left_it(toys: Callable[..., None]) -> None:
    toys(Dice())
    with seeded(1):
        expected = random.randint(0, 10**9)  # what the import takes, the process being seeded by then
    with seeded(1):
        import fake_dice

        assert fake_dice.state == 1
    assert fake_dice.state == expected


def test_importing_takes_no_numbers_from_the_process(toys: Callable[..., None]) -> None:
    toys(Dice())
    with seeded(1):
        expected = draw()
    with seeded(1):
        import fake_dice  # noqa: F401

        assert draw() == expected


def test_a_failed_import_is_tried_and_seeded_again(toys: Callable[..., None], tmp_path: Path) -> None:
    toys(Dice())
    good = (tmp_path / "fake_dice.py").read_text(encoding="utf-8")
    (tmp_path / "fake_dice.py").write_text(
        "import random\nrandom.random()\nraise ImportError('no')\n", encoding="utf-8"
    )
    with seeded(1):
        expected = draw()
    with seeded(1):
        with pytest.raises(ImportError, match=r"^no$"):
            import fake_dice
        assert draw() == expected
        (tmp_path / "fake_dice.py").write_text(good + "# longer, so that it is compiled anew\n", encoding="utf-8")
        import fake_dice

        assert fake_dice.state == 1


def test_a_library_imported_outside_a_process_is_not_touched(toys: Callable[..., None]) -> None:
    toys(Dice())
    with seeded(1):
        pass
    random.seed(11)
    expected = random.randint(0, 10**9)
    random.seed(11)
    import fake_dice

    assert fake_dice.state == expected


def test_a_library_that_cannot_be_restored_does_not_keep_the_others_from_it(toys: Callable[..., None]) -> None:
    toys(FailingDice())
    import fake_dice  # noqa: F401

    before = {name: rng_digests()[name] for name in ("python", "numpy")}
    with pytest.raises(OSError, match="lost under the table"), seeded(1):
        draw()
    assert {name: rng_digests()[name] for name in ("python", "numpy")} == before
    assert seeding._active == []


def test_a_library_that_cannot_be_seeded_leaves_everything_as_it_was(toys: Callable[..., None]) -> None:
    toys(StuckDice())
    import fake_dice  # noqa: F401

    before, finders = rng_digests(), list(sys.meta_path)
    with pytest.raises(OSError, match="stuck to the table"), seeded(1):
        pytest.fail("the process must not run")
    assert rng_digests() == before
    assert (seeding._active, sys.meta_path) == ([], finders)


def test_a_stand_in_for_a_library_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(manual_seed=lambda seed: pytest.fail("called")))
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with seeded(1):
        assert not {"torch", "tensorflow"} & rng_digests().keys()
