"""Datetimes and times by what a clock and calendar show, and by their time zone; naive and aware ones differ."""

from __future__ import annotations

import datetime
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import type_name


def datetime_form(value: datetime.datetime) -> Form:
    """What it shows, `fold` (which of two equal hours where clocks are put back), and the time zone."""
    return _zoned(value, datetime.datetime.isoformat(value, " "))


def time_form(value: datetime.time) -> Form:
    """As a datetime."""
    return _zoned(value, datetime.time.isoformat(value))


def _zoned(value: Any, shown: str) -> Form:
    if getattr(value, "__dict__", None):  # a subclass that holds more
        return object_form(value)
    traits = (("value", f"{shown} (fold)" if value.fold else shown),)
    return Parts(type_name(type(value)), traits, [value.tzinfo], [".tzinfo"], whole=True)


EXACT: dict[type, Any] = {datetime.datetime: datetime_form, datetime.time: time_form}
BASES: dict[type | None, Any] = {datetime.datetime: datetime_form, datetime.time: time_form}
