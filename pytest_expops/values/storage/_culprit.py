"""Find the innermost part of a value that fails a test which the whole fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.fingerprint import form_of
from pytest_expops.values.forms import Form, Unsound

Fails = Callable[[Any], Exception | None]


def offending(value: Any, path: str, fails: Fails) -> tuple[str, Any, Exception | None]:
    """Return the innermost part that fails; the value itself where no part of it does."""
    reason: Exception | None = None
    seen = {id(value)}
    while True:
        for suffix, part in _parts(value):
            if id(part) in seen or type(part) in ATOMS:
                continue
            failure = fails(part)
            if failure is not None:
                seen.add(id(part))
                value, path, reason = part, path + suffix, failure
                break
        else:
            return path, value, reason


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a value is made of, as fingerprints see it; nothing where they cannot."""
    try:
        form = form_of(value)
        children = form.children
    except (Unsound, RecursionError):
        return
    for index, child in enumerate(children):
        if isinstance(child, Form):  # a column, which the handler gave as a form
            yield from ((form.suffix(index) + child.suffix(inner), each) for inner, each in enumerate(child.children))
        else:
            yield form.suffix(index), child
