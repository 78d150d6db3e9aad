"""What expansion warns of, and the corners that the worked examples leave out."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from pytest_expops import ConfigError, ExpandedPipeline, Pipeline, Process, expand
from pytest_expops.pipeline.model import Aggregates, CodeRef, DataSplit, SeedSplit
from tests.pipeline.config.configs import current, load

CODE = CodeRef("main", "function")


def _expand(folder: Path, *processes: str, edges: list[str]) -> ExpandedPipeline:
    return expand(load(folder, current(*processes, edges=edges)))


def _upstream(expanded: ExpandedPipeline) -> dict[str, tuple[str, ...]]:
    return {name: each.upstream for name, each in expanded.processes.items()}


def by_hand(*processes: Process) -> Pipeline:
    here = Path("/project")
    by_name = {each.name: each for each in sorted(processes, key=lambda each: each.name)}
    return Pipeline(here / "p.yaml", here, here, here, {"main": here / "m.py"}, 42, {}, by_name)


def test_a_split_with_nothing_downstream_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S4.4: and the process one level up is suggested."""
    monkeypatch.chdir(tmp_path)
    processes = ["- name: a", "- {name: b, seed_parallelism: 2, data_parallelism: {size: 2}}"]
    expanded = _expand(Path(), *processes, edges=["a b"])
    assert list(expanded.processes) == ["a", "b"]
    assert [str(each) for each in expanded.warnings] == [
        "p.yaml:8:19: process `b` declares seeds, but nothing is downstream of it: they have no effect\n"
        "    add `scope: self` beside `seeds` to duplicate `b` itself, or declare them one level up, on `a`, "
        "to duplicate `b`",
        "p.yaml:8:40: process `b` declares partitions, but nothing is downstream of it: they have no effect\n"
        "    declare them one level up, on `a`, to duplicate `b`",
    ]


def test_nothing_to_collapse_is_warned_of_kind_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S5.3."""
    monkeypatch.chdir(tmp_path)
    both = "- {name: b, data_aggregation: true, seed_aggregation: true}"
    expanded = _expand(Path(), "- {name: a, seed_parallelism: [1, 2]}", both, edges=["a b"])
    assert _upstream(expanded) == {"a": (), "b": ("a",)}
    assert [str(each) for each in expanded.warnings] == [
        "p.yaml:8:16: process `b` aggregates data layers, but none is open there: nothing to collapse\n"
        "    put it downstream of a process with `data_parallelism`, or remove its data aggregation",
    ]


def test_a_process_may_aggregate_and_split_again(tmp_path: Path) -> None:
    """S5.3: it collapses first."""
    expanded = _expand(
        tmp_path,
        "- {name: split, data_parallelism: {size: 2}}",
        "- name: work",
        "- {name: again, data_parallelism: {size: 3, aggregation: true}}",
        "- name: more",
        edges=["split work", "work again", "again more"],
    )
    assert _upstream(expanded) == {
        "split": (),
        "work_1": ("split",),
        "work_2": ("split",),
        "again": ("work_1", "work_2"),
        "more_1": ("again",),
        "more_2": ("again",),
        "more_3": ("again",),
    }


def test_an_aggregation_directly_below_its_split_has_the_single_splitter_for_upstream(tmp_path: Path) -> None:
    """S5.4: the splitter itself is not duplicated; what is handed over in parts is its output."""
    expanded = _expand(
        tmp_path,
        "- {name: split, data_parallelism: {size: 2}, seed_parallelism: [5, 4]}",
        "- {name: over_seeds, seed_aggregation: true}",
        "- {name: over_both, seed_aggregation: true, data_aggregation: true}",
        edges=["split over_seeds over_both"],
    )
    assert _upstream(expanded) == {
        "split": (),
        "over_both": ("split",),
        "over_seeds_1": ("split",),
        "over_seeds_2": ("split",),
    }


def test_an_aggregation_gets_what_carries_the_layer_whole_and_what_does_not_plain(tmp_path: Path) -> None:
    """S5.4: data outside, seeds inside, in config order, grouped by upstream; an outer layer is matched."""
    expanded = _expand(
        tmp_path,
        "- {name: outer, data_parallelism: {size: 2}}",
        "- {name: rows, data_parallelism: {size: 2}}",
        "- {name: seeds, seed_parallelism: [9, 3]}",
        "- name: fit",
        "- name: plain",
        "- {name: total, data_aggregation: true, seed_aggregation: true}",
        edges=["outer rows plain", "rows seeds", "seeds fit total", "fit total", "plain total"],
    )
    assert expanded["total_2"].upstream == (
        "fit_2_1_seed9",
        "fit_2_1_seed3",
        "fit_2_2_seed9",
        "fit_2_2_seed3",
        "plain_2",
        "seeds_2_1",
        "seeds_2_2",
    )


def test_processes_without_edges_come_in_alphabetical_order(tmp_path: Path) -> None:
    """S5.5, S1.3: a process that is not in the list is a node without edges; among the free the smallest is next."""
    expanded = _expand(tmp_path, *[f"- name: {name}" for name in ["d", "c", "b", "a"]], edges=["d a", "c"])
    assert list(expanded.processes) == ["b", "c", "d", "a"]


def test_a_pipeline_made_by_hand_is_checked_too() -> None:
    cyclic = by_hand(Process("a", CODE, ("b",)), Process("b", CODE, ("a",)))
    with pytest.raises(ConfigError, match="the processes form a cycle: `a -> b -> a`"):
        expand(cyclic)
    with pytest.raises(ConfigError, match=r"`b\.upstream` names the process `lod`.*\n +did you mean `load`"):
        expand(by_hand(Process("load", CODE), Process("b", CODE, ("lod",))))


def _calls_of_expanding(partitions: int) -> int:
    """How many functions are called, by partitions of 50 seeds each, split and merged again."""
    pipeline = by_hand(
        Process("rows", CODE, split_data=DataSplit(partitions)),
        Process("seeds", CODE, ("rows",), split_seeds=SeedSplit(tuple(range(50)))),
        Process("fit", CODE, ("seeds",)),
        Process("total", CODE, ("fit",), aggregates=Aggregates(data=True, seeds=True)),
    )
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        expanded = expand(pipeline)
    finally:
        sys.setprofile(None)
    assert (len(expanded), len(expanded["total"].upstream)) == (51 * partitions + 2, 50 * partitions)
    return events.count("call") + events.count("c_call")


def test_what_expanding_takes_grows_as_the_number_of_processes() -> None:
    """Counted, not timed: `benchmarks/expansion.py` has the seconds."""
    few, many = _calls_of_expanding(10), _calls_of_expanding(40)
    assert many < 4.4 * few


def test_the_order_within_a_pipeline_made_by_hand_changes_nothing() -> None:
    """S5.5: neither that of the processes nor that of an upstream."""
    ends = [Process(name, CODE) for name in "dcab"]
    last = Process("e", CODE, ("c", "a", "d"))
    pipeline = by_hand(*ends, last)
    unsorted = dataclasses.replace(pipeline, processes={each.name: each for each in [last, *ends]})
    assert _upstream(expand(unsorted)) == {"a": (), "b": (), "c": (), "d": (), "e": ("a", "c", "d")}
    assert list(expand(unsorted).processes) == ["a", "b", "c", "d", "e"]


_SELF = "seed_parallelism: {seeds: [1, 2], scope: self}"


@pytest.mark.parametrize(
    ("processes", "edges", "names"),
    [
        ([f"- {{name: a, {_SELF}}}"], ["a"], ["a_seed1", "a_seed2"]),
        ([f"- {{name: a, {_SELF}}}", "- name: b"], ["a b"], ["a_seed1", "a_seed2", "b_seed1", "b_seed2"]),
        (
            ["- name: r", f"- {{name: a, {_SELF}}}", "- {name: b, seed_aggregation: true}"],
            ["r a", "a b"],
            ["r", "a_seed1", "a_seed2", "b"],
        ),
        (
            ["- {name: r, data_parallelism: {size: 2}}", f"- {{name: a, {_SELF}, data_parallelism: 2}}", "- name: b"],
            ["r a", "a b"],
            None,
        ),
        (["- {name: a, seed_parallelism: {seeds: [1], scope: downstream}}", "- name: b"], ["a b"], ["a", "b_seed1"]),
    ],
)
def test_scope_self_duplicates_the_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: list[str], edges: list[str], names: list[str] | None
) -> None:
    """S4.4."""
    monkeypatch.chdir(tmp_path)
    if names is None:
        processes[1] = processes[1].replace("data_parallelism: 2", "data_parallelism: {size: 2}")
        split = [f"_{i}" for i in (1, 2)]
        names = ["r", *(f"a{i}_seed{s}" for i in split for s in (1, 2))]
        names += [f"b{i}{j}_seed{s}" for i in split for j in split for s in (1, 2)]
    expanded = _expand(Path(), *processes, edges=edges)
    assert list(expanded.processes) == names
    assert not expanded.warnings


def test_scope_self_after_an_aggregation_receives_all_that_is_collapsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    processes = [
        "- {name: r, seed_parallelism: [3, 4]}",
        "- name: t",
        f"- {{name: a, seed_aggregation: true, {_SELF}}}",
    ]
    expanded = _expand(Path(), *processes, edges=["r t", "t a"])
    assert list(expanded.processes) == ["r", "t_seed3", "t_seed4", "a_seed1", "a_seed2"]
    assert expanded["a_seed1"].upstream == expanded["a_seed2"].upstream == ("t_seed3", "t_seed4")
