"""The expanded graph as text, Mermaid and DOT."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from pytest_expops import ExpandedPipeline, expand, load_config
from pytest_expops.pipeline.render import to_dot, to_mermaid, to_text
from tests.hypothesis_profiles import examples
from tests.pipeline.config.configs import current, load
from tests.strategies.configs import DrawnConfig, pipelines


@pytest.fixture
def expanded(tmp_path: Path) -> ExpandedPipeline:
    text = current(
        "- {name: rows, data_parallelism: {size: [2, 0], data_name: df}}",
        "- {name: seeds, seed_parallelism: [7, -3]}",
        "- name: end",
        "- {name: again, data_aggregation: true, seed_aggregation: true, seed_parallelism: 1}",
        "- {name: sum, seed_aggregation: true}",
        "- {name: plot, probe_paths: {x: y}}",
        edges=["rows seeds", "seeds end", "end again", "again sum plot"],
    )
    return expand(load(tmp_path, text))


def test_text_shows_splits_aggregations_coordinates_and_upstream(expanded: ExpandedPipeline) -> None:
    assert to_text(expanded) == (
        "rows  [splits `df` into 2 partitions of 2, 0 rows]\n"
        "    rows\n"
        "seeds  [splits over seeds 7, -3]\n"
        "    seeds_1  (partition 1)  <- rows\n"
        "    seeds_2  (partition 2)  <- rows\n"
        "end\n"
        "    end_1_seed7  (partition 1; seed 7)  <- seeds_1\n"
        "    end_1_seed-3  (partition 1; seed -3)  <- seeds_1\n"
        "    end_2_seed7  (partition 2; seed 7)  <- seeds_2\n"
        "    end_2_seed-3  (partition 2; seed -3)  <- seeds_2\n"
        "again  [aggregates data and seeds]  [splits over seeds 1]\n"
        "    again  <- end_1_seed7, end_1_seed-3, end_2_seed7, end_2_seed-3\n"
        "plot  [chart]\n"
        "    plot_seed1  (seed 1)  <- again\n"
        "sum  [aggregates seeds]\n"
        "    sum  <- again\n"
        "6 processes, 10 expanded\n"
    )


def test_long_lists_of_upstream_are_cut_short_in_text(tmp_path: Path) -> None:
    ends = ["- {name: s, seed_parallelism: [1, 2, 3, 4, 5, 6]}", "- {name: t, seed_aggregation: true}"]
    text = to_text(expand(load(tmp_path, current(*ends, "- name: a", edges=["s a", "a t"]))))
    assert "    t  <- a_seed1, a_seed2, a_seed3, a_seed4 and 2 more\n" in text


def test_mermaid_marks_roles_by_shape_and_quotes_every_label(expanded: ExpandedPipeline) -> None:
    """Ids are ours, since a process may be called `end`, which ends a block in Mermaid."""
    lines = to_mermaid(expanded).splitlines()
    assert lines[0] == "flowchart TD"
    assert lines[1] == '    p0[/"rows<br/>splits df into 2 partitions of 2, 0 rows"\\]'
    assert lines[4] == '    p3["end_1_seed7"]'
    assert lines[8] == '    p7{{"again<br/>aggregates data and seeds<br/>splits over seeds 1"}}'
    assert lines[9] == '    p8["plot_seed1<br/>chart"]'
    assert lines[10] == '    p9[\\"sum<br/>aggregates seeds"/]'
    assert lines[11] == "    p0 --> p1"
    assert len(lines) == 1 + 10 + sum(len(each.upstream) for each in expanded.processes.values())


def test_what_mermaid_would_take_for_syntax_is_escaped(tmp_path: Path) -> None:
    text = to_mermaid(expand(load(tmp_path, current("- name: 'a\"b;<i>'"))))
    assert '    p0["a#34;b#59;#60;i#62;"]' in text.splitlines()


_STRING = r'"((?:[^"\\]|\\.)*)"'
_DOT_NODE = re.compile(rf"    {_STRING} \[label={_STRING}, shape=(\w+)\];")
_DOT_EDGE = re.compile(rf"    {_STRING} -> {_STRING};")


def _parse_dot(text: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Shapes by name, and edges; every line must be one of what DOT's grammar has for us."""
    lines = text.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("digraph pipeline {", "    node [shape=box];", "}")
    shapes, edges = {}, set()
    for line in lines[2:-1]:
        if node := _DOT_NODE.fullmatch(line):
            shapes[_unquote(node.group(1))] = node.group(3)
        else:
            edge = _DOT_EDGE.fullmatch(line)
            assert edge, line
            edges.add((_unquote(edge.group(1)), _unquote(edge.group(2))))
    return shapes, edges


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_dot_marks_roles_by_shape(expanded: ExpandedPipeline) -> None:
    shapes, edges = _parse_dot(to_dot(expanded))
    assert {name: shape for name, shape in shapes.items() if shape != "box"} == {
        "rows": "trapezium",
        "seeds_1": "trapezium",
        "seeds_2": "trapezium",
        "again": "hexagon",
        "sum": "invtrapezium",
    }
    assert ("seeds_1", "end_1_seed-3") in edges


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=pipelines())
def test_dot_holds_exactly_the_expanded_graph(tmp_path: Path, drawn: DrawnConfig) -> None:
    expanded = expand(load_config(drawn.write(tmp_path)))
    shapes, edges = _parse_dot(to_dot(expanded))
    assert list(shapes) == list(expanded.processes)
    assert edges == {(source, each.name) for each in expanded.processes.values() for source in each.upstream}


def test_quotes_and_backslashes_survive_in_dot(tmp_path: Path) -> None:
    split = "- {name: 'a\"b', data_parallelism: {size: 1, data_name: 'x\\y\"'}}"
    text = to_dot(expand(load(tmp_path, current(split, "- name: c", edges=['a"b c']))))
    assert _parse_dot(text) == ({'a"b': "trapezium", "c_1": "box"}, {('a"b', "c_1")})
    assert r'label="a\"b\nsplits x\\y\" into 1 partitions"' in text
