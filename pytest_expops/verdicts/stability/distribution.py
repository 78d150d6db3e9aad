"""How the values of the seeds are spread, as a few characters of text."""

from __future__ import annotations

from collections.abc import Collection

BINS = 8
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.:-=+*#"
"""The levels of a distribution; the lowest means none."""


def distribution(values: Collection[float], low: float, high: float, glyphs: str = BLOCKS) -> str:
    """Return how many of the values lie in each eighth of the way from `low` to `high`, the tallest bar for the most.

    Of equal ends the middle is taken.
    """
    counts = [0] * BINS
    for value in values:
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5  # halves cannot overflow
        counts[min(BINS - 1, int(share * BINS))] += 1
    most = max(counts)
    return "".join(glyphs[-(-count * (len(glyphs) - 1) // most)] for count in counts)
