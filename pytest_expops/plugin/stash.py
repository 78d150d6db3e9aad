"""Where a pytest session's config keeps what this plugin knows of it; loads nothing, as every session asks.

A session without a pipeline has nothing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_expops.plugin.state import SessionState

STATE: pytest.StashKey[SessionState] = pytest.StashKey()
