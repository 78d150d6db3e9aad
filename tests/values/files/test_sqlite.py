"""A database of SQLite is judged by its schema and rows (S7.2)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge

RUNS = "CREATE TABLE runs (name TEXT, auc REAL)"
NOTES = "CREATE TABLE notes (text TEXT)"
ROWS = ("INSERT INTO runs VALUES ('a', 0.5)", "INSERT INTO runs VALUES ('b', 0.75)")


def _database(path: Path, statements: Iterable[str]) -> bytes:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.db"


@pytest.mark.parametrize("name", ["a.sqlite", "a.sqlite3", "a.db"])
def test_pages_and_the_order_of_tables_do_not_count(judge: Judge, path: Path, name: str) -> None:
    one = _database(path, [RUNS, NOTES, *ROWS])
    assert judge.same(name, one, _database(path, ["PRAGMA page_size = 8192", NOTES, RUNS, *ROWS]))
    more = [RUNS, NOTES, *ROWS, "INSERT INTO runs VALUES ('c', 1.0)", "DELETE FROM runs WHERE name = 'c'"]
    assert judge.same(name, one, _database(path, more))


def test_a_difference_names_table_column_and_row(judge: Judge, path: Path) -> None:
    one = _database(path, [RUNS, NOTES, *ROWS])
    other = _database(path, [RUNS, NOTES, ROWS[0], "INSERT INTO runs VALUES ('b', 0.76)"])
    null = _database(path, [RUNS, NOTES, ROWS[0], "INSERT INTO runs VALUES ('b', NULL)"])
    assert judge.paths("a.db", one, other) == ["files['a.db']['tables']['runs']['auc'][1]"]
    assert judge.paths("a.db", one, other, rtol=0.1) == []
    assert judge.paths("a.db", one, null) == ["files['a.db']['tables']['runs']['auc'][1]"]
    assert judge.paths("a.db", one, _database(path, [RUNS, NOTES, *ROWS[:1]])) == ["files['a.db']['tables']['runs']"]
    assert judge.paths("a.db", one, _database(path, [RUNS, NOTES, *reversed(ROWS)]))


def test_the_schema_counts(judge: Judge, path: Path) -> None:
    one = _database(path, [RUNS, *ROWS])
    assert judge.paths("a.db", one, _database(path, [RUNS, *ROWS, "CREATE INDEX fast ON runs (name)"])) == [
        "files['a.db']['schema']['index fast']"
    ]
    assert judge.paths("a.db", one, _database(path, [RUNS.replace("REAL", "NUMERIC"), *ROWS]))


def test_rows_of_a_table_without_row_numbers_lie_in_the_order_of_its_key(judge: Judge, path: Path) -> None:
    table = "CREATE TABLE kept (first TEXT, second INTEGER, value TEXT, PRIMARY KEY (second, first)) WITHOUT ROWID"
    rows = [f"INSERT INTO kept VALUES ('{first}', {second}, 'x')" for first, second in (("a", 2), ("b", 1), ("a", 1))]
    one, other = _database(path, [table, *rows, NOTES]), _database(path, [table, NOTES, *reversed(rows)])
    assert judge.same("a.db", one, other)
    changed = _database(path, [table, *rows, NOTES, "UPDATE kept SET value = 'y' WHERE first = 'b'"])
    assert judge.paths("a.db", one, changed) == ["files['a.db']['tables']['kept']['value'][1]"]


def test_blobs_and_names_that_need_quotes_are_read(judge: Judge, path: Path) -> None:
    name = '"a ""b"'
    one, other = (
        _database(path, [f'CREATE TABLE {name} ("x y" BLOB)', f"INSERT INTO {name} VALUES (x'000{number}')"])
        for number in (1, 2)
    )
    assert judge.paths("a.db", one, other) == ["files['a.db']['tables']['a \"b']['x y'][0]"]


def test_a_text_that_is_no_utf8_is_bytes(judge: Judge, path: Path) -> None:
    one, other = (_database(path, [NOTES, f"INSERT INTO notes VALUES (CAST(x'ff{n}' AS TEXT))"]) for n in ("00", "01"))
    assert judge.paths("a.db", one, other) == ["files['a.db']['tables']['notes']['text'][0]"]


def test_what_is_still_in_the_log_of_a_database_counts(tmp_path: Path) -> None:
    found = []
    for number, value in enumerate(("0.5", "0.5", "0.6")):
        folder = tmp_path / str(number)
        folder.mkdir()
        with closing(sqlite3.connect(tmp_path / f"open{number}.db", isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(RUNS)
            database.execute(f"INSERT INTO runs VALUES ('a', {value})")
            for each in tmp_path.glob(f"open{number}.db*"):  # as a program leaves it that is killed
                shutil.copyfile(each, folder / each.name.replace(f"open{number}", "a"))
        assert (folder / "a.db-wal").stat().st_size > 0
        before = {each.name: each.read_bytes() for each in folder.iterdir()}
        found.append(content_of(folder / "a.db"))
        assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    assert compare(found[0], found[1]) == ()
    assert [each.path for each in compare(found[0], found[2], path="a")] == ["a['tables']['runs']['auc'][0]"]


def test_a_database_that_kept_a_log_is_read_without_it(judge: Judge, path: Path) -> None:
    log = "PRAGMA journal_mode = WAL"
    assert judge.same("a.db", _database(path, [log, RUNS, *ROWS]), _database(path, [RUNS, *ROWS]))


def test_reading_leaves_the_file_and_its_folder_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    before = _database(path, [RUNS, *ROWS])
    content_of(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]


def test_another_file_that_is_called_so_is_judged_by_its_lines(judge: Judge) -> None:
    assert judge.paths("Thumbs.db", b"a\nb", b"a\nc") == ["files['Thumbs.db'][1]"]


def test_a_database_that_breaks_off_is_judged_by_its_bytes(judge: Judge, path: Path) -> None:
    data = _database(path, [RUNS, *ROWS])[:5000]
    assert judge.contents("a.db", data + b"\xff", data + b"\xff")[0] == data + b"\xff"
