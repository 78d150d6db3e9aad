"""Parquet by its schema and columns, whatever the compression, the encoding and the row groups."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_expops.values.files._source import FileSource


def parquet(source: FileSource) -> object:
    """Return the table in a file, as Arrow's."""
    pyarrow: Any = importlib.import_module("pyarrow")
    reader: Any = importlib.import_module("pyarrow.parquet")
    return reader.ParquetFile(pyarrow.BufferReader(source.data)).read()
