"""Find the innermost part of a value that fails a test which the whole fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pytest_expops.values.atoms import ATOMS
from pytest_expops.values.fingerprint import form_of
from pytest_expops.values.forms import Form, Unsound

Fails = Callable[[Any], Exception | None]


class Offender(NamedTuple):
    """A part of a value that fails a test; `failure` is None for the whole value, which is known to fail."""

    path: str
    part: Any
    failure: Exception | None


def offending(value: Any, path: str, fails: Fails) -> Offender:
    """Return the innermost part that fails; the value itself where no part of it does.

    Args:
        value: a value that fails.
        path: where it stands, such as ``outputs['model']``.
        fails: the test; it returns why a part fails, or None.
    """
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
            return Offender(path, value, reason)


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
