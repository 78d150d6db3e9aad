"""Every reading of every metric of a session, a row each, for whoever computes with them: as CSV and as Parquet.

They are taken from the records, as the series of a `Report` are thinned where they are long.
"""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from pytest_expops.errors import ReportError
from pytest_expops.execution.session import PipelineSession
from pytest_expops.report.writing import whole
from pytest_expops.verdicts.replay import series_of
from pytest_expops.wording import short_path

HEADS = ("config", "process", "partition", "seed", "metric", "step", "value")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With these begins what a spreadsheet may compute, where a cell is text."""
_ROWS = 50_000
"""So many rows are held at once."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One reading; `step` is None where the value is no number. A process without partitions or seeds has none."""

    config: str
    process: str
    partition: str
    seed: str
    metric: str
    step: int | None
    value: Any


def metric_rows(sessions: Iterable[PipelineSession], directory: Path) -> Iterator[MetricRow]:
    """Yield the readings of all processes that ran, in topological order; paths are as seen from `directory`."""
    for session in sessions:
        config = short_path(session.expanded.pipeline.path, directory)
        for name, record in session.all_records().items():
            each = session.expanded[name]
            layers = [", ".join(map(str, found)) for found in (each.partitions, each.seeds)]
            for metric, readings in series_of(record).items():
                for step in sorted(readings, key=lambda step: (step is not None, step or 0)):
                    yield MetricRow(config, each.process.name, layers[0], layers[1], metric, step, readings[step])


def write_csv(path: Path, rows: Iterable[MetricRow]) -> None:
    """Write the rows as UTF-8; numbers have every digit, and a text that a spreadsheet may compute has ``'`` before it.

    Raises:
        ReportError: the system refuses.
    """
    with whole(path) as beside, open(beside, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        # All texts are quoted: before Python 3.13 a lone carriage return would not be, and end the line.
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(HEADS)
        writer.writerows(map(_cells, rows))


def _cells(row: MetricRow) -> list[str | float]:
    step = "" if row.step is None else row.step
    is_number = isinstance(row.value, int | float) and not isinstance(row.value, bool)
    value = row.value if is_number else _as_text("" if row.value is None else _exact(row.value))
    return [*map(_as_text, astuple(row)[:5]), step, value]


def _as_text(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) and not text.removeprefix("-").isdecimal() else text


def _exact(value: Any) -> str:
    """Return a value so that it is read as what it was; ``nan`` and ``inf`` as Python writes them."""
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def can_write_parquet() -> bool:
    """Return whether the library for it is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(path: Path, rows: Iterable[MetricRow]) -> None:
    """Write the rows with types: `value` is a double, empty where it is no number, and `text` has every digit.

    Raises:
        ReportError: the system refuses, or pyarrow cannot be imported or write this.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ReportError(f"{path} cannot be written (pyarrow cannot be imported: {error})") from error
    kinds = {"step": pyarrow.int64(), "value": pyarrow.float64()}
    fields = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in (*HEADS, "text")])
    waiting = iter(rows)
    try:
        with whole(path) as beside, pyarrow.parquet.ParquetWriter(beside, fields) as writer:
            while batch := list(itertools.islice(waiting, _ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(list(map(_typed, batch)), fields))
    except pyarrow.ArrowException as error:
        raise ReportError(f"{path} cannot be written ({error})") from error


def _typed(row: MetricRow) -> Mapping[str, Any]:
    value = row.value
    told = dict(zip(HEADS, (each if not isinstance(each, str) else _utf8(each) for each in astuple(row)), strict=True))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {**told, "value": _double(value) if number else None, "text": _utf8(_exact(value))}


def _double(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
