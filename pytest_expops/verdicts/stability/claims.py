"""Bounds on a metric over random seeds become claims that hold, do not, or are open: numbers in, findings out."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_expops.errors import StabilityError
from pytest_expops.pipeline.config.vocabulary import STABILITY_BOUNDS
from pytest_expops.verdicts.stability._intervals import (
    ROUNDING,
    Interval,
    Moments,
    cv_interval,
    mean_interval,
    mean_reach,
    moments,
    std_factors,
    std_interval,
)

MOST_SEEDS = 10_000
"""If more seeds than these would be needed, none are suggested."""
WIDE = {"mean": 2.0, "std": 5.0}
"""An interval is wide if that of the mean reaches further than this many standard deviations, or that of the standard
deviation goes beyond this multiple of the sample's."""
NORMAL_TAIL = 3.0
"""The kurtosis of normal values: with others, intervals reach further still."""


class ClaimStatus(enum.Enum):
    """What is thought of a claim."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Claim:
    """One bound on one group of seeds. `interval` is None where the bound is on the seeds that ran, which are known.

    `enough` is how many seeds would decide it if they had the mean and spread of those that ran; None where it is
    decided, or no reasonable number would.
    """

    bound: str
    limit: float
    obtained: float
    interval: Interval | None
    status: ClaimStatus
    enough: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The values of one partition, or of all, by seed. `interval` is that of the mean, `std` is NaN for one seed."""

    label: str
    values: Mapping[str, float]
    mean: float
    std: float
    interval: Interval
    claims: tuple[Claim, ...]

    @property
    def without_effect(self) -> bool:
        """Whether several seeds gave the same value."""
        return self.std == 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found of one metric of a process.

    `readings` are the values as they were read, by group and seed; `groups` are what is judged: each of these, or
    the means over them. Every interval is missed with probability (1 - `confidence`) / `together` at most, so that
    all `together` intervals hold at once with `confidence`.
    """

    process: str
    metric: str
    confidence: float
    together: int
    readings: Mapping[str, Mapping[str, float]]
    groups: tuple[Group, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of all groups."""
        return tuple(claim for group in self.groups for claim in group.claims)

    @property
    def status(self) -> ClaimStatus:
        """The worst of its claims: one that fails, else one that is open."""
        found = {claim.status for claim in self.claims}
        return next((each for each in (ClaimStatus.FAIL, ClaimStatus.UNDECIDED) if each in found), ClaimStatus.PASS)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        data = dataclasses.asdict(self)
        for group in data["groups"]:
            for claim in group["claims"]:
                claim["status"] = claim["status"].value
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: `data` is not what `to_json` gives.
        """
        return cls(**{**data, "groups": tuple(map(_group, data["groups"]))})


def _group(data: Mapping[str, Any]) -> Group:
    claims = tuple(
        Claim(
            **{**each, "status": ClaimStatus(each["status"]), "interval": each["interval"] and tuple(each["interval"])}
        )
        for each in data["claims"]
    )
    return Group(**{**data, "interval": tuple(data["interval"]), "claims": claims})


def about_population(bound: str) -> bool:
    """Return whether a bound is on all seeds that there might be, and so takes an interval, or on those that ran."""
    return _statistic(bound) in _INTERVALS


def judge(
    readings: Mapping[str, Mapping[str, float]],
    bounds: Mapping[str, float],
    *,
    over: str = "partition",
    confidence: float = 0.95,
    together: int | None = None,
    process: str = "",
    metric: str = "value",
) -> Finding:
    """Judge the bounds on the values by group (a partition) and seed.

    Args:
        readings: the values by group and seed.
        bounds: by name, any of `STABILITY_BOUNDS`.
        over: ``partition`` makes each group a claim of its own; ``all`` takes for the value of a seed its mean over
            the groups.
        confidence: with which all intervals hold at once.
        together: how many intervals are to hold at once; by default those of this call.
        process: the process, for the finding and for errors.
        metric: the metric, likewise.

    Raises:
        StabilityError: there is no value, one is not finite, or `over` is ``all`` and a group lacks a seed.
        MissingExtra: SciPy is not installed.
    """
    _check_values(readings, metric, process)
    judged = readings if over == "partition" else {"": seed_means(readings, metric)}
    taken = together or max(1, len(judged) * sum(map(about_population, bounds)))
    alpha = (1 - confidence) / taken
    ordered = {name: bounds[name] for name in STABILITY_BOUNDS if name in bounds}
    groups = tuple(_judge_group(label, values, ordered, alpha) for label, values in judged.items())
    return Finding(process, metric, confidence, taken, readings, groups)


def _check_values(readings: Mapping[str, Mapping[str, float]], metric: str, process: str) -> None:
    if not readings or not all(readings.values()):
        raise StabilityError(f"`{metric}` has no value for any seed", process=process or None, key=metric)
    bad = [
        f"{value} for {_at(label, seed)}"
        for label, values in readings.items()
        for seed, value in values.items()
        if not math.isfinite(value)
    ]
    if bad:
        message = f"`{metric}` is {', '.join(bad)}; expected finite numbers"
        raise StabilityError(message, process=process or None, key=metric)


def _at(label: str, seed: str) -> str:
    return f"{label}, seed {seed}" if label else f"seed {seed}"


def seed_means(readings: Mapping[str, Mapping[str, float]], metric: str = "value") -> dict[str, float]:
    """Return the mean of each seed over all groups.

    Raises:
        StabilityError: a group lacks a seed that another has.
    """
    seeds = dict.fromkeys(seed for values in readings.values() for seed in values)
    for label, values in readings.items():
        missing = [seed for seed in seeds if seed not in values]
        if missing:
            message = f"`{metric}` has no value for {_at(label, missing[0])}"
            raise StabilityError(message, key=metric, hint="over all partitions, every seed needs a value in each")
    return {seed: moments([values[seed] for values in readings.values()]).mean for seed in seeds}


def _judge_group(label: str, values: Mapping[str, float], bounds: Mapping[str, float], alpha: float) -> Group:
    found = moments(list(values.values()))
    claims = tuple(_judge_bound(bound, limit, found, values, alpha) for bound, limit in bounds.items())
    return Group(label, values, found.mean, found.std, mean_interval(found, alpha), claims)


def _judge_bound(bound: str, limit: float, found: Moments, values: Mapping[str, float], alpha: float) -> Claim:
    obtained = _OBTAINED[_statistic(bound)](found, values, bound)
    interval_of = _INTERVALS.get(_statistic(bound))
    if interval_of is None:
        return Claim(bound, limit, obtained, None, _side(bound, limit, (obtained, obtained), found))
    interval = interval_of(found, alpha)
    status = _side(bound, limit, interval, found)
    enough = _enough(bound, limit, found, alpha) if status is ClaimStatus.UNDECIDED and found.n > 1 else None
    return Claim(bound, limit, obtained, interval, status, enough)


def _side(bound: str, limit: float, interval: Interval, found: Moments) -> ClaimStatus:
    """Return PASS if the whole interval is on the right side of the bound, FAIL if all of it is on the other."""
    slack = ROUNDING * max(abs(limit), 1.0 if bound == "max_cv" else found.scale)
    low, high = interval
    inside, outside = (low - limit, high - limit) if bound.startswith("min_") else (limit - high, limit - low)
    if inside >= -slack:
        return ClaimStatus.PASS
    return ClaimStatus.FAIL if outside < -slack else ClaimStatus.UNDECIDED


def _enough(bound: str, limit: float, found: Moments, alpha: float) -> int | None:
    """Return the smallest number of seeds whose interval, at the mean and spread that were found, is on one side."""
    interval_of = _INTERVALS[_statistic(bound)]

    def decides(n: int) -> bool:
        more = replace(found, n=n)
        return _side(bound, limit, interval_of(more, alpha), more) is not ClaimStatus.UNDECIDED

    short, long = found.n, 2 * found.n
    while not decides(long):
        if long > MOST_SEEDS:
            return None
        short, long = long, 2 * long
    while long - short > 1:
        middle = (short + long) // 2
        short, long = (short, middle) if decides(middle) else (middle, long)
    return long if long <= MOST_SEEDS else None


def doubt(bound: str, n: int, alpha: float) -> str | None:
    """Return how wide the interval for a bound is with `n` seeds, of whatever values; None if it is not wide.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    statistic = _statistic(bound)
    if statistic not in _INTERVALS:
        return None
    if n < 2:
        return "one seed has no spread"
    if statistic == "mean":
        reach = mean_reach(n, alpha)
        wide = f"reaches {reach:.3g} standard deviations to either side" if reach > WIDE["mean"] else None
    else:
        # Half of `alpha` is left to the spread where there is a mean to find too.
        low, high = std_factors(n, NORMAL_TAIL, alpha if statistic == "std" else alpha / 2)
        wide = f"is {low:.2g} to {high:.3g} times what is obtained" if high > WIDE["std"] else None
    return wide and f"with {n} seeds its interval {wide}"


def _statistic(bound: str) -> str:
    return bound.partition("_")[2]


def _range(found: Moments, values: Mapping[str, float], bound: str) -> float:
    return max(values.values()) - min(values.values())


def _extreme(found: Moments, values: Mapping[str, float], bound: str) -> float:
    return min(values.values()) if bound == "min_value" else max(values.values())


def _cv(found: Moments, values: Mapping[str, float], bound: str) -> float:
    if not found.std:
        return 0.0
    return found.std / abs(found.mean) if found.mean else math.inf


_OBTAINED: dict[str, Callable[[Moments, Mapping[str, float], str], float]] = {
    "mean": lambda found, values, bound: found.mean,
    "std": lambda found, values, bound: found.std,
    "cv": _cv,
    "range": _range,
    "value": _extreme,
}
_INTERVALS: dict[str, Callable[[Moments, float], Interval]] = {
    "mean": mean_interval,
    "std": std_interval,
    "cv": cv_interval,
}
