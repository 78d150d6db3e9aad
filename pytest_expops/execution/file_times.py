"""How exact the time is at which a file was changed."""

from __future__ import annotations

import time


def file_time_resolution() -> float:
    """Return how far, in seconds, the time of a change to a file may lie before that change."""
    coarse = getattr(time, "CLOCK_REALTIME_COARSE", None)
    return 2 * time.clock_getres(coarse) if coarse is not None else 0.0
