"""What the workers collected becomes the graph that the controller schedules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_expops.execution.session import PipelineSession
from pytest_expops.plugin.scheduling._graph_view import CircularNeeds, GraphView, Need
from pytest_expops.plugin.scheduling.collected import FILE, graph_of
from pytest_expops.plugin.state import expanded_pipelines
from tests.conftest import FAN, FAN_NAMES, FAN_PROCESSES, FAN_SCRIPT, Project

PREFIX = "configs/project_config.yaml"


def of(name: str) -> str:
    return f"{PREFIX}::{name}"


@pytest.fixture
def sessions(project: Project) -> dict[Path, PipelineSession]:
    path = project.write(FAN, FAN_SCRIPT, FAN_PROCESSES)
    folder = project.root / "session"
    folder.mkdir()
    return {path: PipelineSession(expanded_pipelines((path,))[path], folder)}


def graph(sessions: dict[Path, PipelineSession], ids: list[str], tests: dict[str, list[str]]) -> dict[str, Need]:
    (path,) = sessions
    folder = sessions[path].folder
    (folder / FILE).write_text(json.dumps({"configs": {PREFIX: str(path)}, "tests": tests}), encoding="utf-8")
    return graph_of(folder, sessions, ids)


def waits_for(view: GraphView, node_id: str) -> set[str]:
    """The nearest collected ancestors, by brute force."""
    found, stack = set(), list(view.parents[list(view.ids).index(node_id)])
    while stack:
        node = stack.pop()
        if node < view.count:
            found.add(view.ids[node])
        else:
            stack.extend(view.parents[node])
    return found


def test_each_process_waits_for_its_upstream_and_each_check_for_its_process(
    sessions: dict[Path, PipelineSession],
) -> None:
    (session,) = sessions.values()
    ids = [of(name) for each in FAN_NAMES for name in (each, f"{each}[replay]")]
    view = GraphView(ids, graph(sessions, ids, {}))
    for name in FAN_NAMES:
        assert waits_for(view, of(name)) == {of(each) for each in session.expanded[name].upstream}
        assert waits_for(view, of(f"{name}[replay]")) == {of(name)}


def test_a_comparison_with_the_baseline_waits_for_the_replays_of_its_process_and_of_all_before_it(
    sessions: dict[Path, PipelineSession],
) -> None:
    (session,) = sessions.values()
    ids = [of(name) for each in FAN_NAMES for name in (each, f"{each}[baseline]", f"{each}[replay]")]
    view = GraphView(ids, graph(sessions, ids, {}))
    for name in FAN_NAMES:
        before = {name, *session.expanded.ancestors(name)}
        assert waits_for(view, of(f"{name}[baseline]")) == {of(name), *(of(f"{each}[replay]") for each in before)}
        assert waits_for(view, of(f"{name}[replay]")) == {of(name)}
    # Without replays, and without processes, it waits for what there is.
    few = [of("train_1_seed40"), of("train_1_seed40[baseline]"), of("seeds_1[replay]")]
    view = GraphView(few, graph(sessions, few, {}))
    assert waits_for(view, of("train_1_seed40[baseline]")) == {of("train_1_seed40"), of("seeds_1[replay]")}


def test_an_item_waits_for_its_nearest_collected_ancestors(sessions: dict[Path, PipelineSession]) -> None:
    (session,) = sessions.values()
    last = session.expanded.of(list(session.expanded.pipeline.processes)[-1])[0].name
    first = next(iter(session.expanded.processes))
    ids = [of(last), of(first)]
    assert waits_for(GraphView(ids, graph(sessions, ids, {})), of(last)) == {of(first)}


def test_a_test_waits_for_all_duplicates_of_the_aggregations_it_uses(sessions: dict[Path, PipelineSession]) -> None:
    (session,) = sessions.values()
    aggregation = next(each for each in session.expanded.pipeline.processes.values() if each.aggregates)
    ids = ["test_a.py::test_it", "test_a.py::test_other", *(of(name) for name in FAN_NAMES)]
    view = GraphView(ids, graph(sessions, ids, {"test_a.py::test_it": [aggregation.name]}))
    assert waits_for(view, "test_a.py::test_it") == {of(each.name) for each in session.expanded.of(aggregation.name)}
    assert waits_for(view, "test_a.py::test_other") == set()


def test_a_test_that_may_ask_for_anything_waits_for_the_ends(sessions: dict[Path, PipelineSession]) -> None:
    (session,) = sessions.values()
    upstream = {name for each in session.expanded.processes.values() for name in each.upstream}
    ids = ["test_a.py::test_it", *(of(name) for name in FAN_NAMES)]
    view = GraphView(ids, graph(sessions, ids, {"test_a.py::test_it": ["expops"]}))
    assert waits_for(view, "test_a.py::test_it") == {of(name) for name in FAN_NAMES if name not in upstream}


def test_a_check_of_a_configured_process_waits_for_its_duplicates(sessions: dict[Path, PipelineSession]) -> None:
    (session,) = sessions.values()
    process = next(each.process for each in session.expanded.processes.values() if each.seeds)
    ids = [of(f"{process.name}[stability:loss]"), *(of(name) for name in FAN_NAMES)]
    assert process.name not in session.expanded.processes
    view = GraphView(ids, graph(sessions, ids, {}))
    assert waits_for(view, ids[0]) == {of(each.name) for each in session.expanded.of(process.name)}


def test_duplicates_of_one_process_are_alike_and_those_of_one_partition_share_it(
    sessions: dict[Path, PipelineSession],
) -> None:
    (session,) = sessions.values()
    needs = graph(sessions, [], {})
    for each in session.expanded.processes.values():
        need = needs[of(each.name)]
        assert need.kind == of(each.process.name)
        assert (need.part is not None) == bool(each.partitions)


def test_without_a_word_of_the_workers_nothing_waits(sessions: dict[Path, PipelineSession], tmp_path: Path) -> None:
    assert graph_of(tmp_path, sessions, [of(name) for name in FAN_NAMES]) == {}


def test_a_circle_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(CircularNeeds) as caught:
        GraphView(["a", "b", "c"], {"a": Need(("b",)), "b": Need(("v",)), "v": Need(("a",)), "c": Need(())})
    assert caught.value.among == ("a", "b")
