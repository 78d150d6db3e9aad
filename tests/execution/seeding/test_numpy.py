"""NumPy's global state is saved and put back exactly (S4.3), and no way of drawing escapes notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.execution.seeding._numpy import NumPy
from pytest_expops.execution.seeding.task_seeds import preserved, seeded

GENERATORS: dict[str, Callable[[], Any]] = {
    "MT19937": lambda: np.random.MT19937(7),
    "PCG64": lambda: np.random.PCG64(7),
    "SFC64": lambda: np.random.SFC64(7),
    "Philox": lambda: np.random.Philox(7),
}
DRAWS: dict[str, Callable[[Any], object]] = {
    "nothing": lambda session: None,
    "uniform": lambda session: np.random.random(3),
    "the first of a pair": lambda session: np.random.standard_normal(),
    "a pair": lambda session: np.random.standard_normal(2),
    "a new start": lambda session: np.random.seed(1),
    "a new start without a seed": lambda session: np.random.seed(None),
    "more than all words": lambda session: np.random.random(700),
    "the session's generator, set again": lambda session: (np.random.set_bit_generator(session), np.random.random()),
    "the session's generator, in another's hands": lambda session: np.random.Generator(session).random(),
    "another generator": lambda session: np.random.set_bit_generator(np.random.PCG64(1)),
}


@contextmanager
def session_with(generator: Any) -> Iterator[None]:
    """Hypothesis, too, has the state of before in mind, example by example."""
    before, state = np.random.get_bit_generator(), np.random.get_state(legacy=False)
    np.random.set_bit_generator(generator)
    try:
        yield
    finally:
        np.random.set_bit_generator(before)
        np.random.set_state(state)


def after(kind: str, before: list[str], within: Callable[[Any], object]) -> tuple[Any, ...]:
    """What the session draws, having drawn `before`, after `within`."""
    generator = GENERATORS[kind]()
    with session_with(generator):
        for each in before:
            DRAWS[each](generator)
        within(generator)
        state = np.random.get_state(legacy=False)
        drawn = np.random.standard_normal(3).tolist(), np.random.random(3).tolist()
        return np.random.get_bit_generator() is generator, repr(state), drawn


OWN = [name for name in DRAWS if name not in ("another generator", "a new start", "a new start without a seed")]


@pytest.mark.parametrize("context", [lambda: seeded(5), preserved], ids=["seeded", "preserved"])
@given(
    st.sampled_from(list(GENERATORS)),
    st.lists(st.sampled_from(OWN), max_size=3),
    st.lists(st.sampled_from(list(DRAWS)), max_size=3),
)
def test_the_session_draws_on_as_if_nothing_had_been_drawn_within(
    context: Callable[[], Any], kind: str, before: list[str], within: list[str]
) -> None:
    def draw(session: Any) -> None:
        with context():
            for each in within:
                # NumPy's own generators can alone be given a seed by `seed`.
                if not (
                    each.startswith("a new start") and type(np.random.get_bit_generator()) is not np.random.MT19937
                ):
                    DRAWS[each](session)

    assert after(kind, before, draw) == after(kind, before, lambda session: None)


@given(st.lists(st.sampled_from(OWN), max_size=4), st.lists(st.sampled_from(OWN), max_size=4))
def test_digests_are_equal_just_when_states_are(one: list[str], other: list[str]) -> None:
    library, found = NumPy(), []
    for draws in (one, other):
        generator = np.random.MT19937(7)
        with session_with(generator):
            for each in draws:
                DRAWS[each](generator)
            found.append((library.digest(library.save()), repr(np.random.get_state(legacy=False))))
    (digest, state), (other_digest, other_state) = found
    assert (digest == other_digest) == (state == other_state)


def test_what_a_process_raises_leaves_no_trace_in_the_stream() -> None:
    def process() -> None:
        np.random.set_bit_generator(np.random.PCG64(1))
        np.random.standard_normal()
        raise KeyError("x")

    def fail(session: Any) -> None:
        with pytest.raises(KeyError), seeded(5):
            process()

    assert after("MT19937", ["the first of a pair"], fail) == after("MT19937", ["the first of a pair"], lambda _: None)


def test_what_is_drawn_within_depends_on_the_seed_alone() -> None:
    def drawn(kind: str, seed: int) -> list[float]:
        with session_with(GENERATORS[kind]()), seeded(seed):
            return np.random.random(3).tolist()

    assert len({tuple(drawn(kind, 5)) for kind in GENERATORS}) == 1
    assert drawn("MT19937", 5) != drawn("MT19937", 6)


def test_a_step_does_not_reseed_a_generator_that_the_process_has_kept() -> None:
    def drawn(*, step: bool) -> float:
        with seeded(5):
            kept = np.random.get_bit_generator()
            np.random.set_bit_generator(np.random.PCG64(1))
            if step:
                with seeded(6):
                    np.random.random()
            np.random.set_bit_generator(kept)
            return float(np.random.random())

    assert drawn(step=True) == drawn(step=False)
