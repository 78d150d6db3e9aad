"""Of any program one statement of which differs between runs, that statement is named; of any other program none is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.replay.tracing import Call, Line, Target, Trace
from pytest_expops.verdicts.diagnosis._divergence import Divergence, Place, first_call, first_line
from tests.replay.tracing.traced import Traced

HEAD = """
import os, random
def source():
    return 0
def twice(x):
    return x * 2
def keep(rows, x):
    rows.append(x)
def main():
    rows, table = [], {}
    x = 1
"""
STATEMENTS = [
    "x = x + {}",
    "x = twice(x) + {}",
    "rows.append(x + {})",
    "keep(rows, x + {})",
    "table[len(table)] = {}",
    "x = x + sum([y for y in range(3)]) + {}",
    "x = x + random.randrange(3) + {}",
    "for y in range(2): x += y + {}",
    "x = (lambda y: x + y)({})",
]
DRAW = "int(os.environ['RUN'])"
TAIL = """
    return rows, table, x
"""


@settings(max_examples=25)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=8), st.data())
def test_the_statement_that_draws_is_named(statements: list[str], data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, len(statements) - 1))
    lines = [each.format(DRAW if place == culprit else place) for place, each in enumerate(statements)]
    with tempfile.TemporaryDirectory() as folder:
        project = Traced(Path(folder), HEAD + "".join(f"    {each}\n" for each in lines) + TAIL)
        found = first_call(project.run(), project.run())
        assert found is not None
        one, other = (project.run(lines=found.target) for _ in range(2))
        place = first_line(one, other, found)
    assert place is not None
    assert (place.function.partition(".")[0], place.code) == ("main", lines[culprit])


@settings(max_examples=10)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=8))
def test_of_two_equal_runs_nothing_is_named(statements: list[str]) -> None:
    lines = [each.format(place) for place, each in enumerate(statements)]
    with tempfile.TemporaryDirectory() as folder:
        project = Traced(Path(folder), HEAD + "".join(f"    {each}\n" for each in lines) + TAIL)
        one, other = project.run(), project.run()
        assert first_call(one, other) is None
        target = one.calls[-1].target
        assert first_line(project.run(lines=target), project.run(lines=target)) is None


def call(
    name: str, entry: int, caller: int | None = None, *, given: str = "a", gave: str = "b", **more: object
) -> Call:
    returned = {"digest": gave, "leaves": [["return", gave]]}
    fields: dict[str, object] = {"arguments": {"x": given}, "returned": returned, "digested": True, **more}
    return Call("/none.py", name, 1, 1, entry, caller, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "blamed"),
    [
        pytest.param([call("f", 0)], [call("f", 0)], None, id="equal"),
        pytest.param([call("f", 0)], [call("f", 0, gave="c")], ("f", "return"), id="returned"),
        pytest.param(
            [call("g", 1, 0), call("f", 0)],
            [call("g", 1, 0, given="z", gave="c"), call("f", 0, gave="c")],
            ("f", "return"),
            id="a call that went in otherwise is a consequence",
        ),
        pytest.param(
            [call("g", 1, 0, rng={"numpy": "1"}), call("f", 0)],
            [call("g", 1, 0, rng={"numpy": "2"}, gave="c"), call("f", 0, gave="c")],
            ("f", "return"),
            id="so is one that found another random state",
        ),
        pytest.param(
            [call("g", 1, 0, rng={"numpy": "1"}), call("f", 0)],
            [call("g", 1, 0, rng={"numpy": "1", "torch": "2"}, gave="c"), call("f", 0, gave="c")],
            ("g", "return"),
            id="a library that one run lacks does not count",
        ),
        pytest.param(
            [call("g", 1, 0), call("h", 2, 0), call("f", 0)],
            [call("h", 1, 0), call("f", 0, gave="c")],
            ("f", "return"),
            id="a call that one run lacks is its caller's doing",
        ),
        pytest.param([call("g", 1, 0), call("f", 0)], [call("f", 0)], ("f", "control flow"), id="and so to the end"),
        pytest.param(
            [call("g", 1, 0), call("f", 0, returned=None)],
            [call("g", 1, 0, returned=None, digested=False), call("f", 0, returned=None)],
            None,
            id="beyond the budget nothing is known",
        ),
        pytest.param(
            [call("f", 0, gave="b~1")], [call("f", 0, gave="b~2")], None, id="the order of a dict is no difference"
        ),
        pytest.param(
            [call("f", 0, given="p")],
            [call("f", 0, given="q", gave="c")],
            ("f", "return"),
            id="a process is the last resort",
        ),
    ],
)
def test_the_first_call_that_went_in_alike_and_came_out_otherwise(
    one: list[Call], other: list[Call], blamed: tuple[str, str] | None
) -> None:
    found = first_call(Trace(tuple(one)), Trace(tuple(other)))
    assert found is None if blamed is None else found is not None and (found.target.function, found.path) == blamed


def test_lines_of_different_calls_are_not_compared() -> None:
    one, other = (Trace((), (), Target("/none.py", "f", 1, number)) for number in (1, 2))
    with pytest.raises(ValueError, match="lines of one call"):
        first_line(one, other)
    with pytest.raises(ValueError, match="lines of one call"):
        first_line(Trace(), Trace())


def test_without_the_source_the_lines_alone_decide() -> None:
    target = Target("/none.py", "f", 1, 1)
    one = Trace((), (Line(2, {}), Line(3, {"a": "1"}), Line(4, {"a": "1", "b": "2"})), target)
    other = Trace((), (Line(2, {}), Line(3, {"a": "1"}), Line(4, {"a": "1", "b": "3"})), target)
    assert first_line(one, other) == Place("/none.py", 3, "f", None, "variable b", "")
    assert first_line(one, one) is None


def test_a_place_survives_json() -> None:
    place = Divergence(Target("/none.py", "f", 7, 1), "fit", "return['w']").place
    assert place == Place("/none.py", 7, "f", "fit", "return['w']", "")
    assert Place.from_json(place.to_json()) == place
