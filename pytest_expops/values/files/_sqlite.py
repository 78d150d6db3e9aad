"""SQLite by its schema and the rows of its tables: neither pages, nor free space, nor the order of tables."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pytest_expops.values.files._source import FileSource
from pytest_expops.values.files._tables import frame

_MAGIC = b"SQLite format 3\x00"
_VERSIONS = slice(18, 20)
"""Two bytes that are 2 if the database keeps a write-ahead log, which one in memory cannot."""
_BESIDE = ("-wal", "-journal")
"""Files in which lies what was not yet written to the database, or is to be taken back from it."""


def sqlite(source: FileSource) -> object:
    """Return the schema of a database, and its tables by name."""
    if not source.data.startswith(_MAGIC):
        raise ValueError("not a database of SQLite")
    with _opened(source) as database:
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise ValueError("pages of the database are missing or broken")
        database.text_factory = _text
        schema = database.execute("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name, type")
        entries = [tuple(row) for row in schema]
        tables = [name for name, kind, sql in entries if kind == "table" and not _is_virtual(sql)]
        return {
            "schema": {f"{kind} {name}": sql for name, kind, sql in entries},
            "tables": {name: _rows(database, name) for name in tables},
        }


@contextmanager
def _opened(source: FileSource) -> Iterator[sqlite3.Connection]:
    """Open a copy: the file itself is only read, and whoever reads one with a log would write to it."""
    beside = [Path(f"{source.path}{end}") for end in _BESIDE] if source.path else []
    beside = [each for each in beside if each.is_file() and each.stat().st_size]
    if not beside or source.path is None:
        data = bytearray(source.data)
        data[_VERSIONS] = b"\x01\x01"
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(bytes(data))
            yield database
        return
    with tempfile.TemporaryDirectory(prefix="expops-sqlite-") as folder:
        for each in (source.path, *beside):
            shutil.copyfile(each, Path(folder) / each.name)
        with closing(sqlite3.connect(Path(folder) / source.path.name)) as database:
            yield database


def _rows(database: sqlite3.Connection, table: str) -> object:
    """Return the rows of a table, in the order of their keys."""
    quoted = '"' + table.replace('"', '""') + '"'
    try:
        cursor = database.execute(f"SELECT * FROM {quoted} ORDER BY rowid")
    except sqlite3.OperationalError:  # a table without row numbers, which has a primary key then
        keys = sorted((key, place) for place, *_, key in database.execute(f"PRAGMA table_info({quoted})") if key)
        order = ", ".join(str(place + 1) for _, place in keys)
        cursor = database.execute(f"SELECT * FROM {quoted} ORDER BY {order}")
    names = [column[0] for column in cursor.description]
    return frame(names, cursor.fetchall())


def _is_virtual(sql: str) -> bool:
    """Return whether a table is made by a module, from other tables that are read as well."""
    return sql.upper().startswith("CREATE VIRTUAL")


def _text(stored: bytes) -> str | bytes:
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored
