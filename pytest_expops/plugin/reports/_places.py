"""Where an item stands in its file."""

from __future__ import annotations

import os

import pytest

from pytest_expops.wording import short_path


def place_of(item: pytest.Item) -> tuple[str, int]:
    """Return the file of an item, as seen from where pytest was started, and its line, counted from 1; 0 if unknown."""
    path, line, _ = item.reportinfo()
    return short_path(os.fspath(path), item.config.invocation_params.dir), 0 if line is None else line + 1
