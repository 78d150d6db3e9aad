"""The warning filters in force here as plain data, so that they can be put in force in another interpreter.

They are part of what a process finds: under ``-W error`` it may catch what elsewhere is a line on standard error.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def described_filters() -> list[list[Any]]:
    """Action, message pattern, module and name of the category, module pattern and line, first come first served."""
    return [
        [action, _pattern(message), category.__module__, category.__qualname__, _pattern(module), line]
        for action, message, categories, module, line in warnings.filters
        for category in (categories if isinstance(categories, tuple) else (categories,))
    ]


@contextmanager
def filtering(described: Sequence[Sequence[Any]]) -> Iterator[None]:
    """Put filters in force, in place of all others. Those of a category that cannot be imported here are left out."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for action, message, home, name, module, line in described:
            try:
                category = getattr(importlib.import_module(home), name)
            except (ImportError, AttributeError):
                continue
            warnings.filterwarnings(action, message, category, module, line, append=True)
        yield


def warned(caught: Sequence[warnings.WarningMessage]) -> list[list[Any]]:
    """Return warnings as plain data: type, text, file and line."""
    return [
        [each.category.__module__, each.category.__qualname__, str(each.message), each.filename, each.lineno]
        for each in caught
    ]


def _pattern(compiled: re.Pattern[str] | str | None) -> str:
    return compiled.pattern if isinstance(compiled, re.Pattern) else re.escape(compiled or "")
