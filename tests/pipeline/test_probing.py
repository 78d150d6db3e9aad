"""What probe paths find in an expanded pipeline, and what a chart therefore waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import ConfigError, ExpandedPipeline, expand, load_config
from pytest_expops.pipeline.probing import MetricPlace, find, probes_of
from tests.expops.running import config, make

EDGES = """
load rows
rows seeds
seeds train
train merge
merge plot
load side
"""
PROCESSES = """
- name: load
- {name: rows, data_parallelism: {size: 2, data_name: df}}
- {name: seeds, seed_parallelism: [41, -3]}
- name: train
- {name: merge, data_aggregation: true, seed_aggregation: true}
- name: side
- {name: after}
"""
STEPS = {
    "train_1_seed41": ["fit"],
    "train_1_seed-3": ["fit"],
    "train_2_seed41": ["fit"],
    "train_2_seed-3": ["fit"],
    "load": ["read", "clean"],
    "side": ["clean", "only_here"],
}


def _expanded(folder: Path, path: str, edges: str = EDGES) -> ExpandedPipeline:
    chart = f'- {{name: plot, code: reporting.plot, probe_paths: {{key: "{path}"}}}}'
    return expand(load_config(make(folder, config(edges, PROCESSES + chart))))


def _found(expanded: ExpandedPipeline) -> dict[str, MetricPlace | None]:
    probe = probes_of(expanded.pipeline.processes["plot"], expanded)[0]
    return find(probe, expanded, lambda name: STEPS.get(name, ()))


TRAIN = ("train_1_seed41", "train_1_seed-3", "train_2_seed41", "train_2_seed-3")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("//*[@name='load']", {"key": MetricPlace("load")}),
        ("load", {"key": MetricPlace("load")}),
        ("load/read", {"key": MetricPlace("load", "read")}),
        ("load/outer/read", {"key": MetricPlace("load", "outer/read")}),
        ("load/no", {"key": None}),
        ("train_2_seed-3", {"key": MetricPlace("train_2_seed-3")}),
        ("//*[@name='load']/*[@name='read']", {"key": MetricPlace("load", "read")}),
        ("//*[@partition='p1']/*[@seed='41']/*[@name='train']", {"key": MetricPlace("train_1_seed41")}),
        (
            "//*[@partition='p1']/*[@seed='41']/*[@name='train']/*[@name='fit']",
            {"key": MetricPlace("train_1_seed41", "fit")},
        ),
        ("//*[@partition='p1']/*[@name='rows']", {"key": None}),
        ("//*[@partition='p3']", {"key": None}),
        ("//*[@partition='p1']/*[@name='train']", {"key": None}),
        ("//step[@name='read']", {"key": MetricPlace("load", "read")}),
    ],
)
def test_one_place_keeps_the_key(tmp_path: Path, path: str, found: dict[str, MetricPlace | None]) -> None:
    assert _found(_expanded(tmp_path, path)) == found


@pytest.mark.parametrize("path", ["//*[@name='train']", "//*[@partition]/*[@seed]/*[@name='train']", "train"])
def test_several_places_have_their_own_paths_for_keys(tmp_path: Path, path: str) -> None:
    assert _found(_expanded(tmp_path, path)) == {
        "//*[@partition='p1']/*[@seed='41']/process[@name='train']": MetricPlace("train_1_seed41"),
        "//*[@partition='p1']/*[@seed='-3']/process[@name='train']": MetricPlace("train_1_seed-3"),
        "//*[@partition='p2']/*[@seed='41']/process[@name='train']": MetricPlace("train_2_seed41"),
        "//*[@partition='p2']/*[@seed='-3']/process[@name='train']": MetricPlace("train_2_seed-3"),
    }


def test_those_of_steps_end_in_the_step(tmp_path: Path) -> None:
    found = _found(_expanded(tmp_path, "//*[@seed='41']/*[@name='train']/*[@name='fit']"))
    assert found == {
        f"//*[@partition='p{number}']/*[@seed='41']/process[@name='train']/step[@name='fit']": MetricPlace(
            f"train_{number}_seed41", "fit"
        )
        for number in (1, 2)
    }


@pytest.mark.parametrize(
    ("path", "found", "waits_for"),
    [
        # Upstream of the chart only; `side` has such a step too.
        ("//*[@name='clean']", {"key": MetricPlace("load", "clean")}, {"load", "rows_or_more"}),
        ("//*[@name='only_here']", {"key": None}, {"load", "rows_or_more"}),
        ("//*[@name='side']/*[@name='only_here']", {"key": MetricPlace("side", "only_here")}, {"side"}),
    ],
)
def test_a_step_by_itself_is_looked_for_upstream(
    tmp_path: Path, path: str, found: dict[str, MetricPlace | None], waits_for: set[str]
) -> None:
    expanded = _expanded(tmp_path, path)
    assert _found(expanded) == found
    probe = probes_of(expanded.pipeline.processes["plot"], expanded)[0]
    if "rows_or_more" in waits_for:
        waits_for = {"load", "rows", "seeds_1", "seeds_2", *TRAIN, "merge"}
    assert set(probe.waits_for) == waits_for


def test_a_chart_outside_the_list_looks_everywhere_for_a_step(tmp_path: Path) -> None:
    expanded = _expanded(tmp_path, "//*[@name='only_here']", EDGES.replace("merge plot", ""))
    assert _found(expanded) == {"key": MetricPlace("side", "only_here")}
    assert set(expanded["plot"].upstream) == set(expanded.processes) - {"plot"}


def test_a_chart_stands_behind_what_it_probes(tmp_path: Path) -> None:
    """S5.5 of everything else: no other process moves, and the chart is not duplicated by what it probes."""
    expanded = _expanded(tmp_path, "//*[@name='train']", "load rows\nrows seeds\nseeds train\nload plot\nload side")
    order = list(expanded.processes)
    assert order[-1] == "plot"
    assert expanded["plot"].upstream == ("load", *TRAIN)
    path = make(tmp_path / "without", config("load rows\nrows seeds\nseeds train\nload side", PROCESSES))
    assert order[:-1] == list(expand(load_config(path)).processes)


def test_a_chart_downstream_of_a_split_is_duplicated_and_each_probes_all(tmp_path: Path) -> None:
    expanded = _expanded(tmp_path, "//*[@name='train']", "load rows\nrows seeds\nseeds train\nrows plot")
    assert [each.name for each in expanded.of("plot")] == ["plot_1", "plot_2"]
    assert {each.upstream for each in expanded.of("plot")} == {("rows", *TRAIN)}


def test_a_chart_with_a_downstream_waits_for_its_upstream_alone(tmp_path: Path) -> None:
    """Whatever matches: it could otherwise wait for itself."""
    expanded = _expanded(tmp_path, "//*", "load plot\nplot side\nload after")
    assert expanded["plot"].upstream == ("load",)
    assert list(expanded.processes).index("plot") < list(expanded.processes).index("side")


def test_charts_do_not_wait_for_charts(tmp_path: Path) -> None:
    charts = "\n".join(f"- {{name: {name}, probe_paths: {{all: '//*'}}}}" for name in ("one", "two"))
    expanded = expand(load_config(make(tmp_path, config("load one\nload two", f"- name: load\n{charts}"))))
    assert {name: each.upstream for name, each in expanded.processes.items()} == {
        "load": (),
        "one": ("load",),
        "two": ("load",),
    }


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("trian/fit", "did you mean `train`?"),
        ("//*[@name='trian']/*[@partition='p9']", "did you mean `train`?"),
        ("//*[@seed='5']/*[@name='x']", None),
    ],
)
def test_a_path_that_can_find_nothing_is_warned_of(tmp_path: Path, path: str, hint: str | None) -> None:
    expanded = _expanded(tmp_path, path)
    warned = [(each.message, each.hint) for each in expanded.warnings if each.process == "plot"]
    message = f"process `plot`: the probe path `{path}` finds no process; the chart gets nothing there"
    assert warned == [(message, hint)]


def test_a_path_that_is_no_xpath_is_an_error_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _expanded(tmp_path, "//*[@name=train]")
    (problem,) = caught.value.problems
    assert problem.message == (
        "process `plot`: the probe path `//*[@name=train]`: `train]` at character 11; expected a text in quotes"
    )
    assert problem.location is not None
    assert problem.location.line == 19
