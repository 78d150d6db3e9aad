"""Leave out of a value's form what its class keeps of when, where and how fast it was made.

A library that keeps such things says so in a table: class by name, attribute, and what to judge in the attribute's
place, or None where it does not count. A class has the entries of all its bases. What no table names is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import type_name

Judged = Callable[[Any], Any]
Table = Mapping[str, Mapping[str, Judged | None]]


def leaving_out(
    table: Table, form: Callable[[Any], Form] = object_form
) -> Callable[[type], Callable[[Any], Form] | None]:
    """Return the `handler_for` of a library whose classes are judged by `form`, less what `table` names.

    Args:
        table: class by name -> attribute -> what to judge in its place, or None.
        form: gives the form of a value with all of its attributes.
    """

    def handler_for(cls: type) -> Callable[[Any], Form] | None:
        rules = {
            f".{attribute}": judged
            for base in reversed(cls.__mro__)
            for attribute, judged in table.get(type_name(base), {}).items()
        }
        return partial(_without, rules, form) if rules else None

    return handler_for


def _without(rules: Mapping[str, Judged | None], form: Callable[[Any], Form], value: Any) -> Form:
    whole = form(value)
    if not isinstance(whole, Parts) or whole.names is None:
        return whole
    kept: list[tuple[str, Any]] = []
    for name, part in zip(whole.names, whole.values, strict=True):
        judged = rules.get(name, _as_it_is)
        if judged is not None:
            kept.append((name, judged(part)))
    return Parts(whole.tag, whole.traits, [part for _, part in kept], [name for name, _ in kept])


def _as_it_is(part: Any) -> Any:
    return part


def without_keys(*keys: str) -> Judged:
    """Return a rule that judges a dict without these keys, and anything else as it is."""

    def judged(part: Any) -> Any:
        if type(part) is not dict:
            return part
        return {key: each for key, each in part.items() if key not in keys}

    return judged
