"""`process_adjlist` is NetworkX's adjacency list, with places (S1.3)."""

from __future__ import annotations

import re
from pathlib import Path

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.errors import Location
from pytest_expops.pipeline.config._adjacency import read_adjacency
from pytest_expops.pipeline.config._composing import Composer
from pytest_expops.pipeline.config._document import Document, MapNode, YamlNode
from pytest_expops.pipeline.config._reading import Reader
from pytest_expops.pipeline.problems import Problems

PATH = Path("p.yaml")


def _read(source: str) -> tuple[set[str], list[tuple[str, str]], list[tuple[str, Location]]]:
    problems = Problems(PATH)
    root: YamlNode | None = Composer(problems).compose(source)
    assert isinstance(root, MapNode)
    document = Document(PATH, root, tuple(source.split("\n")))
    adjacency = read_adjacency(root.entries["adj"].value, document, Reader(problems))
    assert problems.errors == []
    names = {each.name for each in adjacency.mentions}
    edges = [(source.name, target.name) for source, target in adjacency.edges]
    return names, edges, [(each.name, each.location) for each in adjacency.mentions]


_words = st.text(st.sampled_from("ab1_-.:é"), min_size=1, max_size=3)
_lines = st.lists(
    st.builds(
        lambda indent, words, gap, comment: indent + gap.join(words) + comment,
        st.sampled_from(["", " ", "  "]),
        st.lists(_words, max_size=4),
        st.sampled_from([" ", "  ", "\t"]),
        st.sampled_from(["", " ", "# x y", "#", " # a # b"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=100)
@given(lines=_lines)
def test_the_graph_is_the_one_that_networkx_reads_and_each_name_is_found_where_it_stands(lines: list[str]) -> None:
    # NetworkX has an IndexError for a line of nothing but spaces; here it is an empty line.
    expected = networkx.parse_adjlist(
        [line for line in lines if line.split("#")[0].strip()], create_using=networkx.DiGraph
    )
    source = "adj: |2\n" + "".join(f"  {line}\n" for line in lines)
    names, edges, mentions = _read(source)
    assert (names, set(edges)) == (set(expected.nodes), set(expected.edges))
    words = [word for line in lines for word in line.split("#")[0].split()]
    assert [name for name, _ in mentions] == words
    places = [(at.line, at.column) for _, at in mentions]
    assert places == sorted(set(places))
    for name, at in mentions:
        assert re.match(r"\S+", source.split("\n")[at.line - 1][at.column - 1 :].split("#")[0])[0] == name  # type: ignore[index]


@pytest.mark.parametrize(
    "source",
    [
        "adj: |\n  a b\n\n  # comment\n    c  d # e\n",
        "adj:\n  - a b\n  - ''\n  - '  c  d'\n",
        "adj: [a b, c  d]\n",
        "adj: 'a b\n\n  c  d'\n",
        "x: 1\nadj: &x |-\n      a b\n      c  d",
    ],
)
def test_places_in_every_way_of_writing_two_lines(source: str) -> None:
    names, edges, mentions = _read(source)
    assert (names, edges) == ({"a", "b", "c", "d"}, [("a", "b"), ("c", "d")])
    lines = source.split("\n")
    for name, at in mentions:
        assert lines[at.line - 1][at.column - 1] == name


@pytest.mark.parametrize(("source", "names"), [("adj:\n", set()), ("adj: 1\n", {"1"}), ("adj: [on, 2]\n", {"on", "2"})])
def test_names_are_texts_whatever_yaml_makes_of_them(source: str, names: set[str]) -> None:
    assert _read(source)[0] == names
