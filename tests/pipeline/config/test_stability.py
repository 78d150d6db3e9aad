"""`reproducibility.stability`: claims over seeds, read and refused (S1.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import expand
from pytest_expops.pipeline.model import SeedClaims
from tests.pipeline.config.configs import Case, assert_problems, current, load

SEEDED = current("- {name: start, seed_parallelism: [1, 2, 3]}", "- name: fit", edges=["start fit"])
"""`start` gives seeds to `fit`; behind a section of its own."""


def _section(*lines: str) -> str:
    return "reproducibility:\n  stability:\n" + "".join(f"    {line}\n" for line in lines)


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        _section(
            "fit:",
            "  score/accuracy: {min_mean: 0.92, max_std: 3e-2, over: all, confidence: .9, better: higher, margin: .01}",
            "  loss.final: {max_mean: -1, min_std: 0, max_range: 1, max_cv: .5, min_value: -2, max_value: 2}",
        )
        + SEEDED
    )
    pipeline = load(tmp_path, text)
    assert pipeline.processes["fit"].stability == (
        SeedClaims("score/accuracy", {"min_mean": 0.92, "max_std": 0.03}, "all", 0.9, "higher", 0.01),
        SeedClaims(
            "loss.final",
            {"max_mean": -1, "min_std": 0, "max_range": 1, "max_cv": 0.5, "min_value": -2, "max_value": 2},
        ),
    )
    assert pipeline.processes["start"].stability == ()
    assert [str(claims.location).rpartition("/")[2] for claims in pipeline.processes["fit"].stability] == [
        "p.yaml:4:7",
        "p.yaml:5:7",
    ]
    assert pipeline.warnings == expand(pipeline).warnings == ()


def test_a_margin_without_a_direction_is_warned_of(tmp_path: Path) -> None:
    pipeline = load(tmp_path, _section("fit: {loss: {min_mean: 1, margin: 0.1}}") + SEEDED)
    assert [(each.message, each.hint) for each in pipeline.warnings] == [
        ("`stability.fit.loss.margin` has no effect without `better`", "add `better: higher` or `lower`")
    ]


_BOUNDS = "min_mean, max_mean, min_std, max_std, max_range, max_cv, min_value, max_value"
_KEYS = f"{_BOUNDS}, better, confidence, margin, over"
_EXAMPLE = "expected a map of metrics to bounds, such as `accuracy: {min_mean: 0.9}`"
BAD: list[Case] = [
    (
        "no map",
        "reproducibility: {stability: 3}\n" + SEEDED,
        ["1:30: `stability` is the number `3`; expected a map of process names to maps of metrics to bounds"],
    ),
    (
        "unknown process, and no metrics",
        _section("fitt: {a: {min_mean: 1}}", "fit: 0.9", "start: {}") + SEEDED,
        [
            "3:5: `reproducibility.stability` names the process `fitt`, which `processes` does not define",
            "    did you mean `fit`?",
            f"4:10: `stability.fit` is the number `0.9`; {_EXAMPLE}",
            f"5:12: `stability.start` is an empty map; {_EXAMPLE}",
        ],
    ),
    (
        "metrics",
        _section("fit:", "  3: {min_mean: 1}", "  a: 0.9", "  b: {}", "  c: {over: all}", "  d: {mean_min: 1}")
        + SEEDED,
        [
            "4:7: the name of a metric is the number `3`; expected a text",
            '    write "3"',
            f"5:10: `stability.fit.a` is the number `0.9`; expected a map of bounds: any of {_BOUNDS}",
            f"6:10: `stability.fit.b` claims nothing; expected any of {_BOUNDS}, better",
            f"7:10: `stability.fit.c` claims nothing; expected any of {_BOUNDS}, better",
            f"8:11: `stability.fit.d` has the key `mean_min`; expected any of {_KEYS}",
        ],
    ),
    (
        "keys and values",
        _section(
            "fit:",
            "  a: {min_maen: 1, max_std: -1, max_mean: .nan, min_value: yes, max_range: much}",
            "  b: {min_mean: 1, over: partitions, better: high, confidence: 95, margin: -0.1}",
            "  c: {min_mean: 1, confidence: 1.0, over: [all]}",
        )
        + SEEDED,
        [
            f"4:11: `stability.fit.a` has the key `min_maen`; expected any of {_KEYS}",
            "    did you mean `min_mean`?",
            "4:33: `stability.fit.a.max_std` is the number `-1`; expected a number from 0 to 1e300",
            "4:47: `stability.fit.a.max_mean` is the number `.nan`; expected a number from -1e300 to 1e300",
            "4:64: `stability.fit.a.min_value` is the truth value `yes`; expected a number from -1e300 to 1e300",
            '    YAML reads `yes` as true; write "yes" for the text',
            "4:80: `stability.fit.a.max_range` is the text `much`; expected a number from 0 to 1e300",
            "5:30: `stability.fit.b.over` is the text `partitions`; expected `partition` or `all`",
            "    did you mean `partition`?",
            "5:50: `stability.fit.b.better` is the text `high`; expected `higher` or `lower`",
            "    did you mean `higher`?",
            "5:68: `stability.fit.b.confidence` is the number `95`; expected a number between 0 and 1",
            "    for 95 % write 0.95",
            "5:80: `stability.fit.b.margin` is the number `-0.1`; expected a number from 0 to 1e300",
            "6:36: `stability.fit.c.confidence` is the number `1.0`; expected a number between 0 and 1",
            "    for 1 % write 0.01",
            "6:47: `stability.fit.c.over` is a list; expected `partition` or `all`",
        ],
    ),
    (
        "bounds that contradict each other",
        _section("fit:", "  a: {min_mean: 2, max_mean: 1, min_std: 0.1, max_std: 0.1}") + SEEDED,
        [
            "4:11: `stability.fit.a.min_mean` is 2, above the `max_mean` of 1; no value keeps both",
            "    swap the two, or keep one",
        ],
    ),
    (
        "processes under no seed layer",
        _section(*(f"{name}: {{a: {{min_mean: 1}}}}" for name in ("load", "start", "merge", "fit")))
        + current(
            "- name: load",
            "- {name: start, seed_parallelism: [1, 2, 3]}",
            "- name: fit",
            "- {name: merge, seed_aggregation: true}",
            edges=["load start", "start fit", "fit merge"],
        ),
        [
            "3:12: `stability.load` claims something over seeds, but process `load` stands under no seed layer",
            "    put `seed_parallelism: [1, 2, 3, 4, 5]` on a process upstream of it",
            "4:13: `stability.start` claims something over seeds, but process `start` stands under no seed layer",
            "    its own seeds are for what is downstream of it: add `scope: self`, or put them one level up",
            "5:13: `stability.merge` claims something over seeds, but process `merge` stands under no seed layer",
            "    it aggregates the seeds: claim it of the process whose results it aggregates",
        ],
    ),
    (
        "a chart",
        _section("plot: {a: {min_mean: 1}}")
        + current("- {name: start, seed_parallelism: [1, 2]}", "- {name: plot, type: chart}", edges=["start plot"]),
        ["3:12: `stability.plot` claims something of a chart, which has no outputs"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_each_error_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)
