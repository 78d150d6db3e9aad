"""Whatever number a config, an option or an argument holds: it is used, or refused with its bounds (S1.4)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_expops import (
    CheckError,
    ConfigError,
    StabilityError,
    VariationError,
    assert_reproducible,
    assert_resumable,
    assert_seed_matters,
    assert_seed_stable,
    expand,
    load_config,
)
from pytest_expops.bounds import NUMBERS, Bounds
from pytest_expops.execution.calls.recording import check_metric
from pytest_expops.execution.results import Results
from pytest_expops.execution.session import PipelineSession
from pytest_expops.execution.variations.variation import Variation
from pytest_expops.pipeline.config.vocabulary import PROPERTIES, STABILITY_BOUNDS
from pytest_expops.wording import refusal
from tests.pipeline.config.configs import assert_problems, current

HUGE = 10**400
"""Beyond every float."""
UNWRITABLE = 1 << 20_000
"""Beyond what Python writes in base 10."""


class Odd:
    """Fails whenever it is shown."""

    def __repr__(self) -> str:
        raise RuntimeError


NAMED = {
    "huge": HUGE,
    "unwritable": UNWRITABLE,
    "negative": -UNWRITABLE,
    "infinite": math.inf,
    "a text": "x",
    "odd": Odd(),
}


odd = [
    *[HUGE, -HUGE, UNWRITABLE, -UNWRITABLE, math.inf, -math.inf, math.nan, 1e301, 5e-324, -0.0, 10**4299, 2**63],
    *[True, None, "1", b"1", "9" * 5000, 1j, [], [HUGE], [UNWRITABLE], {}, Odd(), object()],
    *[np.float32("inf"), np.float64("nan"), np.int8(-3), np.bool_(True), np.array([1, 2]), np.longdouble("1e4000")],
    *[Decimal("NaN"), Decimal("1e999999"), Fraction(HUGE), Fraction(1, HUGE), -1, 0, 1, 1.5],
]
values = st.sampled_from(odd) | st.integers() | st.floats() | st.decimals() | st.fractions()


@given(bounds=st.sampled_from([*NUMBERS.values()]), value=values)
def test_a_number_is_read_or_refused_in_one_short_line(bounds: Bounds, value: Any) -> None:
    number = bounds.read(value)
    if number is None:
        text = refusal("x", bounds.expected, value)
        assert text.startswith(f"x: {bounds.expected} is expected, not ")
        assert len(text.splitlines()) == 1
        assert len(text) < 250
    else:
        assert type(number) is (int if bounds.whole else float)
        assert bounds.least <= number <= bounds.most
        str(number)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_within_bounds_is_read_and_what_is_not_is_refused(name: str) -> None:
    bounds = NUMBERS[name]
    within = [0.5] if bounds.between else [bounds.least, bounds.most]
    assert [bounds.read(each) for each in within] == within
    beyond = [0, 1] if bounds.between else [bounds.least - abs(bounds.least) - 1, bounds.most * 2]
    assert [bounds.read(each) for each in beyond] == [None, None]


def test_numbers_of_other_libraries_are_read() -> None:
    assert [NUMBERS["seed"].read(each) for each in (np.int64(3), np.uint8(3), np.float64(3), True)] == [
        3,
        3,
        None,
        None,
    ]
    assert [NUMBERS["rtol"].read(each) for each in (np.float32(0.5), Fraction(1, 2), 0)] == [0.5, 0.5, 0.0]


_PLACES: dict[str, Callable[[str], str]] = {
    "seed": lambda number: f"reproducibility: {{random_seed: {number}}}",
    "rtol": lambda number: f"reproducibility: {{tolerance: {{a: {{rtol: {number}}}}}}}",
    "atol": lambda number: f"reproducibility: {{tolerance: {{a: {{out: {{atol: {number}}}}}}}}}",
    **{
        name: lambda number, name=name: f"reproducibility: {{stability: {{a: {{loss: {{{name}: {number}}}}}}}}}"
        for name in (*STABILITY_BOUNDS, "confidence", "margin")
    },
    **{
        name: lambda number, name=name, law=law: (
            f"reproducibility: {{properties: {{a: {{{law}: {{{name}: {number}}}}}}}}}"
        )
        for law, options in PROPERTIES.items()
        for name in options
        if name in NUMBERS
    },
}
"""Every key of the section `reproducibility` with a number, as a line with one."""
_IN_PROCESSES = {
    "size": "data_parallelism: {{size: {}}}",
    "sizes": "data_parallelism: {{size: [1, {}]}}",
    "seeds": "seed_parallelism: {{seeds: {}}}",
    "each seed": "seed_parallelism: [1, {}]",
}
_texts = st.sampled_from(
    [
        *["1" + "0" * 400, "-1" + "0" * 400, "0x" + "f" * 5000, "9" * 5000, "0b" + "1" * 20_000, "1:" * 900 + "1"],
        *[
            ".inf",
            "-.inf",
            ".nan",
            "1.0e+999",
            "1e999",
            "-1e999",
            "1.0e+301",
            "1" + "0" * 400 + ".5",
            "0o7",
            "07" * 3000,
        ],
        *[
            "1e-3",
            "~",
            "on",
            "'1'",
            "[]",
            "{}",
            "2024-01-01",
            "0x",
            "1_0",
            "-0.0",
            "-1",
            "0",
            "1",
            "2",
            "0.5",
            "95",
            "1e9",
        ],
    ]
) | st.one_of(st.integers(), st.floats()).map(lambda number: yaml.safe_dump(number).split("\n")[0])


def _outcome(folder: Path, text: str) -> ConfigError | None:
    """What loading and expanding a config raises; whatever its number is, this is told in short lines at its place."""
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    found = None
    try:
        expand(load_config(path))
    except ConfigError as error:
        found = error
    assert all(each.location and len(each.message) < 400 for each in (found.problems if found else ()))
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from([*_PLACES]), number=_texts)
@example(place="rtol", number="1" + "0" * 400)
@example(place="seed", number="0x" + "f" * 5000)
def test_any_number_in_the_section_is_used_or_refused(tmp_path: Path, place: str, number: str) -> None:
    text = f"{_PLACES[place](number)}\n" + current("- {name: s, seed_parallelism: [1, 2]}", "- name: a", edges=["s a"])
    _outcome(tmp_path, text)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from([*_IN_PROCESSES]), number=_texts.filter(lambda text: text != "1e9"))
@example(place="size", number="0x" + "f" * 5000)
@example(place="size", number="1" + "0" * 400)
def test_any_number_in_a_process_is_used_or_refused(tmp_path: Path, place: str, number: str) -> None:
    _outcome(tmp_path, current(f"- {{name: s, {_IN_PROCESSES[place].format(number)}}}", "- name: a", edges=["s a"]))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=_texts)
def test_any_number_among_the_parameters_is_handed_over_or_refused(tmp_path: Path, number: str) -> None:
    path = tmp_path / "p.yaml"
    error = _outcome(tmp_path, current(f"- {{name: a, parameters: {{x: {number}}}}}"))
    if error is None:
        repr(load_config(path).processes["a"].parameters)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            f"{{tolerance: {{a: {{rtol: {HUGE}}}}}}}",
            f"1:41: `tolerance.a.rtol` is the number `1{'0' * 39}...{'0' * 10} (401 characters)`; "
            "expected a number from 0 to 1e300",
        ),
        (
            f"{{random_seed: {HUGE}}}",
            f"1:32: `reproducibility.random_seed` is the number `1{'0' * 39}...{'0' * 10} (401 characters)`; "
            "expected a whole number of at most 39 digits",
        ),
        (
            f"{{seed: {hex(UNWRITABLE)}}}",
            f"1:25: `0x1{'0' * 37}...{'0' * 10} (5,003 characters)` reads as a YAML int, but is not a valid one: "
            "it has more than 4,300 digits",
        ),
        (
            f"{{seed: {'9' * 5000}}}",
            f"1:25: `{'9' * 40}...{'9' * 10} (5,000 characters)` reads as a YAML int, but is not a valid one: "
            "it has more than 4,300 digits",
        ),
        (
            "{tolerance: {a: {atol: 1.0e+999}}}",
            "1:41: `1.0e+999` reads as a YAML float, but is not a valid one: "
            "it is beyond 1.7e308, the largest that there is; write .inf for infinity",
        ),
        (
            "{tolerance: {a: {atol: .inf}}}",
            "1:41: `tolerance.a.atol` is the number `.inf`; expected a number from 0 to 1e300",
        ),
    ],
)
def test_the_error_has_the_place_the_number_and_the_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    hint = ["    quote it, if it is meant as text"] if "reads as" in expected else []
    assert_problems(f"reproducibility: {section}\n" + current("- name: a"), [expected, *hint])


def _same(seed: int = 0) -> int:
    return seed


@pytest.mark.parametrize("value", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("name", ["rtol", "atol", "replays", "diagnose_timeout", "seed"])
def test_arguments_of_checks_are_refused_with_their_bounds(name: str, value: Any) -> None:
    with pytest.raises(CheckError, match=f"^{name}: {NUMBERS[name].expected} is expected, not "):
        assert_reproducible(_same, **{name: value})


@pytest.mark.parametrize("value", NAMED.values(), ids=NAMED)
def test_arguments_of_other_checks_are_refused_too(value: Any) -> None:
    with pytest.raises(CheckError, match="seed: a whole number"):
        assert_seed_matters(_same, seeds=[1, value])
    with pytest.raises(CheckError, match="steps: a whole number"):
        assert_resumable(print, print, print, steps=value)
    with pytest.raises(VariationError, match="expected"):
        Variation.of(partitions={"a": value})
    with pytest.raises(VariationError, match="expected"):
        Variation.of(seeds={"a": [1, value]})
    with pytest.raises(ValueError, match="max_std: a number from 0 to 1e300 is expected"):
        assert_seed_stable([1, 2], max_std=value)


def test_values_over_seeds_that_no_float_can_hold_are_refused() -> None:
    for value in (HUGE, UNWRITABLE, math.inf, math.nan, Decimal("1e999999"), Fraction(HUGE)):
        with pytest.raises(StabilityError, match="expected"):
            assert_seed_stable([1.0, value], max_std=1)


@given(
    found=st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=5),
    name=st.sampled_from(STABILITY_BOUNDS),
    bound=st.sampled_from([0.0, 1e-300, 1.0, 1e300]),
)
@settings(deadline=None)
def test_values_up_to_the_largest_are_judged(found: list[float], name: str, bound: float) -> None:
    with contextlib.suppress(AssertionError):
        assert_seed_stable(found, **{name: bound}, undecided="pass")


@pytest.mark.parametrize("step", [2**63, UNWRITABLE], ids=["64 bits", "unwritable"])
def test_a_step_that_no_table_can_hold_is_refused(step: int) -> None:
    with pytest.raises(TypeError, match=r"log_metric\('loss'\): step is a whole number from -9,223,"):
        check_metric("loss", 1.0, step)


def test_a_metric_is_a_number_that_a_float_can_hold() -> None:
    assert check_metric("loss", math.inf, 2**63 - 1) == ("loss", math.inf, 2**63 - 1)
    assert check_metric("loss", 10**299, None) == ("loss", 10**299, None)
    for value in (HUGE, UNWRITABLE, [1, HUGE], {"a": UNWRITABLE}):
        with pytest.raises(TypeError, match=r"log_metric\('loss'\): the value is a whole number of at most 300 digits"):
            check_metric("loss", value, None)


@pytest.mark.parametrize(("seed", "dtype"), [(2**63 - 1, "Int64"), (2**128, "object")])
def test_metrics_have_seeds_of_any_size(tmp_path: Path, seed: int, dtype: str) -> None:
    config = current(f"- {{name: s, seed_parallelism: [1, {seed}]}}", "- name: a", edges=["s a"])
    (tmp_path / "p.yaml").write_text(config, encoding="utf-8")
    script = "from pytest_expops.core import log_metric\ndef s(): return {}\n"
    script += "def a(): return log_metric('loss', 0.5) or {}\n"
    (tmp_path / "model.py").write_text(script, encoding="utf-8")
    frame = Results([PipelineSession(expand(load_config(tmp_path / "p.yaml")), tmp_path / "session")]).metrics("a")
    assert [*frame["seed"]] == [1, seed]
    assert str(frame["seed"].dtype) == dtype
