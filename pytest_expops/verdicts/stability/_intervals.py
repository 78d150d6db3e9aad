"""Where the mean, the spread and the relative spread of all seeds lie, as far as the few that ran show.

The methods were chosen by simulation, `benchmarks/stability.py`; docs/stability.md has its figures.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_expops.errors import MissingExtra

Interval = tuple[float, float]
"""Lower and upper end; either may be infinite."""

HEAVY_TAIL = 6.0
"""The kurtosis, that of the Laplace distribution, which is assumed until the seeds show another."""
TAIL_WEIGHT = 16
"""So many seeds weigh as much as that assumption: a handful cannot show a heavy tail."""
ROUNDING = 8 * sys.float_info.epsilon
"""Relative to the values, what is closer than this is equal: 0.93 - 0.90 is above 0.03 by rounding alone."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What a sample shows of the population that it is from.

    `std` is the standard deviation with n - 1 in the denominator, NaN for a single value. `kurtosis` is the fourth
    moment about a trimmed mean over the squared second about the mean, 3 for many normal values; the trimmed mean
    makes it less of an underestimate (D. G. Bonett, "Approximate confidence interval for standard deviation of
    nonnormal distributions", Computational Statistics & Data Analysis 50, 2006). It is NaN where `std` is no number
    above zero. `scale` is the greatest magnitude among the values.
    """

    n: int
    mean: float
    std: float
    kurtosis: float
    scale: float


def moments(values: Sequence[float]) -> Moments:
    """Return the moments of at least one finite value; equal values have just their value for a mean, and no spread."""
    n, scale = len(values), max(map(abs, values))
    low, high = min(values), max(values)
    if low == high:
        return Moments(n, low, 0.0 if n > 1 else math.nan, math.nan, scale)
    # Divided first, since a sum, or a square, may be out of range where its terms are not.
    mean = math.fsum(value / n for value in values)
    reach = max(high - mean, mean - low)
    second = math.fsum(((value - mean) / reach) ** 2 for value in values)
    centre = _trimmed_mean(sorted(values))
    fourth = math.fsum(((value - centre) / reach) ** 4 for value in values)
    return Moments(n, mean, reach * math.sqrt(second / (n - 1)), n * fourth / second**2, scale)


def _trimmed_mean(ordered: Sequence[float]) -> float:
    """Return the mean without a fraction of 1 / (2 sqrt(n - 4)) at each end (Bonett); up to 5 values, the median."""
    n = len(ordered)
    cut = (n - 1) // 2 if n <= 5 else int(n / (2 * math.sqrt(n - 4)))
    kept = ordered[cut : n - cut]
    return math.fsum(value / len(kept) for value in kept)


def mean_interval(found: Moments, alpha: float) -> Interval:
    """Return the interval of the population's mean, by Student's t: mean +- t(n - 1) std / sqrt(n).

    It is missed with probability `alpha`.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    if found.n < 2:
        return (-math.inf, math.inf)
    reach = mean_reach(found.n, alpha) * found.std if found.std else 0.0
    return (found.mean - reach, found.mean + reach)


def mean_reach(n: int, alpha: float) -> float:
    """Return how many standard deviations the interval of the mean reaches to either side."""
    return float(special().stdtrit(n - 1, 1 - alpha / 2)) / math.sqrt(n)


def std_interval(found: Moments, alpha: float) -> Interval:
    """Return the interval of the population's standard deviation, by chi-square.

    It is missed with probability `alpha`. The degrees of freedom are those that the tails leave.

    The variance of a sample variance is sigma^4 (kurtosis - (n - 3) / (n - 1)) / n. That of a chi-square with d degrees
    of freedom, scaled alike, is 2 sigma^4 / d; so d = 2n / (kurtosis - (n - 3) / (n - 1)), which is n - 1 for normal
    values, as it is at most here (G. E. P. Box, "Non-normality and tests on variances", Biometrika 40, 1953). The
    sample's kurtosis is averaged with `HEAVY_TAIL`, which weighs as much as `TAIL_WEIGHT` seeds.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    if found.n < 2:
        return (0.0, math.inf)
    if not found.std:
        return (0.0, 0.0)
    low, high = std_factors(found.n, found.kurtosis, alpha)
    return (found.std * low, found.std * high)


def std_factors(n: int, kurtosis: float, alpha: float) -> Interval:
    """Return the ends of the interval of the standard deviation, as multiples of the sample's."""
    tails = (n * kurtosis + TAIL_WEIGHT * HEAVY_TAIL) / (n + TAIL_WEIGHT)
    freedom = min(n - 1.0, 2 * n / (tails - (n - 3) / (n - 1)))
    upper, lower = special().chdtri(freedom, (alpha / 2, 1 - alpha / 2))
    return (math.sqrt(freedom / upper), math.sqrt(freedom / lower) if lower > 0 else math.inf)


def cv_interval(found: Moments, alpha: float) -> Interval:
    """Return the interval of the population's coefficient of variation, std / abs(mean).

    It follows from the intervals of both, each missed with half of the probability `alpha`: if both hold, so does what
    they say of the quotient. Where the mean may be zero, there is no upper end.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    if found.n < 2:
        return (0.0, math.inf)
    if not found.std:
        return (0.0, 0.0)
    spread, mean = std_interval(found, alpha / 2), mean_interval(found, alpha / 2)
    near, far = sorted(map(abs, mean))
    return (spread[0] / far, math.inf if mean[0] <= 0 <= mean[1] else spread[1] / near)


def special() -> Any:
    """Return `scipy.special`, which has the quantiles; `scipy.stats` takes a second to import.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    try:
        import scipy.special
    except ModuleNotFoundError:
        raise MissingExtra("intervals over seeds are computed with SciPy", extra="stability") from None
    return scipy.special
