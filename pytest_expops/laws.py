"""What tests of pipelines check: the laws that a process keeps, and what they raise.

::

    from pytest_expops.laws import partition_invariant

    def test_the_mean_does_not_depend_on_the_split(expops):
        partition_invariant(expops, "aggregate")
"""

from __future__ import annotations

from pytest_expops.verdicts.laws.laws import (
    LawBroken,
    LawError,
    batch_consistent,
    order_invariant,
    partition_invariant,
    seed_invariant,
)

__all__ = [
    "LawBroken",
    "LawError",
    "batch_consistent",
    "order_invariant",
    "partition_invariant",
    "seed_invariant",
]
