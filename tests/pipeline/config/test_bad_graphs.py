"""Graphs that cannot be run: each gives its own full message, with line and column (S1.3, S5.1, S5.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.config.configs import CURRENT_HEAD, Case, assert_problems, current

_LITERAL = "    write `process_adjlist: |` and the lines below it"


def _names(letters: str) -> list[str]:
    return [f"- name: {letter}" for letter in letters]


GRAPH: list[Case] = [
    (
        "unknown process in the adjacency list, once a name, with near names",
        current(*_names("ab"), "- name: train", edges=["a trian b", "b trian  # again", "xyz"]),
        [
            "5:9: `process_adjlist` names the process `trian`, which `processes` does not define",
            "    did you mean `train`?",
            "7:7: `process_adjlist` names the process `xyz`, which `processes` does not define",
            "    add `- name: xyz` to `processes`",
        ],
    ),
    (
        "arrows in the adjacency list",
        current(*_names("ab"), edges=["a -> b"]),
        [
            "5:9: `process_adjlist` names the process `->`, which `processes` does not define",
            "    write `a b` for an edge from a to b: names separated by spaces",
        ],
    ),
    (
        "unknown process in a list of lines",
        CURRENT_HEAD + "    process_adjlist: [a b, 'b d']\n    processes: [{name: a}, {name: b}]\n",
        [
            "4:31: `process_adjlist` names the process `d`, which `processes` does not define",
            "    add `- name: d` to `processes`",
        ],
    ),
    (
        "process defined twice",
        current("- name: a", "- name: b", "- name: a"),
        ["7:15: process `a` is defined twice; first at p.yaml:5:15", "    rename or remove one of the two"],
    ),
    (
        "cycle",
        current(*_names("abcde"), edges=["a b", "b c", "c a d", "d e"]),
        [
            "7:9: the processes form a cycle: `a -> b -> c -> a`",
            "    remove one of these edges from `process_adjlist`",
        ],
    ),
    (
        "two cycles",
        current(*_names("abcd"), edges=["a b", "b a", "c d c", "d c", "b c"]),
        [
            "6:9: the processes form a cycle: `a -> b -> a`",
            "    remove one of these edges from `process_adjlist`",
            "7:11: process `c` is its own upstream: `c -> c`",
            "    remove it from its own line",
            "8:9: the processes form a cycle: `c -> d -> c`",
            "    remove one of these edges from `process_adjlist`",
        ],
    ),
    (
        "adjacency list that YAML folds into one line",
        CURRENT_HEAD
        + "    process_adjlist: >\n      a b\n      b c\n    processes: [{name: a}, {name: b}, {name: c}]\n",
        [
            "4:22: `process_adjlist` runs over several lines that YAML joins into one; expected a literal block",
            _LITERAL,
        ],
    ),
    (
        "adjacency list in a plain text of several lines, given away by a name that stands twice",
        CURRENT_HEAD + "    process_adjlist: a b\n      b c\n    processes: [{name: a}, {name: b}, {name: c}]\n",
        [
            "4:22: `process_adjlist` runs over several lines that YAML joins into one; expected a literal block",
            _LITERAL,
        ],
    ),
    (
        "adjacency list that is a map",
        CURRENT_HEAD + "    process_adjlist: {a: b}\n    processes: [{name: a}, {name: b}]\n",
        [
            "4:22: `process_adjlist` is a map; expected lines of text: a source and its targets, separated by spaces",
            _LITERAL,
        ],
    ),
]

EXPANSION: list[Case] = [
    (
        "data stacks that do not nest",
        current(
            *_names("ab"),
            "- name: join",
            "- name: after",
            "- {name: s1, data_parallelism: {size: 2}}",
            "- {name: s2, data_parallelism: {size: 2}}",
            edges=["s1 a", "s2 b", "a join", "b join", "join after"],
        ),
        [
            "13:15: process `join` brings together `a` (duplicated by the split `s1`) and `b` (duplicated by the split "
            "`s2`); these data splits do not nest",
            "    aggregate one of them first: a process with `data_aggregation: true` between its split and `join`",
        ],
    ),
    (
        "seed stacks that do not nest, directly below their splits",
        current(
            "- name: join",
            "- {name: s1, seed_parallelism: 2}",
            "- {name: s2, seed_parallelism: 3}",
            edges=["s1 join", "s2 join"],
        ),
        [
            "8:15: process `join` brings together the split `s1` and the split `s2`; these seed splits do not nest",
            "    aggregate one of them first: a process with `seed_aggregation: true` between its split and `join`",
        ],
    ),
    (
        "a process really called train_1",
        current(
            "- name: train", "- name: train_1", "- {name: split, data_parallelism: {size: 2}}", edges=["split train"]
        ),
        [
            "8:15: process `train_1` has the name that a duplicate of process `train` gets",
            "    rename `train_1`, or `train` at p.yaml:7:15",
        ],
    ),
    (
        "two duplicates of one name",
        current(
            "- name: a",
            "- name: a_1",
            *[f"- {{name: s{i}, data_parallelism: {{size: 2}}}}" for i in range(3)],
            edges=["s0 s1", "s1 a", "s2 a_1"],
        ),
        [
            "10:15: processes `a` and `a_1` both have a duplicate called `a_1_1`",
            "    rename `a_1`, or `a` at p.yaml:9:15",
        ],
    ),
    (
        "more duplicates than anyone means",
        current("- name: a", "- {name: s, data_parallelism: {size: 1000000}}", edges=["s a"]),
        [
            "7:15: process `a` brings the expanded processes to 1,000,001; expected 1,000,000 at most",
            "    it stands in the splits of: s",
        ],
    ),
]

ALL = [*GRAPH, *EXPANSION]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in ALL], ids=[case[0] for case in ALL])
def test_each_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)
