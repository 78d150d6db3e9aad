"""How often the intervals over seeds hold the truth, by method, number of seeds and kind of metric.

Run `python benchmarks/stability.py [--thorough]`. Metrics are not normal: they are bounded, skewed, of few values, and
now and then a seed fails altogether (`binomial` is an accuracy on 200 rows, `beta` one near its end). For each kind of
metric, whose true mean and standard deviation are known, many samples of 3, 5, 10 and 30 seeds are drawn. A cell is the
coverage in percent, 95 being asked for; `width` is for normal values the median of upper over lower end (of the mean:
of half the interval, in standard deviations).

The methods marked with * are those in use; they are the functions of `pytest_expops.verdicts.stability._intervals`
themselves.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtr, ndtri

from pytest_expops.verdicts.stability import _intervals as intervals
from pytest_expops.verdicts.stability._intervals import (
    Interval,
    Moments,
    cv_interval,
    mean_interval,
    moments,
    std_interval,
)

SIZES = (3, 5, 10, 30)
ALPHA = 0.05
RESAMPLES = 300
Sample = np.ndarray
Method = Callable[[Sample], Interval]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of metric: draws an array of a shape; its true mean and standard deviation."""

    draw: Callable[[tuple[int, int]], Sample]
    mean: float
    std: float


def families(rng: np.random.Generator) -> dict[str, Family]:
    """From what the classical methods assume to what seeds really do; shifted, so that a relative spread is defined."""

    def beta(a: float, b: float) -> Family:
        return Family(lambda shape: rng.beta(a, b, shape), a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b))

    def lognormal(sigma: float) -> Family:
        mean = math.exp(sigma**2 / 2)
        return Family(lambda shape: rng.lognormal(0, sigma, shape), mean, mean * math.sqrt(math.expm1(sigma**2)))

    def outliers(shape: tuple[int, int]) -> Sample:
        return rng.normal(10, 1, shape) - 5 * (rng.random(shape) < 0.1)

    return {
        "normal": Family(lambda shape: rng.normal(10, 1, shape), 10, 1),
        "uniform": Family(lambda shape: 1 + rng.random(shape), 1.5, math.sqrt(1 / 12)),
        "binomial": Family(lambda shape: rng.binomial(200, 0.95, shape) / 200, 0.95, math.sqrt(0.0475 / 200)),
        "beta(38:2)": beta(38, 2),
        "beta(9:1)": beta(9, 1),
        "gumbel": Family(lambda shape: rng.gumbel(10, 1, shape), 10 + np.euler_gamma, math.pi / math.sqrt(6)),
        "laplace": Family(lambda shape: rng.laplace(10, 1, shape), 10, math.sqrt(2)),
        "t(5)": Family(lambda shape: 10 + rng.standard_t(5, shape), 10, math.sqrt(5 / 3)),
        "exponential": Family(lambda shape: rng.exponential(1, shape), 1, 1),
        "lognormal .5": lognormal(0.5),
        "1/10 fails": Family(outliers, 9.5, math.sqrt(1 + 25 * 0.09)),
        "lognormal 1": lognormal(1.0),
    }


def chi_square(sample: Sample) -> Interval:
    """The textbook's interval of the standard deviation, for normal values."""
    n, std = len(sample), sample.std(ddof=1)
    upper, lower = chdtri(n - 1, (ALPHA / 2, 1 - ALPHA / 2))
    return std * math.sqrt((n - 1) / upper), std * math.sqrt((n - 1) / lower)


def bonett(sample: Sample) -> Interval:
    """Bonett (2006): normal in the logarithm of the variance, with the standard error that the kurtosis gives."""
    found = moments(list(sample))
    n, z = found.n, ndtri(1 - ALPHA / 2)
    c = n / (n - z)
    error = c * math.sqrt(max(0.0, found.kurtosis - (n - 3) / n) / (n - 1))
    return found.std * math.sqrt(c * math.exp(-z * error)), found.std * math.sqrt(c * math.exp(z * error))


def tails_alone(sample: Sample) -> Interval:
    """As in use, but with the sample's kurtosis taken at its word."""
    weight, intervals.TAIL_WEIGHT = intervals.TAIL_WEIGHT, 0
    try:
        return std_interval(moments(list(sample)), ALPHA)
    finally:
        intervals.TAIL_WEIGHT = weight


def bca(statistic: Callable[..., Sample], rng: np.random.Generator) -> Method:
    """Efron's bias-corrected and accelerated bootstrap."""

    def interval(sample: Sample) -> Interval:
        n, found = len(sample), statistic(sample, axis=0)
        drawn = np.sort(statistic(sample[rng.integers(0, n, (RESAMPLES, n))], axis=1))
        below = ((drawn < found).mean() + (drawn <= found).mean()) / 2
        bias = ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
        left_out = sample[np.array([[j for j in range(n) if j != i] for i in range(n)])]
        away = statistic(left_out, axis=1)
        away = away.mean() - away
        scale = 6 * (away**2).sum() ** 1.5
        skew = (away**3).sum() / scale if scale > 0 else 0.0
        tails = bias + ndtri(np.array([ALPHA / 2, 1 - ALPHA / 2]))
        low, high = np.quantile(drawn, ndtr(bias + tails / (1 - skew * tails)))
        return float(low), float(high)

    return interval


def std(sample: Sample, axis: int) -> Sample:
    """The standard deviation along an axis."""
    return sample.std(axis=axis, ddof=min(1, sample.shape[axis] - 1))


def in_use(interval: Callable[[Moments, float], Interval]) -> Method:
    """A method of the package on a sample."""
    return lambda sample: interval(moments(list(sample)), ALPHA)


def coverage(method: Method, family: Family, truth: float, n: int, repeats: int) -> tuple[float, list[Interval]]:
    """The share of samples whose interval holds the truth. A sample without spread counts as one that misses."""
    found = [method(row) for row in family.draw((repeats, n)) if np.ptp(row) > 0]
    return sum(low <= truth <= high for low, high in found) / repeats, found


def table(
    title: str,
    methods: Mapping[str, Method],
    known: Mapping[str, Family],
    truth: Callable[[Family], float],
    width: Callable[[Interval], float],
    repeats: int,
) -> None:
    """Print one table: a row per method and number of seeds, a column per kind of metric."""
    print(f"\n{title}\n{'':24} {'n':>3}  " + "".join(f"{name:>13}" for name in known) + f"{'width':>9}")
    for name, method in methods.items():
        slow = "bootstrap" in name
        for n in SIZES:
            cells, widths = [], 0.0
            for kind, family in known.items():
                share, found = coverage(method, family, truth(family), n, repeats // 10 if slow else repeats)
                cells.append(f"{100 * share:13.1f}")
                if kind == "normal":
                    widths = float(np.median([width(each) for each in found]))
            print(f"{name:24} {n:3}  {''.join(cells)}{widths:9.3g}", flush=True)


def ratio(interval: Interval) -> float:
    """Upper over lower end."""
    return interval[1] / interval[0] if interval[0] else math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thorough", action="store_true", help="eight times the samples: minutes instead of seconds")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    known, repeats, started = families(rng), 4_000 if given.thorough else 500, time.perf_counter()
    print(f"{repeats} samples a cell: a coverage of 95 has a standard error of {100 * math.sqrt(0.0475 / repeats):.2f}")
    means = {"Student's t *": in_use(mean_interval), "BCa bootstrap": bca(np.mean, rng)}
    table("mean", means, known, lambda family: family.mean, lambda each: (each[1] - each[0]) / 2, repeats)
    spreads = {
        "chi-square": chi_square,
        "Bonett": bonett,
        "BCa bootstrap": bca(std, rng),
        "chi-square, own tails": tails_alone,
        "chi-square, tails *": in_use(std_interval),
    }
    table("standard deviation", spreads, known, lambda family: family.std, ratio, repeats)
    relative = {"from both intervals *": in_use(cv_interval)}
    table("coefficient of variation", relative, known, lambda family: family.std / family.mean, ratio, repeats)
    print(f"\nin {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
