"""A function that a test hands over, as a check: its name, its seeds, and where the user's code is."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops.errors import CheckError
from pytest_expops.verdicts.checks.described import (
    AUTOMATIC,
    calling_file,
    checked_tolerance,
    describe,
    name_of,
    root_of,
    seed_parameter_of,
    source_of,
)

ROOT = str(Path(__file__).parents[3])


def train(x: int, seed: int = 0, random_state: int = 0) -> int:
    return x + seed + random_state


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


class Model:
    def fit(self, x: int) -> int:
        return x

    def __call__(self, x: int) -> int:
        return x


def nested() -> Callable[[], int]:
    def inner() -> int:
        return 1

    return inner


NAMES: dict[str, Callable[..., Any]] = {
    "train": train,
    "Model": Model,
    "Model.fit": Model().fit,
    "Model.__call__": Model(),
    "inner": nested(),
    "lambda": lambda x: x,
    "len": len,
}


@pytest.mark.parametrize(("name", "function"), NAMES.items(), ids=NAMES)
def test_a_function_has_the_name_by_which_it_is_known(name: str, function: Callable[..., Any]) -> None:
    assert name_of(function) == name
    assert name_of(functools.partial(functools.partial(function), 1)) == name
    assert describe(function).name == name
    assert describe(function, name="mine").name == "mine"


def test_its_file_is_where_it_is_written_also_behind_a_decorator() -> None:
    for function in (train, decorated(train), functools.partial(train, 1), Model, Model().fit, Model(), nested()):
        assert source_of(function) == __file__
    assert source_of(len) == ""
    assert source_of(json.dumps) == json.__file__


def test_the_users_code_is_in_the_project_of_the_caller_and_of_the_function() -> None:
    assert calling_file() == __file__
    found = describe(train)
    assert (found.source, found.function, found.folders) == (__file__, "train", (ROOT,))
    assert describe(json.dumps).folders == (ROOT,), "a library's function is no code of the user's"


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.cfg", "tox.ini", ".git"])
def test_the_root_of_a_project_is_the_nearest_folder_that_is_marked_as_one(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "project" / "src" / "m.py"
    file.parent.mkdir(parents=True)
    (tmp_path / "setup.py").touch()
    assert root_of(str(file)) == str(tmp_path)
    (tmp_path / "project" / mark).mkdir()
    assert root_of(str(file)) == str(tmp_path / "project")


def test_a_file_of_no_project_has_its_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pytest_expops.verdicts.checks.described._MARKS", ("no-such-mark",))
    assert root_of(str(tmp_path / "m.py")) == str(tmp_path)


def test_seeds_are_whole_numbers_of_any_kind() -> None:
    assert describe(train, seed=np.int64(3)).seed == 3  # type: ignore[arg-type]
    assert type(describe(train, seeds=[np.int32(1), 2]).seeds[0]) is int  # type: ignore[list-item]
    assert describe(train, seed=None).seed is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": 1.0}, "seed: a whole number of at most 39 digits is expected, not 1.0"),
        ({"seed": True}, "seed: a whole number of at most 39 digits is expected, not True"),
        ({"seed": "1"}, "seed: a whole number of at most 39 digits is expected, not '1'"),
        ({"seeds": [1, None]}, "seed: a whole number of at most 39 digits is expected, not None"),
        ({"seeds": [2, 1, 2]}, "seeds: 2, 1 and 2 has a seed twice"),
        ({"tolerance": (-1, 0)}, "rtol: a number from 0 to 1e300 is expected, not -1"),
        ({"tolerance": (0, "1e-3")}, "atol: a number from 0 to 1e300 is expected, not '1e-3'"),
    ],
)
def test_what_is_no_seed_or_tolerance_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckError) as caught:
        describe(train, **given)
    assert caught.value.message == message


def test_tolerances_are_numbers() -> None:
    assert checked_tolerance((1, 0.5)) == (1.0, 0.5)
    with pytest.raises(CheckError):
        checked_tolerance((math.nan, 0))


@pytest.mark.parametrize(
    ("asked", "names"),
    [(AUTOMATIC, ("random_seed", "seed", "random_state")), ("rng_seed", ("rng_seed",)), (None, ())],
)
def test_a_check_knows_which_parameters_can_get_the_seed(asked: str | None, names: tuple[str, ...]) -> None:
    assert describe(train, seed_parameter=asked).seed_names == names


def takes_any(**settings: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "asked", "given", "gets"),
    [
        (train, AUTOMATIC, (), "seed"),
        (train, AUTOMATIC, ("seed",), "random_state"),
        (train, AUTOMATIC, ("seed", "random_state"), None),
        (train, None, (), None),
        (train, "x", (), "x"),
        (takes_any, "rng_seed", (), "rng_seed"),
        (takes_any, AUTOMATIC, (), None),
        (max, AUTOMATIC, (), None),
    ],
)
def test_the_seed_goes_to_the_parameter_that_is_asked_for_or_to_the_first_that_is_free(
    function: Callable[..., Any], asked: str | None, given: tuple[str, ...], gets: str | None
) -> None:
    assert seed_parameter_of(function, asked, given) == gets


@pytest.mark.parametrize(
    ("asked", "given", "message"),
    [
        ("sed", (), "seed_parameter: train has no parameter `sed`\n    did you mean `seed`?"),
        ("other", (), "seed_parameter: train has no parameter `other`\n    its parameters: x, seed, random_state"),
        ("seed", ("seed",), "seed_parameter: `seed` is given a value, too\n    leave one of the two out"),
    ],
)
def test_a_parameter_that_cannot_get_the_seed_is_refused(asked: str, given: tuple[str, ...], message: str) -> None:
    with pytest.raises(CheckError) as caught:
        seed_parameter_of(train, asked, given)
    assert str(caught.value) == message
