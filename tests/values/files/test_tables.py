"""CSV and Parquet are judged by their cells, and a difference names row and column (S7.2)."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge

TABLE = b"name,auc,n\na,0.5,1\nb,0.75,2\nc,1.0,3\n"


def test_quotes_ends_of_lines_and_how_a_number_is_written_do_not_count(judge: Judge) -> None:
    assert judge.same("a.csv", TABLE, b'"name","auc","n"\r\n"a",0.50,1\r\n"b",7.5e-1,2\r\n"c",1,3')
    assert judge.same("a.tsv", TABLE.replace(b",", b"\t"), TABLE.replace(b",", b"\t").replace(b"a\t", b'"a"\t'))


def test_a_cell_is_named_by_column_and_row(judge: Judge) -> None:
    assert judge.paths("a.csv", TABLE, TABLE.replace(b"0.75", b"0.76")) == ["files['a.csv']['auc'][1]"]
    assert judge.paths("a.csv", TABLE, TABLE.replace(b"\nb", b"\nB")) == ["files['a.csv']['name'][1]"]
    assert judge.paths("a.csv", TABLE, TABLE.replace(b"0.75", b"")) == ["files['a.csv']['auc'][1]"]
    tabs = TABLE.replace(b",", b"\t")
    assert judge.paths("a.tsv", tabs, tabs.replace(b"3", b"4")) == ["files['a.tsv']['n'][2]"]


def test_a_cell_of_a_long_table_is_named_and_the_others_are_counted(judge: Judge) -> None:
    rows = [f"{number},{number / 8}" for number in range(1000)]
    changed = [row if number < 990 else row + "5" for number, row in enumerate(rows)]
    one, other = ("\n".join(["id,loss", *each]).encode() for each in (rows, changed))
    found = compare(*judge.contents("a.csv", one, other), path="a")
    assert [each.path for each in found] == ["a['loss'][990]"]
    assert "10 of 1000 elements differ" in found[0].detail
    assert judge.paths("a.csv", one, other, rtol=0.1) == []


def test_a_tolerance_holds_for_cells_that_are_numbers(judge: Judge) -> None:
    other = TABLE.replace(b"1.0", b"1.0000001").replace(b",1\n", b",1.0000001\n")
    assert judge.paths("a.csv", TABLE, other, rtol=1e-5) == []
    assert judge.paths("a.csv", TABLE, other, rtol=1e-9) == ["files['a.csv']['auc'][2]", "files['a.csv']['n'][0]"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"007", b"7"),
        (b"1_000", b"1000"),
        (b"9007199254740993", b"9007199254740992"),
        (b"nan", b""),
        (b"0.0", b"-0.0"),
        (b"True", b"true"),
        ("\u0661".encode(), b"1"),
    ],
)
def test_what_only_looks_like_the_same_number_differs(judge: Judge, one: bytes, other: bytes) -> None:
    assert judge.paths("a.csv", b"id,x\n%s,a\n" % one, b"id,x\n%s,a\n" % other) == ["files['a.csv']['id'][0]"]


def test_the_names_and_the_order_of_columns_and_rows_count(judge: Judge) -> None:
    assert judge.paths("a.csv", b"a,b\nx,y\n", b"b,a\ny,x\n")
    assert judge.paths("a.csv", b"a,b\nx,y\n", b"a,c\nx,y\n")
    assert judge.paths("a.csv", b"a,b\nx,y\nz,w\n", b"a,b\nz,w\nx,y\n")
    assert judge.paths("a.csv", b"a,b\nx,y\n", b"a,b\nx,y\nx,y\n") == ["files['a.csv']"]


def test_a_table_without_names_has_numbered_columns(judge: Judge) -> None:
    assert judge.paths("a.csv", b"0.5,1\n0.25,2\n", b"0.5,1\n0.125,2\n") == ["files['a.csv'][0][1]"]
    assert judge.paths("a.csv", b"x,0.5\ny,1\n", b"x,0.25\ny,1\n") == ["files['a.csv'][1][0]"]
    assert judge.paths("a.csv", b"1,2\n3,4\n", b"1,2\n3,5\n") == ["files['a.csv'][1][1]"]
    assert judge.paths("a.csv", b"country,2019,2020\nx,4,5\n", b"country,2019,2020\nx,4,6\n") == [
        "files['a.csv']['2020'][0]"
    ]


def test_columns_of_one_name_are_told_apart_by_their_place(judge: Judge) -> None:
    assert len(judge.paths("a.csv", b"a,a\nx,y\n", b"a,a\nx,z\n")) == 1


@pytest.mark.parametrize("text", [b"a,b\n1\n", b"a,b\n\n1,2\n", b'a,b\n"1,2\n', b"\n", b"a\n1,2\n"])
def test_what_is_no_table_is_judged_by_line(judge: Judge, text: bytes) -> None:
    assert judge.contents("a.csv", text, text)[0] == tuple(text.decode().split("\n"))


CELLS = st.text(st.characters(exclude_categories=("Cs",))) | st.floats().map(repr) | st.integers().map(str)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_what_was_written_is_what_is_judged(rows: list[list[str]]) -> None:
    rows = [[f"column {place}" for place in range(len(rows[0]))], *rows]
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for quoting in (csv.QUOTE_ALL, csv.QUOTE_MINIMAL):
            text = io.StringIO(newline="")
            csv.writer(text, quoting=quoting).writerows(rows)
            path = Path(folder) / f"{quoting}.csv"
            path.write_bytes(text.getvalue().encode("utf-8"))
            found.append(content_of(path))
    assert compare(*found) == ()
    table: Any = found[0]
    assert table.columns.tolist() == rows[0]
    for expected, obtained in zip(rows[1:], table.itertuples(index=False), strict=True):
        for text, cell in zip(expected, obtained, strict=True):
            assert cell == text if isinstance(cell, str) else compare(float(cell), float(text)) == ()


def _parquet(frame: pd.DataFrame, **options: Any) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream, **options)
    return stream.getvalue()


def test_compression_and_row_groups_of_parquet_do_not_count(judge: Judge) -> None:
    frame = pd.DataFrame({"name": list("abcd"), "auc": [0.5, None, 0.25, 1.0]})
    other = _parquet(frame, compression="gzip", row_group_size=2)
    assert judge.same("a.parquet", _parquet(frame), other)


def test_a_difference_in_parquet_names_column_and_row(judge: Judge) -> None:
    frame = pd.DataFrame({"name": list("abcd"), "auc": [0.5, None, 0.25, 1.0]})
    changed = frame.assign(auc=[0.5, None, 0.26, 1.0])
    assert judge.paths("a.parquet", _parquet(frame), _parquet(changed)) == ["files['a.parquet']['auc'][2]"]
    assert judge.paths("a.parquet", _parquet(frame), _parquet(changed), rtol=0.1) == []
    assert judge.paths("a.parquet", _parquet(frame), _parquet(frame.rename(columns={"auc": "AUC"})))


def test_parquet_without_its_library_is_judged_by_its_bytes(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    data = _BYTES
    assert judge.contents("a.parquet", data, data) == (data, data)


_BYTES = _parquet(pd.DataFrame({"a": [1]}))
