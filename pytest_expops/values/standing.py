"""What stands in for something else for a while, and is judged as that."""

from __future__ import annotations

from typing import Any


class StandsFor:
    """Base of objects that are to be fingerprinted and compared as if they were `original`."""

    __slots__ = ("original",)

    def __init__(self, original: Any) -> None:
        self.original = original
