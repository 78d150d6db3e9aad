"""statsmodels: a summary is its numbers, whenever it was made (S7.2)."""

from __future__ import annotations

import itertools

import pytest

from pytest_expops.values.comparison import compare
from tests.values.kinds.models import second_summary, summary

pytestmark = pytest.mark.libraries
pytest.importorskip("statsmodels", reason="needs statsmodels (extra `libraries`)")


def test_the_time_of_a_summary_does_not_count_and_its_numbers_do() -> None:
    one, other = summary(0), summary(0)
    cells = [cell for row in other.tables[0] for cell in row]
    times = [after for cell, after in itertools.pairwise(cells) if str(cell.data).strip() in ("Date:", "Time:")]
    assert len(times) == 2
    for cell in times:
        cell.data = "long ago"
    assert compare(one, other) == ()
    assert compare(one.as_text(), other.as_text()) != ()  # a text of the user's
    other.tables[1][1][1].data = "7"
    assert [each.path for each in compare(one, other)] == ["value.tables[1]['rows'][1][1]"]


def test_the_date_of_the_other_kind_of_summary_does_not_count_and_its_numbers_do() -> None:
    one, other = second_summary(0), second_summary(0)
    table = other.tables[0]
    ((row, column),) = [(row, column) for row in table.index for column in table if table.loc[row, column] == "Date:"]
    table.loc[row, column + 1] = "2001-01-01 00:00"
    assert compare(one, other) == ()
    table.loc[row, 3] = "7"
    (difference,) = compare(one, other)
    assert (difference.path.startswith("value.tables[0]['rows']"), difference.obtained) == (True, "'7'")
