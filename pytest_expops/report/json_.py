"""A report as JSON: written, described by a schema, and read back, whoever wrote it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from pytest_expops.errors import MissingExtra, ReportError
from pytest_expops.report.model import VERSION, Report

SCHEMA = Path(__file__).with_name("schema.json")
"""The JSON Schema (2020-12) of a report, as it is in the package."""


def _msgspec() -> Any:
    try:
        import msgspec
    except ImportError:
        raise MissingExtra("a report as data needs msgspec", extra="report") from None
    return msgspec


def to_json(report: Report) -> bytes:
    """Return a report as UTF-8 text.

    Raises:
        MissingExtra: msgspec is not installed.
    """
    data: bytes = _msgspec().json.encode(report)
    return data


def read_report(path: Path) -> Report:
    """Return the report in a file; nothing in it is executed.

    Raises:
        MissingExtra: msgspec is not installed.
        ReportError: there is no such file, or it is no report of this version.
    """
    msgspec = _msgspec()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror or error})") from error
    hint = "expected a file that --expops-report=PATH.json wrote"
    try:
        version = msgspec.json.decode(data, type=dict[str, Any]).get("version")
    except msgspec.MsgspecError as error:
        raise ReportError(f"{path} is not JSON of an object: {error}", hint=hint) from None
    if version != VERSION:
        raise ReportError(f"{path} has the version {version!r} of a report, expected {VERSION}", hint=hint)
    try:
        report: Report = msgspec.json.decode(data, type=Report)
    except msgspec.MsgspecError as error:
        raise ReportError(f"{path} is no report: {error}", hint=hint) from None
    return report


def schema() -> dict[str, Any]:
    """Return the JSON Schema that the classes of `model` make, which `SCHEMA` holds.

    Raises:
        MissingExtra: msgspec is not installed.
    """
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report of pytest-expops"}
    return {**found, **_without_indents(_msgspec().json.schema(Report))}


def _without_indents(found: Any) -> Any:
    """Return a schema whose descriptions are not indented, as msgspec leaves them up to version 0.22."""
    if isinstance(found, dict):
        return {
            key: inspect.cleandoc(each) if key == "description" and isinstance(each, str) else _without_indents(each)
            for key, each in found.items()
        }
    return [_without_indents(each) for each in found] if isinstance(found, list) else found


def schema_text() -> str:
    """Return the text of `SCHEMA`.

    Raises:
        MissingExtra: msgspec is not installed.
    """
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"
