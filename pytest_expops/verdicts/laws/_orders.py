"""Orders of rows that have a short description, so that a counterexample can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from pytest_expops.bounds import NUMBERS
from pytest_expops.verdicts.laws._subjects import LawError
from pytest_expops.wording import shown

KINDS = ("exchange", "reverse", "rotate", "shuffle")


@dataclass(frozen=True)
class RowOrder:
    """An order of rows with a short description, whatever their number: one of `KINDS`, and a number for it."""

    kind: str
    number: int = 0

    @property
    def words(self) -> str:
        descriptions = {
            "exchange": f"with row {self.number} behind row {self.number + 1}",
            "reverse": "backwards",
            "rotate": f"with the first {self.number + 1} behind all others",
            "shuffle": f"shuffled (numpy.random.default_rng({self.number}).permutation)",
        }
        return descriptions[self.kind]

    def positions(self, rows: int) -> list[int]:
        """Return the positions of `rows` rows in this order."""
        order = list(range(rows))
        match self.kind:
            case "exchange":
                order[self.number : self.number + 2] = order[self.number + 1], order[self.number]
            case "reverse":
                order.reverse()
            case "rotate":
                order = order[self.number + 1 :] + order[: self.number + 1]
            case _:
                order = np.random.default_rng(self.number).permutation(rows).tolist()
        return order

    def written(self, rows: int) -> str:
        """Return `positions` as an expression."""
        after = self.number + 1
        return {
            "exchange": f"[*range({self.number}), {after}, {self.number}, *range({after + 1}, {rows})]",
            "reverse": f"[*range({rows - 1}, -1, -1)]",
            "rotate": f"[*range({after}, {rows}), *range({after})]",
            "shuffle": f"numpy.random.default_rng({self.number}).permutation({rows})",
        }[self.kind]


def orders(rows: int) -> st.SearchStrategy[RowOrder]:
    """Return a strategy for orders of at least two rows; they shrink to the exchange of the first two.

    Raises:
        LawError: there are fewer rows.
    """
    if rows < 2:
        raise LawError(f"{rows} row{'s' if rows != 1 else ''} cannot be put in another order")
    # Each kind draws as much as any other, or else the one that draws less would count as smaller.
    return st.builds(RowOrder, st.sampled_from(KINDS), st.integers(0, rows - 2))


def positions(order: RowOrder | Sequence[int], rows: int) -> list[int]:
    """Return an order as positions.

    Raises:
        LawError: what is given is not each position once.
    """
    if isinstance(order, RowOrder):
        return order.positions(rows)
    given = list(order)
    found = [NUMBERS["rows"].read(each) for each in given]
    if None in found or sorted(found) != list(range(rows)):
        raise LawError(f"the order {shown(given)} does not hold each of the {rows} positions once")
    return found
