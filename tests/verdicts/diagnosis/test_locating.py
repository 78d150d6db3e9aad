"""How the two runs that are traced are made: what differs harmlessly is held."""

from __future__ import annotations

from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.verdicts.diagnosis._locating import Parting, is_at, place_of
from pytest_expops.verdicts.findings import Place


def test_what_is_no_cause_is_held_and_what_is_one_is_free() -> None:
    drawn = frozenset({"entropy", "clock", "threads"})
    (one, other), _ = Parting(("entropy",), drawn).plans()
    assert one == other
    assert one.held == {"clock", "imports", "hashseed", "generators"}
    (one, _), _ = Parting(("hashseed",), drawn).plans()
    assert one.held == {"entropy", "clock", "imports", "generators"}
    (one, _), _ = Parting(("generators",), drawn).plans()
    assert one.held == {"entropy", "clock", "imports", "hashseed"}


def test_nothing_is_held_the_second_time() -> None:
    first, second = Parting((), frozenset({"entropy"})).plans()
    assert first[0].held == {"entropy", "imports", "hashseed", "generators"}
    assert second[0].held == second[1].held == frozenset()
    _, second = Parting(("hashseed",), frozenset({"env"})).plans()  # it is in the environment, too
    assert second[0].held == second[1].held == frozenset()


def test_a_line_that_was_held_alone_is_told_with_the_step_around_it() -> None:
    site = Site("m.py", 5, "initial", "uuid.uuid4()", "weights")
    assert not is_at(Place("m.py", 13, "train", None, "variable name", ""), site)
    place = place_of(site)
    assert (place.line, place.function, place.step, place.path) == (
        5,
        "initial",
        "weights",
        "the result of uuid.uuid4()",
    )
    assert is_at(place, site)
