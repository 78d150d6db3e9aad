"""A report as JSON: what is written is read back, the schema describes it, and what is no report is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.errors import ReportError
from pytest_expops.report._numbers import plain, series
from pytest_expops.report.json_ import SCHEMA, read_report, schema_text, to_json
from pytest_expops.report.model import LONGEST_SERIES, Report


def test_the_schema_in_the_package_is_that_of_the_model() -> None:
    """To write it anew: `SCHEMA.write_text(schema_text())`."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type of the model, every field varied; numbers are such as JSON can hold."""
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return st.builds(kind, **{name: of(each) for name, each in get_type_hints(kind).items()})
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is int:
        return st.integers(-(2**63), 2**63 - 1)
    if origin in (Union, UnionType):
        return st.one_of(*map(of, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of, arguments))
    if origin is Mapping:
        return st.dictionaries(*map(of, arguments), max_size=2)
    return st.from_type(kind)


@given(of(Report))
@settings(max_examples=25)  # each is large
def test_any_report_is_read_back_as_it_was_and_fits_the_schema(tmp_path_factory: object, report: Report) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "any.json"  # type: ignore[attr-defined]
    path.write_bytes(to_json(report))
    assert read_report(path) == report
    jsonschema.validate(json.loads(path.read_bytes()), json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is not JSON of an object"),
        ("[1]", "is not JSON of an object"),
        ("{}", "has the version None of a report, expected 1"),
        ('{"version": 2}', "has the version 2 of a report, expected 1"),
        ('{"version": 1}', "is no report: Object missing required field `session`"),
        ('{"version": 1, "session": 3}', "is no report: Expected `object`, got `int` - at `$.session`"),
    ],
)
def test_what_is_no_report_is_refused_with_what_is_wrong(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=r"other\.json") as refused:
        read_report(path)
    assert wrong in str(refused.value)
    assert "expected a file that --expops-report=PATH.json wrote" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"none\.json cannot be read \(No such file"):
        read_report(tmp_path / "none.json")


@given(st.floats() | st.integers() | st.booleans() | st.text() | st.none())
def test_any_number_can_be_held(value: float | str | None) -> None:
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == plain(value)


@given(st.dictionaries(st.integers(0, 5_000), st.floats(allow_nan=False), max_size=1_000))
def test_a_long_series_keeps_its_ends_and_says_how_long_it_was(readings: dict[int | None, float]) -> None:
    kept = series("loss", readings)
    assert kept.count == len(readings)
    assert len(kept.steps) == len(kept.values) == min(len(readings), LONGEST_SERIES)
    if readings:
        assert (kept.steps[0], kept.steps[-1]) == (min(readings), max(readings))  # type: ignore[type-var]
    assert len(set(kept.steps)) == len(kept.steps)
