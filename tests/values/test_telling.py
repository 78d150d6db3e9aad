"""What is told of a difference can be read: the line, the stretch, the key; and no more of it than fits."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.naming import label
from pytest_expops.values.showing import WIDTH, beside, first_difference
from tests.values.samples import Colour, Level, Text


def _told(*arguments: Any, **options: Any) -> list[str]:
    return [str(each) for each in compare(*arguments, **options)]


LINES = "\n".join(f"line {number}" for number in range(1, 10_001))
TEXTS: dict[str, tuple[Any, Any, str]] = {
    "a line of 10,000": (
        LINES,
        LINES.replace("line 7000\n", "line X\n"),
        "expected 'line 7000', obtained 'line X' (value differs; 1 of 10000 lines differs; first at line 7000)",
    ),
    "many lines": (
        LINES,
        LINES.replace("0\n", "o\n"),
        "expected 'line 10', obtained 'line 1o' (value differs; 999 of 10000 lines differ; first at line 10)",
    ),
    "a line more": (
        "a\nc",
        "a\nb\nc",
        "expected 'c', obtained 'b' (value differs; 2 lines became 3; first at line 2)",
    ),
    "a line less at the end": (
        "a\nb",
        "a",
        "expected 'b', obtained (absent) (value differs; 2 lines became 1; first at line 2)",
    ),
    "the newline at the end": (
        "a\nb",
        "a\nb\n",
        "expected (absent), obtained '' (value differs; 2 lines became 3; first at line 3)",
    ),
    "carriage returns": (
        "a\nb\n",
        "a\r\nb\r\n",
        "expected 'a', obtained 'a\\r' (value differs; 2 of 3 lines differ; first at line 1)",
    ),
    "spaces": ("a  b", "a b", "expected 'a  b', obtained 'a b' (value differs)"),
    "an address": ("<a at 0x7f>", "<a at 0x8f>", "expected '<a at 0x7f>', obtained '<a at 0x8f>' (value differs)"),
    "a character of many": (
        "abcde" * 1000,
        "abcde" * 500 + "X" + "abcde" * 500,
        "expected ...'abcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabcdeabc'..., "
        "obtained ...'abcdeabcdeabcdeabcdeXabcdeabcdeabcdeabcdeabcdeabcdeab'... "
        "(value differs; length 5000 became 5001; first at [2500])",
    ),
    "bytes": (
        bytes(1000),
        bytes(999) + b"\1",
        "expected ...b'" + "\\x00" * 21 + "', obtained ...b'" + "\\x00" * 20 + "\\x01' "
        "(value differs; first at [999] of 1000)",
    ),
    "a text in a long list": (
        ["a"] * 40 + [LINES],
        ["a"] * 40 + [LINES + "!"],
        "expected 'line 10000', obtained 'line 10000!' "
        "(1 of 41 elements differ; first at [40]; 1 of 10000 lines differs; first at line 10000)",
    ),
    "a text in an array": (
        np.array(["x" * 200]),
        np.array(["x" * 199 + "y"]),
        "expected ...'xxxxxxxxxxxxxxxxxxxxx', obtained ...'xxxxxxxxxxxxxxxxxxxxy' "
        "(1 of 1 element differs; first at [199] of 200)",
    ),
}


@pytest.mark.parametrize(("expected", "obtained", "told"), TEXTS.values(), ids=TEXTS)
def test_the_first_difference_of_two_texts_is_shown(expected: Any, obtained: Any, told: str) -> None:
    (line,) = _told(expected, obtained)
    assert line.partition(": ")[2] == told


def test_equal_texts_of_other_types_are_shown_as_they_are() -> None:
    for text in ("a\nb", "x" * 200):
        (difference,) = compare(text, Text(text))
        assert difference.detail == "type differs: str became tests.values.samples.Text"
        (difference,) = compare(bytearray(text.encode()), text.encode())
        assert difference.detail == "type differs: bytearray became bytes"


@given(st.text("ab\n", max_size=300), st.text("ab\n", max_size=300))
def test_the_line_told_is_the_first_that_differs(one: str, other: str) -> None:
    if one == other or "\n" not in one + other:
        return
    found = beside(one, other)
    assert found is not None
    number = int(found.where.rpartition("line ")[2])
    lines, others = one.split("\n"), other.split("\n")
    assert lines[: number - 1] == others[: number - 1]
    assert lines[number - 1 : number] != others[number - 1 : number]
    assert max(len(found.expected), len(found.obtained)) <= WIDTH + 10


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_the_first_difference_is_found_by_halving(one: bytes, other: bytes) -> None:
    pairs = zip(one, other, strict=False)
    naive = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    assert first_difference(one, other) == naive


def test_one_key_of_many_is_one_difference() -> None:
    large = {f"k{number}": number for number in range(5000)}
    assert _told(large, {**large, "k3000": -1}) == [
        "value['k3000']: expected 3000, obtained -1 (value differs; |delta| = 3000.0)"
    ]
    assert fingerprint(large) != fingerprint({**large, "k3000": -1})


def test_many_changed_values_are_cut_and_counted() -> None:
    large = {f"k{number}": number for number in range(5000)}
    found = _told(large, {key: -1 - value for key, value in large.items()})
    assert found[0] == "value['k0']: expected 0, obtained -1 (value differs; |delta| = 1.0)"
    assert found[20:] == ["value: expected ..., obtained ... (and 4980 more differences, not shown)"]


def test_many_keys_of_one_side_are_one_difference() -> None:
    large = {f"k{number}": number for number in range(5000)}
    renamed = {f"x{key}": value for key, value in large.items()}
    assert _told(large, renamed) == [
        "value: expected ['k0'], ['k1'], ['k2'], ['k3'], ['k4'] and 4995 more, obtained (absent) "
        "(5000 keys are missing)",
        "value: expected (absent), obtained ['xk0'], ['xk1'], ['xk2'], ['xk3'], ['xk4'] and 4995 more "
        "(5000 keys are unexpected)",
    ]


def test_a_wide_frame_names_its_columns() -> None:
    wide = pd.DataFrame(np.zeros((3, 500)), columns=[f"c{number}" for number in range(500)])
    other = wide.copy()
    other.iloc[1, 400] = 0.25
    assert _told(wide, other) == [
        "value['c400'][1]: expected np.float64(0.0), obtained np.float64(0.25) "
        "(1 of 3 elements differ; max |delta| = 0.25; first at [1])"
    ]
    assert _told(wide, wide.iloc[:, :10]) == [
        "value: expected ['c10'], ['c11'], ['c12'], ['c13'], ['c14'] and 485 more, obtained (absent) (490 are missing)",
        "value.columns: expected 500, obtained 10 (length differs)",
    ]
    assert len(_told(wide, wide + 1)) == 21


def test_types_shapes_and_keys_come_before_values() -> None:
    """What a value is made of explains what else differs in it."""
    expected = {"a": 1, "b": [1.0, "x"], "c": np.zeros(2), "d": {"e": 1}}
    obtained = {"a": 2, "b": [2.0, b"x"], "c": np.zeros(3), "f": 0}
    assert _told(expected, obtained) == [
        "value['d']: expected {'e': 1}, obtained (absent) (key is missing)",
        "value['f']: expected (absent), obtained 0 (key is unexpected)",
        "value['b'][1]: expected 'x', obtained b'x' (type differs: str became bytes)",
        "value['c']: expected (2,), obtained (3,) (shape differs)",
        "value['a']: expected 1, obtained 2 (value differs; |delta| = 1.0)",
        "value['b'][0]: expected 1.0, obtained 2.0 (value differs; |delta| = 1.0)",
    ]
    assert [each.path for each in compare(expected, obtained, limit=2)] == ["value['d']", "value['f']", "value"]


def test_items_in_another_order_are_one_difference() -> None:
    """As when a set of strings was made a list: nothing is lost but the order."""
    assert _told([["a"], ["b"], ["c"]], [["b"], ["c"], ["a"]]) == [
        "value: expected [['a'], ['b'], ['c']], obtained [['b'], ['c'], ['a']] (the same 3 items in another order)"
    ]
    assert [each.path for each in compare(["a", "b", "c"], ["b", "a", "d"])] == ["value[0]", "value[1]", "value[2]"]
    assert [each.path for each in compare(["a", "a", "b"], ["a", "b", "b"])] == ["value[1]"]
    # With a tolerance each item is compared with its counterpart, from which it may differ little enough.
    assert compare([1.0, 1.0 + 1e-9], [1.0 + 1e-9, 1.0], rtol=1e-6) == ()
    assert compare([1.0, 2.0], [2.0, 1.0], rtol=1e-6) != ()


LABELS = [
    ("a", "'a'"),
    (3, "3"),
    (True, "True"),
    (None, "None"),
    ((1, "a"), "(1, 'a')"),
    ((1,), "(1,)"),
    (Colour.RED, "Colour.RED"),
    (Level.RED, "Level.RED"),
    (np.int64(3), "numpy.int64(3)"),
    (np.float32(0.5), "numpy.float32(0.5)"),
    (np.str_("a"), "numpy.str_('a')"),
    (Text("a"), "tests.values.samples.Text('a')"),
    (datetime.date(2024, 1, 2), "date('2024-01-02')"),
    (datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), "datetime('2024-01-02 00:00:00+00:00')"),
    (datetime.timedelta(1), "timedelta('1 day, 0:00:00')"),
    (decimal.Decimal("1.50"), "Decimal('1.50')"),
    (uuid.UUID(int=7), "UUID('00000000-0000-0000-0000-000000000007')"),
    (pathlib.PurePosixPath("a/b"), "PurePosixPath('a/b')"),
    (pd.Timestamp("2024-01-02", tz="UTC"), "Timestamp('2024-01-02 00:00:00+00:00')"),
    (pd.Interval(0, 1), "Interval('(0, 1]')"),
    (frozenset({1}), "<frozenset>"),
    (object(), "<object>"),
    ("x" * 100, "'" + "x" * 29 + "…" + "x" * 19 + "'"),
]


@pytest.mark.parametrize(("key", "text"), LABELS, ids=[text for _, text in LABELS])
def test_keys_are_told_by_value_and_never_by_address(key: Any, text: str) -> None:
    assert label(key) == text
    assert [each.path for each in compare({key: 1}, {key: 2})] == [f"value[{text}]"]
    assert fingerprint({key: 1}).differs_at(fingerprint({key: 2})) == (f"value[{text}]",)


class Stamp(datetime.datetime):
    def __str__(self) -> str:
        return super().__repr__() + hex(id(self))


def test_a_subclass_may_say_what_it_likes() -> None:
    """Only what is known to hold no address is asked for its text."""
    assert label(Stamp(2024, 1, 1)) == "<tests.values.test_telling.Stamp>"


class _Plain:
    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return "plain"


SHORTENED_ALIKE: dict[str, tuple[Any, Any, str, str]] = {
    "order of a long list": (
        [*range(30), ["a"], ["b"]],
        [*range(30), ["b"], ["a"]],
        "...[['a'], ['b']]",
        "...[['b'], ['a']]",
    ),
    "order of many columns": (
        pd.DataFrame([[0.0] * 9], columns=list("abcdefghi")),
        pd.DataFrame([[0.0] * 9], columns=list("abcdefgih")),
        "..., ['h'], ['i']",
        "..., ['i'], ['h']",
    ),
    "digits of a long int": (10**200 + 5 * 10**100, 10**200 + 6 * 10**100, "...000000000000000000005000", "00006000"),
    "digits of a decimal": (
        decimal.Decimal("1" * 99 + "5" + "1" * 99),
        decimal.Decimal("1" * 99 + "6" + "1" * 99),
        "1115111",
        "1116111",
    ),
    "int too long for base 10": (2**20000, 2**20000 + 1, "0x1000", "0001"),
    "texts in a set": ({"x" * 99 + "a" + "y" * 99}, {"x" * 99 + "b" + "y" * 99}, "xxayy", "xxbyy"),
}


@pytest.mark.parametrize(("expected", "obtained", "one", "other"), SHORTENED_ALIKE.values(), ids=SHORTENED_ALIKE)
def test_no_two_lines_of_a_difference_are_the_same(expected: Any, obtained: Any, one: str, other: str) -> None:
    found = compare(expected, obtained)[0]
    assert found.expected != found.obtained
    assert one in found.expected
    assert other in found.obtained


def test_that_two_objects_have_the_same_text_is_said() -> None:
    (difference,) = compare({_Plain(1)}, {_Plain(2)})
    assert difference.expected == difference.obtained == "{plain}"
    assert difference.detail == "elements differ: 1 missing, 1 unexpected; both have the same text"
    assert [each.path for each in compare([_Plain(1)], [_Plain(2)])] == ["value[0].size"]


def test_one_difference_that_is_not_shown_is_one() -> None:
    expected = {index: index for index in range(4)}
    obtained = dict.fromkeys(range(4), -1)
    assert compare(expected, obtained, limit=3)[-1].detail == "and 1 more difference, not shown"
