"""How rows may be cut, and which seeds there may be: what `data_parallelism` and `seed_parallelism` take."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

__all__ = ["partition_sizes", "seeds"]


def partition_sizes(
    rows: int, *, max_partitions: int = 6, allow_empty: bool = True, min_rows: int | None = None
) -> st.SearchStrategy[int | list[int]]:
    """Return a strategy for `data_parallelism.size` of a value of `rows` rows, in either spelling (S3.1).

    A number of partitions, or a list of row counts that sum to `rows`: at most `max_partitions` partitions. It shrinks
    to fewer partitions, the number rather than the list, and the first rows on their own: 1, 2, then ``[1, rows - 1]``.

    Args:
        rows: how many rows there are to split, zero or more.
        max_partitions: the most partitions, one or more.
        allow_empty: whether partitions may be empty (S3.3).
        min_rows: the fewest rows of any partition; by default 0, or 1 where none may be empty.

    Raises:
        ValueError: no partition of that many rows is possible, or a bound is out of range.
    """
    least = (0 if allow_empty else 1) if min_rows is None else min_rows
    if rows < 0 or max_partitions < 1 or least < 0:
        given = f"rows={rows}, max_partitions={max_partitions}, min_rows={least}"
        raise ValueError(f"partition_sizes: {given}; expected at least 0, 1 and 0")
    if not allow_empty and least == 0:
        raise ValueError("partition_sizes: min_rows=0 makes empty partitions, which allow_empty=False forbids")
    most = max_partitions if least == 0 else min(max_partitions, rows // least)
    if most == 0:
        raise ValueError(
            f"partition_sizes: {rows} rows make no partition of at least {least}; give more rows, or a smaller min_rows"
        )
    return st.integers(1, most) | _row_counts(rows, most, least)


def _row_counts(rows: int, most: int, least: int) -> st.SearchStrategy[list[int]]:
    """Return a strategy for lists of one to `most` counts of at least `least` whose sum is `rows`, as gaps of cuts."""

    def counts(drawn: list[int]) -> list[int]:
        spare = rows - (len(drawn) + 1) * least
        cuts = [0, *sorted(min(cut, spare) for cut in drawn), spare]
        return [after - before + least for before, after in pairwise(cuts)]

    return st.lists(st.integers(0, max(rows - least, 0)), max_size=most - 1).map(counts)


def seeds(
    *, min_size: int = 1, max_size: int = 3, min_value: int = 0, max_value: int = 2**32 - 1
) -> st.SearchStrategy[list[int]]:
    """Return a strategy for `seed_parallelism.seeds`: lists of `min_size` to `max_size` different seeds.

    They shrink to ``[0]``. By default the seeds are those which every library takes. Negative ones are allowed in a
    config (S4.1), though NumPy and scikit-learn refuse them: give `min_value` where the process bears it.

    Args:
        min_size: the fewest seeds of a list.
        max_size: the most seeds of a list.
        min_value: the least seed.
        max_value: the greatest seed.
    """
    return st.lists(st.integers(min_value, max_value), min_size=min_size, max_size=max_size, unique=True)
