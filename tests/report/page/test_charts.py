"""Charts: where things stand, and that nothing is drawn which is not so."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from pytest_expops.report.model import CheckKind, CheckResult, ClaimedGroup, ClaimedMetric, MetricSeries, ShownClaim
from pytest_expops.report.page._axis import axis_of
from pytest_expops.report.page._curves import curve_of, curve_panel
from pytest_expops.report.page._graph import Node, graph
from pytest_expops.report.page._lanes import lanes
from pytest_expops.report.page._layers import layered
from pytest_expops.report.page._strips import Bound, Strip, strip_chart
from pytest_expops.report.page._svg import Svg, tag
from pytest_expops.report.page.marks import DIFFERED, MATCHED
from pytest_expops.report.page.metrics import metrics_of
from pytest_expops.verdicts.stability.claims import ClaimStatus
from tests.report.made import CONFIG, report, scalar, subject


def found(chart: Svg, css: str) -> list[ET.Element]:
    """The elements of a class."""
    return [each for each in ET.fromstring(chart).iter() if css in (each.get("class") or "").split()]


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.0], [-1e308, 1e308], [5e-324, 0.0], [1e16, 1e16 + 2]])
def test_an_axis_has_room_for_every_value(values: list[float]) -> None:
    axis = axis_of(values)
    assert axis.low < axis.high
    assert all(0 <= axis.share(each) <= 1 for each in values)


def test_a_bound_nearby_is_on_the_axis_and_one_far_off_is_not() -> None:
    axis = axis_of([0.9, 0.95], [0.85, -1e9])
    assert axis.shows(0.85)
    assert not axis.shows(-1e9)


def test_every_seed_is_a_point_with_its_value() -> None:
    strip = Strip([("40", 0.1), ("41", 0.3)], [("40", 0.2)], 0.2, (0.05, 0.35), [Bound("max_value", 0.4)])
    chart = strip_chart(strip, axis_of([0.05, 0.35], [0.4]), "accuracy")
    assert [each[0].text for each in found(chart, "seed")] == ["seed 40: 0.1", "seed 41: 0.3"]
    assert [each[0].text for each in found(chart, "recorded")] == ["baseline, seed 40: 0.2"]
    assert found(chart, "mean")[0][0].text == "mean 0.2"
    assert found(chart, "interval")[0][0].text == "interval of the mean: 0.05 to 0.35"
    assert found(chart, "bound")[0][0].text == "max_value 0.4"


def test_a_bound_on_the_mean_shades_no_points() -> None:
    strip = Strip([("40", 0.1)], (), 0.1, None, [Bound("min_mean", 0.1)])
    assert not found(strip_chart(strip, axis_of([0.1]), ""), "beyond")
    strip = replace(strip, bounds=[Bound("min_value", 0.1)])
    assert found(strip_chart(strip, axis_of([0.1]), ""), "beyond")


def test_what_is_not_known_is_not_drawn() -> None:
    chart = strip_chart(Strip([("40", 0.1)]), axis_of([0.1]), "accuracy")
    assert not [each for css in ("mean", "interval", "bound", "recorded") for each in found(chart, css)]


def test_a_curve_keeps_its_ends_when_thinned_and_leaves_out_what_is_no_number() -> None:
    steps = tuple(range(1_000))
    series = MetricSeries("loss", steps, ("nan", *map(float, steps[1:])), 1_000)
    curve = curve_of("40", series, 50)
    assert len(curve.points) == 50
    assert (curve.points[0], curve.points[-1]) == ((1.0, 1.0), (999.0, 999.0))


def test_curves_differ_in_more_than_colour_and_are_named() -> None:
    series = MetricSeries("loss", (1, 2, 3), (3.0, 2.0, 1.0), 3)
    panel = curve_panel("partition 1", [curve_of(seed, series, 100) for seed in ("40", "41")])
    lines = found(panel.chart, "curve")
    assert [each.get("class") for each in lines] == ["curve c0", "curve c1"]
    assert lines[0][0].text == "seed 40: 3 at step 1, 1 at step 3"
    assert (panel.steps, panel.values, panel.seeds) == (("1", "3"), ("1", "3"), ("40", "41"))


def test_each_node_stands_below_all_that_it_depends_on() -> None:
    placed = layered({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["b"], "e": ["elsewhere"]})
    assert {name: layer for name, (layer, _) in placed.at.items()} == {"a": 0, "b": 1, "c": 2, "d": 2, "e": 0}
    assert len(placed.ways["a", "c"]) == 3, "an edge has a place in the layer that it passes"


def test_edges_do_not_cross_where_they_need_not() -> None:
    placed = layered({"a": [], "b": [], "c": ["b"], "d": ["a"]})
    assert (placed.at["a"][1] < placed.at["b"][1]) == (placed.at["d"][1] < placed.at["c"][1])


def test_a_node_leads_to_its_grid_and_counts_verdicts_in_signs() -> None:
    nodes = [
        Node("load", (), 1, [(MATCHED, 1)], "g0"),
        Node("train", ("load",), 6, [(DIFFERED, 4), (MATCHED, 2)], "g1"),
    ]
    chart = graph(nodes, "what depends on what")
    links = {each.get("href"): each for each in ET.fromstring(chart).iter("a")}
    assert links["#g1"].get("class") == "node v-differed"
    assert links["#g1"][0].text == "train: 4 differ when run again, 2 the same again"
    assert [each.text for each in links["#g1"].iter("tspan")] == ["4 \u2260", "2 ="]
    assert len(found(chart, "edge")) == 1


def test_a_chain_of_thousands_is_laid_out() -> None:
    names = [f"p{number}" for number in range(2 * sys.getrecursionlimit())]
    placed = layered({name: names[:number][-1:] for number, name in enumerate(names)})
    assert len(placed.widths) == len(names)


def _check(name: str, kind: CheckKind, started: float, seconds: float, worker: str = "gw0") -> CheckResult:
    return CheckResult(name, name, kind, "passed", worker=worker, started=started, seconds=seconds)


def test_each_worker_has_a_lane_with_its_items_in_time() -> None:
    checks = [
        _check("a", "process", 100, 5),
        _check("a[replay]", "replay", 105, 5),
        _check("b", "process", 100, 2, "gw10"),
        _check("c", "split", 100, 2, "gw2"),
    ]
    made = lanes(checks, 100, 10)
    assert [each.worker for each in made] == ["gw0", "gw2", "gw10"]
    first = list(ET.fromstring(made[0].chart))
    assert [(each.get("class"), each.get("x"), each.get("width")) for each in first] == [
        ("k-work", "0%", "50%"),
        ("k-replays", "50%", "50%"),
    ]
    assert (made[0].share, made[1].share) == (1.0, 0.2)


def test_items_too_narrow_to_see_are_drawn_together_and_counted() -> None:
    made = lanes([_check(f"item{number}", "process", 100 + number / 1000, 0.001) for number in range(10_000)], 100, 100)
    assert made[0].items == 10_000
    blocks = list(ET.fromstring(made[0].chart))
    assert len(blocks) < 1_000
    assert re.fullmatch(r"work: \d+ items, from item0, \S+ m?s", blocks[0][0].text or "")


def test_a_claim_gives_the_strip_its_interval_and_the_others_have_none() -> None:
    group = ClaimedGroup(
        "partition 1",
        ("40", "41"),
        (0.1, 0.3),
        0.2,
        0.14,
        (0.05, 0.35),
        (ShownClaim("max_mean", 0.3, 0.2, ClaimStatus.UNDECIDED, (0.05, 0.35), 9),),
    )
    claimed = ClaimedMetric("train", "loss", 0.95, ClaimStatus.UNDECIDED, (group,), CONFIG)
    subjects = [
        subject("train", seed, "1", metrics=(scalar("loss", value), scalar("other", value)))
        for seed, value in (("40", 0.1), ("41", 0.3))
    ]
    panels = metrics_of(report(*subjects, claims=(claimed,))).panels
    assert [(each.metric, each.confidence, each.rows[0].interval) for each in panels] == [
        ("loss", 0.95, "0.05 to 0.35"),
        ("other", None, ""),
    ]
    assert panels[0].rows[0].claims == (
        ("max_mean 0.3: 0.2 (0.05 to 0.35); 9 seeds would decide it", ClaimStatus.UNDECIDED),
    )


def test_the_table_has_the_difference_with_the_baseline_where_there_is_one() -> None:
    one = subject("train", "40", metrics=(scalar("loss", 0.5),), recorded=(scalar("loss", 0.25),))
    other = replace(one, id="other", metrics=(scalar("loss", "nan"),))
    rows = metrics_of(report(one, other, subject("new", metrics=(scalar("loss", 1.0),)))).rows
    assert [each.difference for each in rows] == [0.25, None, None]


def test_an_element_escapes_what_is_no_element() -> None:
    assert tag("text", "<b>", tag("tspan", "&"), href='"') == '<text href="&quot;">&lt;b&gt;<tspan>&amp;</tspan></text>'
