"""Datetimes and times by what a clock and calendar show, and by their time zone; naive and aware ones differ."""

from __future__ import annotations

import datetime
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import type_name

_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")


def datetime_form(value: datetime.datetime) -> Form:
    """What it shows, `fold` (which of two equal hours where clocks are put back), and the time zone."""
    shown = datetime.datetime(*(getattr(value, name) for name in (*_DATE, *_TIME)))
    return _zoned(value, shown.isoformat(" "))


def time_form(value: datetime.time) -> Form:
    shown = datetime.time(*(getattr(value, name) for name in _TIME))
    return _zoned(value, shown.isoformat())


def _zoned(value: Any, shown: str) -> Form:
    if getattr(value, "__dict__", None):  # a subclass that holds more
        return object_form(value)
    traits = (("value", f"{shown} (fold)" if value.fold else shown),)
    return Parts(type_name(type(value)), traits, [value.tzinfo], [".tzinfo"])


EXACT: dict[type, Any] = {datetime.datetime: datetime_form, datetime.time: time_form}
BASES: dict[type | None, Any] = {datetime.datetime: datetime_form, datetime.time: time_form}
