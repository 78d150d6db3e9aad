"""Two runs over the same seeds, compared seed by seed: better, worse, no difference, or undecided."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_expops.verdicts.stability._intervals import ROUNDING, Interval, mean_interval, moments
from pytest_expops.verdicts.stability.claims import ClaimStatus, Finding


class Standing(enum.Enum):
    """How a result stands to the baseline."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """The differences, obtained less baseline, of the seeds that both have.

    `label` names the partition. `mean` is the mean of the differences over `n` seeds and `interval` that of all seeds;
    both are None where no seed is in both.
    """

    label: str
    standing: Standing
    n: int
    mean: float | None = None
    interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        return {
            "label": self.label,
            "standing": self.standing.value,
            "n": self.n,
            "mean": self.mean,
            "interval": list(self.interval) if self.interval else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PairedComparison:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: `data` is not what `to_json` gives.
        """
        interval = tuple(data["interval"]) if data["interval"] else None
        return cls(**{**data, "standing": Standing(data["standing"]), "interval": interval})


def compare_paired(
    baseline: Mapping[str, float],
    obtained: Mapping[str, float],
    *,
    better: Literal["higher", "lower"],
    margin: float = 0.0,
    alpha: float = 0.05,
    label: str = "",
) -> PairedComparison:
    """Compare two mappings of seeds to finite values by the differences of the seeds that both have.

    A seed makes both results go the same way, up or down; in the difference that part cancels. So this finds smaller
    changes than two means would. The interval is Student's t of the differences, missed with probability `alpha`. (A
    rank test has no say below six seeds: with five, the smallest p-value that it can give is 0.06.)

    Args:
        baseline: the values before, by seed.
        obtained: the values now, by seed.
        better: whether higher or lower values are better.
        margin: the largest difference that does not matter. If the whole interval is within it, there is no
            difference; else it is better or worse where the interval does not hold zero. Without a margin, no
            difference is when all values are the same as before, up to rounding.
        alpha: the probability with which the interval is missed.
        label: the partition, for the result.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    seeds = [seed for seed in obtained if seed in baseline]
    if not seeds:
        return PairedComparison(label, Standing.UNDECIDED, 0)
    changes = [_change(baseline[seed], obtained[seed]) for seed in seeds]
    found = moments(changes)
    interval = (0.0, 0.0) if found.scale == 0 else mean_interval(found, alpha)
    return PairedComparison(label, _standing(interval, better, margin, found.scale), len(seeds), found.mean, interval)


def overall(finding: Finding, comparisons: Iterable[PairedComparison]) -> ClaimStatus:
    """Return the worst of the claims; that it is not worse than the baseline is one too."""
    standings = {each.standing for each in comparisons}
    if Standing.WORSE in standings:
        return ClaimStatus.FAIL
    if Standing.UNDECIDED in standings and finding.status is ClaimStatus.PASS:
        return ClaimStatus.UNDECIDED
    return finding.status


def _change(before: float, after: float) -> float:
    change = after - before
    return 0.0 if abs(change) <= ROUNDING * max(abs(before), abs(after)) else change


def _standing(interval: Interval, better: str, margin: float, scale: float) -> Standing:
    low, high = interval
    slack = ROUNDING * max(margin, scale)
    if -margin - slack <= low and high <= margin + slack and (margin or low == high == 0):
        return Standing.SAME
    if low > 0:
        return Standing.BETTER if better == "higher" else Standing.WORSE
    if high < 0:
        return Standing.WORSE if better == "higher" else Standing.BETTER
    return Standing.UNDECIDED
