"""A call that a test hands over: its outputs, the seed, and arguments that it changes in place."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from pytest_expops.execution.calls.checked_call import CheckedCall, named_arguments


class Owner:
    def __init__(self) -> None:
        self.calls = 0

    def add(self, x: int, *rest: int, key: int = 0) -> int:
        self.calls += 1
        return x + key


def appends(items: list[int], other: list[int]) -> int:
    items.append(1)
    return len(other)


def test_an_argument_that_is_changed_in_place_is_an_output_and_others_are_not() -> None:
    assert CheckedCall(appends, ([0], [5])).prepared(1)() == {"returned": 1, "argument items": [0, 1]}


def test_the_object_of_a_bound_method_is_an_argument() -> None:
    owner = Owner()
    assert CheckedCall(owner.add, (2,)).prepared(1)() == {"returned": 2, "argument self": owner}


def test_the_seed_goes_to_the_parameter_that_was_chosen() -> None:
    assert CheckedCall(Owner().add, (2,), {}, "key").prepared(40)()["returned"] == 42


@pytest.mark.parametrize(
    ("function", "args", "named"),
    [
        (appends, (1, 2), {"items": 1, "other": 2}),
        (functools.partial(appends, 1), (2,), {"items": 1, "other": 2}),
        (functools.partial(appends, other=2), (1,), {"items": 1, "other": 2}),
        (lambda *args: args, (7, 8), {"1": 7, "2": 8}),
    ],
)
def test_arguments_are_named_by_their_parameters_or_places(
    function: Any, args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    assert named_arguments(function, args, {}) == named
