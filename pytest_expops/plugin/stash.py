"""Where pytest's config, items and workers keep what this plugin knows of them; loads nothing, as every session asks.

A session without a pipeline has nothing in `STATE`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_expops.plugin.options.options import Options
    from pytest_expops.plugin.state import SessionState

STATE: pytest.StashKey[SessionState] = pytest.StashKey()
OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
"""Read once, before a test can change what they are read from."""
ENVIRONMENT: pytest.StashKey[dict[str, str]] = pytest.StashKey()
"""The variables of the environment as the session found them, before any conftest file or test changed them."""
RESULTS: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
"""What a test has recorded by `record_result`."""
WATCHED: pytest.StashKey[Callable[[str, Any], Any]] = pytest.StashKey()
"""Of a test that is to be replayed: takes a copy of what is recorded, and refuses what cannot be compared."""
CHECK_NOTES = "expops_check_notes"
"""The key of a worker's `workerinput` by which it is given a folder to note in what its checks are at."""
