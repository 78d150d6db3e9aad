"""The table of metrics: every reading with every digit, and no text that a spreadsheet would compute."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.errors import ReportError
from pytest_expops.report.metrics import HEADS, MetricRow, write_csv, write_parquet
from tests.report.samples import HOSTILE


def row(value: Any, step: int | None = 1, metric: str = "loss") -> MetricRow:
    return MetricRow("p.yaml", "train", "1", "-3", metric, step, value)


def cells(path: Path, *rows: MetricRow) -> list[list[str]]:
    write_csv(path, rows)
    csv.field_size_limit(50_000_000)
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_there_is_a_row_for_each_reading(tmp_path: Path) -> None:
    head, first, second = cells(tmp_path / "m.csv", row(0.1), row("text", None))
    assert tuple(head) == HEADS
    assert first == ["p.yaml", "train", "1", "-3", "loss", "1", "0.1"]
    assert second == ["p.yaml", "train", "1", "-3", "loss", "", "text"]


@given(st.floats() | st.integers(-(2**70), 2**70))
def test_numbers_have_every_digit(tmp_path_factory: pytest.TempPathFactory, value: float) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    told = cells(path, row(value))[1][-1]
    again = type(value)(told)
    assert again == value or (math.isnan(again) and math.isnan(value))


def test_what_is_not_finite_is_named(tmp_path: Path) -> None:
    rows = [row(each) for each in (math.nan, math.inf, -math.inf, True, None, [1, 2.5], {"a": -1})]
    told = [each[-1] for each in cells(tmp_path / "m.csv", *rows)[1:]]
    assert told == ["nan", "inf", "-inf", "true", "", "[1, 2.5]", '{"a": -1}']


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(tmp_path: Path, text: str) -> None:
    told = cells(tmp_path / "m.csv", row(text, metric=text))[1]
    assert told[4] == told[6] == f"'{text}"
    plain = cells(tmp_path / "m.csv", row(f"x{text}", metric="a-b"))[1]
    assert (plain[4], plain[6]) == ("a-b", f"x{text}")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_is_one_cell(tmp_path: Path, text: str) -> None:
    table = cells(tmp_path / "m.csv", row(text, metric=text), row(1.0))
    assert [len(each) for each in table] == [len(HEADS)] * 3
    write_parquet(tmp_path / "m.parquet", [row(text, metric=text)])
    assert pyarrow.parquet.read_table(tmp_path / "m.parquet").num_rows == 1


def test_parquet_has_types_and_every_digit_as_text(tmp_path: Path) -> None:
    rows = [row(0.1), row(2**62 + 1), row(math.nan), row("=x", None), row(True), row(10**400)]
    write_parquet(tmp_path / "m.parquet", rows)
    table = pyarrow.parquet.read_table(tmp_path / "m.parquet")
    assert table.column_names == [*HEADS, "text"]
    assert str(table.schema.field("value").type) == "double"
    assert table["step"].to_pylist() == [1, 1, 1, None, 1, 1]
    values = table["value"].to_pylist()
    assert values[:2] == [0.1, float(2**62)]
    assert math.isnan(values[2])
    assert values[3:] == [None] * 3
    assert table["text"].to_pylist() == ["0.1", str(2**62 + 1), "nan", "=x", "true", str(10**400)]


def test_a_table_without_rows_has_its_head(tmp_path: Path) -> None:
    assert cells(tmp_path / "m.csv") == [list(HEADS)]
    write_parquet(tmp_path / "m.parquet", [])
    assert pyarrow.parquet.read_table(tmp_path / "m.parquet").num_rows == 0


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_what_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path, write: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        write(tmp_path / "file/m", [row(1.0)])
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
