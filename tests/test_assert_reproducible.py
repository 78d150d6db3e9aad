"""`assert_reproducible` on functions of this file: what it finds, what it lets pass, and what it says."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops import ChangedArgumentWarning, CheckError, NotReproducible, assert_reproducible, assert_seed_matters

IMPORTED = uuid.uuid4().hex  # planted
CONSTANT = "constant"
_calls = 0
_cache: dict[str, int] = {}


def draws_unseeded(x: Any) -> Any:
    noise = np.random.default_rng().normal(size=3)  # planted
    return x + noise


def draws_seeded(x: Any, random_seed: int = 0) -> Any:
    return x + np.random.default_rng(random_seed).normal(size=3)


def draws_globally(x: Any) -> Any:
    return x + np.random.rand(3) + random.random()


def lists_a_set(x: Any) -> Any:
    names = {"alpha", "beta", "gamma", "delta", "epsilon"}
    return list(names)  # planted


def sorts_a_set(x: Any) -> Any:
    return sorted({"alpha", "beta", "gamma", "delta", "epsilon"})


def uses_what_importing_drew(x: Any) -> Any:
    return IMPORTED


def uses_a_constant(x: Any) -> Any:
    return CONSTANT


def stamps(x: Any) -> Any:
    return {"at": time.time(), "x": x}  # planted


def measures(x: Any) -> Any:
    began = time.time()
    print("took", time.time() - began)
    return {"x": x}


def counts_calls(x: Any) -> Any:
    global _calls
    _calls += 1  # planted
    return x * _calls


def caches(x: Any) -> Any:
    return x * _cache.setdefault("factor", 2)


def changes_its_argument_at_random(x: Any) -> None:
    x += random.SystemRandom().random()  # planted


def changes_its_argument(x: Any) -> None:
    x += 1


X = np.arange(3.0)
LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


def line_of(function: Callable[..., Any], planted: str = "# planted") -> int:
    begin = function.__code__.co_firstlineno
    return next(number for number, line in enumerate(LINES, 1) if number > begin and line.endswith(planted))


@functools.cache
def failure(function: Callable[..., Any]) -> str:
    with pytest.raises(NotReproducible) as caught:
        assert_reproducible(function, X)
    return str(caught.value)


BRIEF = {
    "the operating system's randomness": "OS randomness",
    "what an earlier call left behind": "an earlier call",
}


@pytest.mark.parametrize(
    ("function", "path", "cause"),
    [
        (draws_unseeded, "returned[0]", "the operating system's randomness"),
        (lists_a_set, "returned", "the hash seed"),
        (stamps, "returned['at']", "the clock"),
        (counts_calls, "returned[1]", "what an earlier call left behind"),
        (changes_its_argument_at_random, "argument x[0]", "the operating system's randomness"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_defect_is_told_with_place_and_cause(function: Callable[..., Any], path: str, cause: str) -> None:
    text = failure(function)
    head, _, rest = text.partition("\n")
    brief = BRIEF.get(cause, cause.removeprefix("the "))
    assert re.fullmatch(rf"{brief} at \S*:\d+: {re.escape(path)}: .*; not deterministic", head)
    assert f"\n{function.__name__} was run again on the same inputs with the same seed" in rest
    assert f"test_assert_reproducible.py:{line_of(function)} in {function.__name__}, " in rest
    assert f"\nwhy:    {cause}\n" in rest
    assert "outputs[" not in text
    assert "process" not in rest.partition("fix:")[0]


def test_what_importing_drew_is_told_with_its_line() -> None:
    text = failure(uses_what_importing_drew)
    line = next(number for number, each in enumerate(LINES, 1) if each.startswith("IMPORTED"))
    assert f"test_assert_reproducible.py:{line} in <module>, " in text
    assert text.startswith("OS randomness at ")


@pytest.mark.parametrize(
    "function",
    [draws_seeded, draws_globally, sorts_a_set, uses_a_constant, measures, caches, changes_its_argument],
    ids=lambda function: function.__name__,
)
def test_a_look_alike_passes(function: Callable[..., Any]) -> None:
    assert_reproducible(function, X, replays=2)


def test_a_first_call_is_said_where_it_matters_and_nowhere_else() -> None:
    assert "with PYTHONHASHSEED=3100131574, after a first call there, and the second run" in failure(counts_calls)
    assert "called once in an interpreter, 5 of 5 replays agree; after a first call, 0 of 5" in failure(counts_calls)
    assert "first call" not in failure(draws_unseeded)
    assert_reproducible(remembers_once, X, twice=False)


def remembers(x: Any, counted: list[int] = []) -> int:  # noqa: B006
    counted.append(1)
    return len(counted)


def remembers_once(x: Any, counted: list[int] = []) -> int:  # noqa: B006
    counted.append(1)
    return len(counted)


def remembers_before(x: Any, counted: list[int] = []) -> int:  # noqa: B006
    counted.append(1)
    return len(counted)


def test_state_in_a_default_argument_is_found() -> None:
    with pytest.raises(NotReproducible, match=r"^an earlier call.*: returned.*; not deterministic\n") as caught:
        assert_reproducible(remembers, X)
    assert "called once in an interpreter, " in str(caught.value)


def test_state_is_found_also_where_it_was_called_before_here() -> None:
    remembers_before(X)
    with pytest.raises(NotReproducible, match=r"^an earlier call.*: returned.*; not deterministic\n") as caught:
        assert_reproducible(remembers_before, X)
    assert "after a first call, 4 of 4 replays agree with the first run; without, 0 of 5" in str(caught.value)


def test_a_changed_argument_is_said_to_be_changed() -> None:
    assert failure(changes_its_argument_at_random).endswith("\n\n`x` is changed in place")
    x = X.copy()
    with pytest.warns(ChangedArgumentWarning, match="^changes_its_argument changes `x` in place$") as warned:
        assert_reproducible(changes_its_argument, x)
    assert [each.filename for each in warned] == [__file__]
    assert (x == X).all(), "each call gets its own arguments"


def test_it_returns_what_the_first_call_returned() -> None:
    assert (assert_reproducible(draws_seeded, X, random_seed=3) == draws_seeded(X, 3)).all()
    found = assert_reproducible(draws_seeded, X, seeds=[1, 2])
    assert list(found) == [1, 2]
    assert (found[2] == draws_seeded(X, 2)).all()


def test_seeds_that_differ_alike_are_told_once_in_full() -> None:
    with pytest.raises(NotReproducible) as caught:
        assert_reproducible(draws_unseeded, X, seeds=[1, 2])
    text = str(caught.value)
    assert text.count("where:  ") == 1
    last = text.splitlines()[-1]
    assert last.startswith("draws_unseeded_seed2: OS randomness at ")
    assert last.endswith("; not deterministic; `draws_unseeded_seed1` tells why")


def test_the_session_draws_on_as_if_nothing_had_been_checked() -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    assert_reproducible(draws_globally, X)
    assert (random.random(), np.random.rand()) == expected


def takes_seed(x: Any, seed: int | None = None) -> Any:
    return seed


def takes_state(x: Any, *, random_state: int, seed: int = 9) -> Any:
    return random_state, seed


def takes_rng_seed(x: Any, rng_seed: int = 0) -> Any:
    return rng_seed


def test_the_seed_goes_to_the_parameter_that_is_named_for_it() -> None:
    assert assert_reproducible(takes_seed, X) == 42
    assert assert_reproducible(takes_seed, X, seed=7) == 7
    assert assert_reproducible(takes_seed, X, 5, seed=7) == 5
    assert assert_reproducible(takes_state, X, random_state=3, seed=7) == (3, 7)
    assert assert_reproducible(takes_rng_seed, X, seed=7, seed_parameter="rng_seed") == 7
    assert assert_reproducible(takes_seed, X, seed=7, seed_parameter=None) is None


class Model:
    """Something with state."""

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = rate
        self.weights: Any = None

    def fit(self, x: Any) -> Model:
        self.weights = x * self.rate
        return self

    def fit_badly(self, x: Any) -> None:
        self.weights = x * random.SystemRandom().random()

    def __call__(self, x: Any) -> Any:
        return x * self.rate


def test_methods_are_judged_by_the_state_of_their_object() -> None:
    fitted = assert_reproducible(Model().fit, X)
    assert (fitted.weights == X / 2).all()
    with pytest.raises(NotReproducible, match=r"^argument self\.weights\[1\]: "):
        assert_reproducible(Model().fit_badly, X, diagnose=False)


def test_many_things_can_be_called() -> None:
    factor = 3

    def nested(x: Any) -> Any:
        return x * factor

    assert assert_reproducible(Model, 0.25).rate == 0.25
    assert (assert_reproducible(Model(2.0), X) == X * 2).all()
    assert (assert_reproducible(functools.partial(np.add, 1), X) == X + 1).all()
    assert (assert_reproducible(lambda x: x + factor, X) == X + 3).all()
    assert (assert_reproducible(nested, X) == X * 3).all()
    assert assert_reproducible(sum, [1, 2]) == 3


def test_an_object_of_a_class_of_a_function_is_judged_by_its_state() -> None:
    class Local:
        def fit(self, x: Any) -> Local:
            self.weights = x * 2
            return self

    assert (assert_reproducible(Local().fit, X).weights == X * 2).all()


def test_what_a_nested_function_changes_around_it_is_said() -> None:
    count = 0

    def counts(x: Any) -> int:
        nonlocal count
        count += 1
        return count

    with pytest.warns(ChangedArgumentWarning, match="counts changes `count` in place"):
        assert_reproducible(counts, X)


def reads_constant(x: Any) -> Any:
    return CONSTANT


def test_what_a_test_has_changed_is_said_to_be_no_part_of_a_fresh_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "CONSTANT", "patched")
    with pytest.raises(NotReproducible, match=r"by `monkeypatch` or a fixture, say, a fresh one does not have"):
        assert_reproducible(reads_constant, X)


async def awaits(x: Any) -> Any:
    await asyncio.sleep(0)
    return x + 1


def test_async_functions_are_awaited_also_within_a_running_loop() -> None:
    assert (assert_reproducible(awaits, X) == X + 1).all()

    async def test() -> Any:
        return assert_reproducible(awaits, X)

    assert (asyncio.run(test()) == X + 1).all()


@pytest.mark.parametrize(
    ("value", "kind"),
    [((n for n in "abc"), "generator"), (threading.Lock(), "lock"), (socket.socket(), "socket")],
    ids=["generator", "lock", "socket"],
)
def test_an_argument_that_cannot_be_stored_is_named(value: Any, kind: str) -> None:
    with pytest.raises(CheckError, match=rf"(?s)caches cannot be checked: argument `x`: .*{kind}"):
        assert_reproducible(caches, value)
    with pytest.raises(CheckError, match="argument `key`: "):
        assert_reproducible(functools.partial(dict, key=value))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"seed": "42"}, "seed: a whole number of at most 39 digits is expected, not '42'"),
        ({"seeds": [1, 1]}, "seeds: 1 and 1 has a seed twice"),
        ({"seeds": []}, r"seeds: whole numbers are expected, not \[\]"),
        ({"seeds": 3}, "seeds: whole numbers are expected, not 3"),
        ({"rtol": "a"}, "rtol: a number from 0 to 1e300 is expected, not 'a'"),
        ({"replays": 0}, "replays: a whole number from 1 to 1,000,000 is expected, not 0"),
        ({"vary": "clok"}, "(?s)vary: there is no source 'clok'.*did you mean `clock`"),
        ({"vary": ["entropy"]}, "vary: there is no source 'entropy'"),
        ({"rtol": -1}, "rtol: a number from 0 to 1e300 is expected, not -1"),
        ({"seed_parameter": "sead"}, "(?s)takes_seed has no parameter `sead`.*did you mean `seed`"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_is_expected(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckError, match=message):
        assert_reproducible(takes_seed, X, **keywords)
    with pytest.raises(CheckError, match="a function is expected, not int"):
        assert_reproducible(3)  # type: ignore[arg-type]


def raises(x: Any) -> None:
    raise KeyError("mine")


def test_the_users_own_error_is_raised_without_frames_of_ours() -> None:
    with pytest.raises(KeyError, match="mine") as caught:
        assert_reproducible(raises, X)
    shown = [entry.path for entry in caught.traceback.filter(lambda entry: not entry.ishidden(caught))]
    assert [Path(path).name for path in shown] == [Path(__file__).name] * 2


def test_our_errors_have_no_frames_of_ours() -> None:
    with pytest.raises(NotReproducible) as caught:
        assert_reproducible(stamps, X, diagnose=False)
    shown = [entry.path for entry in caught.traceback.filter(lambda entry: not entry.ishidden(caught))]
    assert [Path(path).name for path in shown] == [Path(__file__).name]


def test_tolerances_hold_for_what_is_returned() -> None:
    def nearly(x: Any) -> Any:
        return x + random.SystemRandom().random() * 1e-9

    assert_reproducible(nearly, X, atol=1e-6)
    with pytest.raises(NotReproducible):
        assert_reproducible(nearly, X, diagnose=False)


def reads_surroundings() -> tuple[str | None, str]:
    return os.environ.get("OF_THE_TEST"), os.getcwd()


def test_variables_and_folder_of_the_test_are_those_of_its_replays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OF_THE_TEST", "here")
    monkeypatch.chdir(tmp_path)
    assert assert_reproducible(reads_surroundings) == ("here", os.path.realpath(tmp_path))


def test_what_else_is_varied_is_said() -> None:
    def here() -> str:
        return time.strftime("%H %Z", time.localtime(0))

    assert_reproducible(here)
    with pytest.raises(NotReproducible, match=r"^time zone") as caught:
        assert_reproducible(here, vary="timezone")
    assert ", and with another timezone, and the second run" in str(caught.value)


def ignores_its_seed(x: Any, seed: int = 0) -> Any:
    return {"mean": float(x.mean()), "weights": x}


def uses_part_of_its_seed(x: Any, seed: int = 0) -> Any:
    return {"mean": float(x.mean()), "draw": seed % 2}


def test_a_seed_that_reaches_nothing_is_told_with_what_never_changes() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_seed_matters(ignores_its_seed, X, seeds=[1, 3])
    text = str(caught.value)
    assert text.startswith("the seed does not matter: ignores_its_seed gives the same under the seeds 1 and 3\n")
    assert "these never change: `returned['mean']`, `returned['weights']`\n" in text
    assert "the seed was given to its parameter `seed`, and the global generators" in text


def test_a_seed_matters_if_two_of_them_make_a_difference() -> None:
    found = assert_seed_matters(uses_part_of_its_seed, X, seeds=[1, 2, 3])
    assert [each["draw"] for each in found.values()] == [1, 0, 1]
    assert_seed_matters(draws_globally, X)
    with pytest.raises(AssertionError, match="it has no free parameter `random_seed`, `seed` or `random_state`"):
        assert_seed_matters(uses_a_constant, X)
    with pytest.raises(CheckError, match="seeds: at least two are needed, not 1"):
        assert_seed_matters(uses_part_of_its_seed, X, seeds=[1])
