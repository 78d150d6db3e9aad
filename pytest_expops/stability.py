"""`assert_seed_stable`: the claims that a config can make of a metric over seeds, for a test to make."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pytest_expops.bounds import NUMBERS
from pytest_expops.errors import CheckFailed, StabilityError
from pytest_expops.pipeline.config.vocabulary import STABILITY_BOUNDS
from pytest_expops.verdicts.stability.claims import ClaimStatus, Finding, judge
from pytest_expops.verdicts.stability.text import explain
from pytest_expops.wording import refusal, shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Values = pd.DataFrame | pd.Series | Mapping[Any, Any] | np.ndarray[Any, Any] | list[float] | tuple[float, ...]

__all__ = ["assert_seed_stable"]

_FRAME = "expected a frame with the columns `seed` and `value`, such as `expops.metrics(...)` filtered by metric"


def assert_seed_stable(
    values: Values,
    *,
    min_mean: float | None = None,
    max_mean: float | None = None,
    min_std: float | None = None,
    max_std: float | None = None,
    max_range: float | None = None,
    max_cv: float | None = None,
    min_value: float | None = None,
    max_value: float | None = None,
    over: Literal["partition", "all"] = "partition",
    confidence: float = 0.95,
    undecided: Literal["fail", "skip", "pass"] = "fail",
    name: str | None = None,
) -> Finding:
    """Assert that a metric keeps within these bounds over random seeds, and return what was found.

    Bounds on the mean, the standard deviation (`std`) and the coefficient of variation (`cv`, std / abs(mean)) are on
    all seeds that there might be: they hold if the whole interval is inside, are violated if all of it is outside, and
    are undecided else. Those on `range`, and `min_value` and `max_value`, are on the seeds that ran. docs/stability.md
    has the methods.

    Args:
        values: one finite number per seed: a frame like ``expops.metrics("evaluate").query("metric == 'accuracy'")``,
            with the columns `seed` and `value` and maybe `partition`, `metric` and `step`, of whose steps the last
            counts; a Series whose index are the seeds; a mapping of seeds to numbers; or an array of shape (seeds,).
        min_mean: the mean is at least this.
        max_mean: the mean is at most this.
        min_std: the standard deviation, with n - 1 in the denominator, is at least this.
        max_std: the standard deviation is at most this.
        max_range: the greatest value less the least is at most this.
        max_cv: the coefficient of variation is at most this, such as 0.05 for 5 %.
        min_value: every value is at least this.
        max_value: every value is at most this.
        over: whether each ``partition`` has to keep the bounds, or the means of each seed over ``all`` of them.
        confidence: with which all intervals of this call hold at once.
        undecided: what becomes of claims that so few seeds cannot decide: ``fail``, ``skip`` or ``pass``.
        name: what the metric is called in messages; by default as in the frame, or as the Series.

    Returns:
        What was found: the status, and for each group its mean, standard deviation, interval and claims.

    Raises:
        AssertionError: a bound is violated, or undecided; with a table of the values per seed.
        unittest.SkipTest: a bound is undecided, and `undecided` is ``skip``. (pytest takes it for a skip.)
        StabilityError: the values are not finite numbers by seed, or there are none. (It is a ValueError.)
        TypeError: no bound is given.
        ValueError: a bound is NaN or infinite, or another argument is none of those allowed.
        MissingExtra: SciPy is not installed.
    """
    __tracebackhide__ = True
    limits = (min_mean, max_mean, min_std, max_std, max_range, max_cv, min_value, max_value)
    given = zip(STABILITY_BOUNDS, limits, strict=True)
    bounds = {bound: _checked(bound, limit) for bound, limit in given if limit is not None}
    _check_arguments(bounds, over, confidence, undecided)
    readings, found_name = _readings(values)
    finding = judge(readings, bounds, over=over, confidence=confidence, metric=name or found_name)
    _raise_unless_kept(finding, undecided)
    return finding


def _raise_unless_kept(finding: Finding, undecided: str) -> None:
    __tracebackhide__ = True
    if finding.status is ClaimStatus.UNDECIDED and undecided == "skip":
        # pytest takes this for a skip too, and this module need not import pytest.
        raise unittest.SkipTest(explain(finding).partition("\n")[0])
    if finding.status is ClaimStatus.FAIL or (finding.status is ClaimStatus.UNDECIDED and undecided == "fail"):
        raise CheckFailed(explain(finding))


def _check_arguments(bounds: Mapping[str, float], over: str, confidence: float, undecided: str) -> None:
    if not bounds:
        raise TypeError(f"assert_seed_stable needs a bound: any of {', '.join(STABILITY_BOUNDS)}")
    if over not in ("partition", "all"):
        raise ValueError(f"assert_seed_stable: over is 'partition' or 'all', not {over!r}")
    if undecided not in ("fail", "skip", "pass"):
        raise ValueError(f"assert_seed_stable: undecided is 'fail', 'skip' or 'pass', not {undecided!r}")
    _checked("confidence", confidence)


def _checked(name: str, value: object) -> float:
    number: float | None = NUMBERS[name].read(value)
    if number is None:
        raise ValueError(f"assert_seed_stable: {refusal(name, NUMBERS[name].expected, value)}")
    return number


def _readings(values: Any) -> tuple[dict[str, dict[str, float]], str]:
    """Return the values by partition and seed, and the name that they bring along."""
    if hasattr(values, "columns"):
        return _of_frame(values)
    if isinstance(values, Mapping):
        return {"": _numbered(values.items())}, "value"
    if hasattr(values, "items") and hasattr(values, "index"):
        return {"": _numbered(values.items())}, "value" if values.name is None else str(values.name)
    try:
        return {"": _numbered(enumerate(values))}, "value"
    except TypeError:
        kind = type(values).__qualname__
        raise StabilityError(f"the values are of type {kind}; {_FRAME}, a Series, a mapping or an array") from None


def _numbered(pairs: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for seed, value in pairs:
        if str(seed) in found:
            raise StabilityError(f"seed {seed} has two values", hint="give each partition, or each metric, by itself")
        found[str(seed)] = _number(value, f"seed {seed}")
    return found


def _number(value: Any, where: str) -> float:
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        kind = type(value).__qualname__
        raise StabilityError(f"the value of {where} is {shown(value)} of type {kind}; expected a number") from None


def _of_frame(frame: pd.DataFrame) -> tuple[dict[str, dict[str, float]], str]:
    missing = [column for column in ("seed", "value") if column not in frame.columns]
    if missing:
        columns = ", ".join(f"`{column}`" for column in frame.columns)
        raise StabilityError(f"the frame has no column `{missing[0]}`, but {columns or 'none'}", hint=_FRAME)
    names = [str(each) for each in frame["metric"].unique()] if "metric" in frame else []
    if len(names) > 1:
        listed = ", ".join(f"`{each}`" for each in names)
        raise StabilityError(f"the frame has several metrics: {listed}", hint=f"query(\"metric == '{names[0]}'\")")
    steps: dict[tuple[str, str], float] = {}
    found: dict[str, dict[str, float]] = {}
    for row in frame.to_dict("records"):
        label, seed = place = _place(row)
        step = row.get("step", 0)
        if place in steps and step == steps[place]:
            raise StabilityError(
                f"seed {seed} has two values{f' in {label}' if label else ''}",
                hint="add a column `partition`, or `step` for the readings of a series",
            )
        if place not in steps or step > steps[place]:
            steps[place] = step
            found.setdefault(label, {})[seed] = _number(row["value"], f"seed {seed}")
    return found, names[0] if names else "value"


def _place(row: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the label of the partition, with the outer seeds of several layers, and the innermost seed."""
    partitions, seeds = _layers(row.get("partition")), _layers(row["seed"])
    if not seeds:
        raise StabilityError("a row has no seed", hint="only a process under a seed layer has values per seed")
    parts = [f"partition {', '.join(map(str, partitions))}"] if partitions else []
    return ", ".join([*parts, *(f"outer seed {seed}" for seed in seeds[:-1])]), str(seeds[-1])


def _layers(coordinate: Any) -> tuple[Any, ...]:
    import pandas as pd

    if isinstance(coordinate, tuple):
        return coordinate
    return () if coordinate is None or pd.isna(coordinate) else (coordinate,)
