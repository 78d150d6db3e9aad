"""Intervals for the mean, the standard deviation and the coefficient of variation of all seeds."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import chdtri

from pytest_expops.errors import MissingExtra
from pytest_expops.verdicts.stability._intervals import (
    Interval,
    Moments,
    cv_interval,
    mean_interval,
    moments,
    std_factors,
    std_interval,
)

VALUES = st.lists(st.integers(-1000, 1000).map(lambda number: number / 8), min_size=2, max_size=40)
SPREAD = VALUES.filter(lambda values: len(set(values)) > 1)
ALPHAS = st.sampled_from([0.3, 0.05, 0.01, 0.05 / 20])


@given(SPREAD)
def test_mean_and_standard_deviation_are_those_of_the_statistics_module(values: list[float]) -> None:
    found = moments(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert found.std == pytest.approx(statistics.stdev(values), rel=1e-9)
    assert found.scale == max(map(abs, values))


def test_kurtosis_is_taken_about_a_trimmed_mean() -> None:
    """Bonett 2006: of 9 values a fraction 1 / (2 sqrt 5) = 0.22 is cut at each end, which is 2 of them."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 36.0]
    centre = sum([3, 4, 5, 6, 7]) / 5
    mean = sum(values) / 9
    expected = 9 * sum((v - centre) ** 4 for v in values) / sum((v - mean) ** 2 for v in values) ** 2
    assert moments(values).kurtosis == pytest.approx(expected)
    assert moments(values).kurtosis > stats.kurtosis(values, fisher=False)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(2, 30))
def test_equal_values_have_exactly_their_value_as_mean_and_no_spread(value: float, n: int) -> None:
    """0.1 + 0.1 + 0.1 over 3 is not 0.1; a bound of 0.1 must hold all the same."""
    found = moments([value] * n)
    assert (found.mean, found.std) == (value, 0.0)
    assert mean_interval(found, 0.05) == (value, value)
    assert std_interval(found, 0.05) == cv_interval(found, 0.05) == (0.0, 0.0)


def test_a_single_value_tells_nothing_of_others() -> None:
    found = moments([0.5])
    assert (found.n, found.mean) == (1, 0.5)
    assert math.isnan(found.std)
    assert mean_interval(found, 0.05) == (-math.inf, math.inf)
    assert std_interval(found, 0.05) == cv_interval(found, 0.05) == (0.0, math.inf)


def test_values_near_the_end_of_the_range_of_floats_do_not_overflow() -> None:
    found = moments([1.7e308, 1.6e308, 1.5e308])
    assert found.mean == pytest.approx(1.6e308)
    assert found.std == pytest.approx(1e307)


@given(SPREAD, ALPHAS)
def test_the_mean_has_the_interval_of_student(values: list[float], alpha: float) -> None:
    expected = stats.t.interval(1 - alpha, len(values) - 1, np.mean(values), stats.sem(values))
    assert mean_interval(moments(values), alpha) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_normal_tails_give_the_classical_interval_and_nothing_gives_a_shorter_one() -> None:
    """With a kurtosis that leaves all n - 1 degrees of freedom it is chi-square as in the textbooks."""
    n, alpha = 10, 0.05
    classical = tuple(math.sqrt((n - 1) / stats.chi2.ppf(p, n - 1)) for p in (1 - alpha / 2, alpha / 2))
    assert std_factors(n, 1.0, alpha)[1] > classical[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_expops.verdicts.stability._intervals.TAIL_WEIGHT", 0)
        assert std_factors(n, 1.5, alpha) == pytest.approx(classical)
        assert std_factors(n, 6.0, alpha)[1] > classical[1]
        assert std_factors(n, 6.0, alpha)[0] < classical[0]


@given(SPREAD, ALPHAS)
def test_the_interval_of_the_spread_holds_the_samples_and_narrows_with_less_confidence(
    values: list[float], alpha: float
) -> None:
    found = moments(values)
    low, high = std_interval(found, alpha)
    assert 0 <= low < found.std < high
    wider = std_interval(found, alpha / 2)
    assert wider[0] <= low
    assert wider[1] >= high


@given(SPREAD, ALPHAS, st.sampled_from([0.5, 2.0, 1024.0]), st.sampled_from([-64.0, 32.0]))
def test_units_do_not_matter(values: list[float], alpha: float, unit: float, shift: float) -> None:
    """Percent or fraction, Celsius or Kelvin: means move along, spreads scale along, and nothing else happens."""
    plain, moved = moments(values), moments([unit * value + shift for value in values])
    expected_mean = [unit * end + shift for end in mean_interval(plain, alpha)]
    expected_std = [unit * end for end in std_interval(plain, alpha)]
    assert mean_interval(moved, alpha) == pytest.approx(expected_mean, rel=1e-6, abs=1e-6)
    assert std_interval(moved, alpha) == pytest.approx(expected_std, rel=1e-6)


@given(SPREAD, ALPHAS)
def test_the_relative_spread_follows_from_both_intervals(values: list[float], alpha: float) -> None:
    found = moments(values)
    low, high = cv_interval(found, alpha)
    mean, std = mean_interval(found, alpha / 2), std_interval(found, alpha / 2)
    assume(math.isfinite(std[1]))
    if mean[0] <= 0 <= mean[1]:
        assert high == math.inf
    else:
        assert high == pytest.approx(std[1] / min(map(abs, mean)))
    assert low == pytest.approx(std[0] / max(map(abs, mean)))
    assert found.mean == 0 or low <= found.std / abs(found.mean) <= high


def _coverage(
    draw: Callable[[int], np.ndarray], truth: float, interval: Callable[[Moments, float], Interval], n: int
) -> float:
    hits = [interval(moments(list(row)), 0.05) for row in draw(1500 * n).reshape(-1, n)]
    return sum(low <= truth <= high for low, high in hits) / len(hits)


def _classical(found: Moments, alpha: float) -> Interval:
    low, high = chdtri(found.n - 1, (alpha / 2, 1 - alpha / 2))
    return found.std * math.sqrt((found.n - 1) / low), found.std * math.sqrt((found.n - 1) / high)


@pytest.mark.parametrize("n", [4, 10])
def test_the_spread_of_skewed_metrics_is_covered_where_chi_square_fails(n: int) -> None:
    """1500 samples: the standard error of a coverage of 95 % is 0.6 points."""
    rng = np.random.default_rng(7)
    truth = math.sqrt(9 / (100 * 11))  # of Beta(9, 1), as of an accuracy near its end
    draw = lambda count: rng.beta(9, 1, count)  # noqa: E731
    assert _coverage(draw, truth, std_interval, n) > 0.94
    assert _coverage(draw, truth, _classical, n) < 0.9


def test_the_mean_is_covered() -> None:
    rng = np.random.default_rng(8)
    assert 0.93 < _coverage(rng.standard_normal, 0.0, mean_interval, 5) < 0.97
    assert _coverage(lambda count: 5 + rng.standard_normal(count), 0.2, cv_interval, 5) > 0.94


def test_without_scipy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = moments([1.0, 2.0])
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingExtra) as caught:
        mean_interval(found, 0.05)
    assert str(caught.value) == (
        "intervals over seeds are computed with SciPy, which is not installed\n"
        "    install it with: pip install 'pytest-expops[stability]'"
    )
    assert isinstance(caught.value, ImportError)
