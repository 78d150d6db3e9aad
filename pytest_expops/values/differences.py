"""What a comparison found: shapes, types and keys before values, and no more than can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.values.showing import ABSENT, show
from pytest_expops.wording import and_more, listed, short_place

MANY = 10
"""More keys than this that are in one value only make one difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ: the values as text, and what kind of difference it is."""

    path: str
    expected: str
    obtained: str
    detail: str

    def __str__(self) -> str:
        return f"{short_place(self.path)}: expected {self.expected}, obtained {self.obtained} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Structural:
    """A difference in what a value is made of (type, dtype, shape, keys), which comes before those in its values."""

    difference: Difference


@dataclass(frozen=True, slots=True)
class Beyond:
    """So many differences in values beyond those that are kept."""

    count: int


@dataclass(slots=True)
class DifferenceList:
    """The first `limit` differences of either kind, and the number of all."""

    limit: int
    count: int = 0
    _structural: list[Difference] = field(default_factory=list)
    _of_values: list[Difference] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether further differences in values are counted only."""
        return len(self._of_values) >= self.limit

    def add(self, item: Difference | Structural | Beyond) -> None:
        """Count a difference, and keep it if it is one of the first."""
        if isinstance(item, Beyond):
            self.count += item.count
            return
        self.count += 1
        kept = self._structural if isinstance(item, Structural) else self._of_values
        if len(kept) < self.limit:
            kept.append(item.difference if isinstance(item, Structural) else item)

    def shown(self, path: str) -> tuple[Difference, ...]:
        """Return at most `limit` differences, and one more that says how many there are beyond."""
        first = [*self._structural, *self._of_values][: self.limit]
        if more := and_more(self.count, len(first), "differences"):
            first.append(Difference(path, "...", "...", f"{more}, not shown"))
        return tuple(first)


def one_sided(items: Sequence[tuple[str, Any]], path: str, state: str, *, keys: bool = False) -> Iterator[Structural]:
    """Yield a difference for each item that only one of two values has.

    `state` is ``missing``, of what only the expected value has, or ``unexpected``.
    """
    if len(items) > MANY:
        detail = f"{len(items)} {'keys ' if keys else ''}are {state}"
        yield Structural(Difference(path, *_sides(listed([suffix for suffix, _ in items]), state), detail))
        return
    for suffix, value in items:
        yield Structural(Difference(path + suffix, *_sides(show(value), state), f"{'key ' if keys else ''}is {state}"))


def _sides(text: str, state: str) -> tuple[str, str]:
    return (text, ABSENT) if state == "missing" else (ABSENT, text)
