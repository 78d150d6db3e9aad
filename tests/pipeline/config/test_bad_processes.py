"""Processes that cannot be read: each gives its own full message, located (S1.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import ConfigError, load_config
from tests.pipeline.config.configs import Case, assert_problems, current, load

_NAME = "cannot be used; expected at least one character, and no space, `#`, `::`, bracket or slash"
_RENAME = "    rename it, here and in `process_adjlist`"
_CODE = "expected the name of a function, KEY.NAME with the key of a script, or MODULE:NAME"
_MODULE = "expected MODULE:NAME with the dotted name of a module, one colon, and the name of a function in it"
_KEEP_ONE = "    keep one of the two"


PROCESSES: list[Case] = [
    (
        "both spellings in conflict",
        current(
            "- name: a\n  parameters: {x: 1}\n  hyperparameters: {x: 2}",
            "- name: b\n  code: f\n  code_function: g",
            "- name: c\n  data_aggregation: false\n  data_parallelism: {aggregation: true}",
        ),
        [
            "7:9: process `a`: `hyperparameters` contradicts `parameters` at p.yaml:6:9",
            _KEEP_ONE,
            "10:9: process `b`: `code_function` contradicts `code` at p.yaml:9:9: the text `g` here, "
            "the text `f` there",
            _KEEP_ONE,
            "12:9: process `c`: `data_aggregation` contradicts `data_parallelism.aggregation` at p.yaml:13:28: the "
            "truth value `false` here, the truth value `true` there",
            _KEEP_ONE,
        ],
    ),
    (
        "names that cannot be used",
        current(*[f"- name: {name}" for name in ["a b", "'a#b'", "a::b", "'a[b'", "''", "a/b"]]),
        [
            line
            for row, name in enumerate(["a b", "a#b", "a::b", "a[b", "", "a/b"], start=5)
            for line in (f"{row}:15: the process name {name!r} {_NAME}", _RENAME)
        ],
    ),
    (
        "names that YAML 1.1 reads as something else",
        current("- name: on", "- name: 1", "- name:", "- name: [a]"),
        [
            "5:15: the process name `on` is read by YAML as a truth value; expected a text",
            '    write "on", in quotes',
            "6:15: the process name `1` is read by YAML as a number; expected a text",
            '    write "1", in quotes',
            "7:14: `name` is nothing; expected the name of a process, as a text",
            "8:15: `name` is a list; expected the name of a process, as a text",
        ],
    ),
    (
        "names that YAML 1.1 reads as something else, as keys",
        current("- x").replace("      - x\n", "      yes: {}\n      a: {name: b}\n      b: 3\n"),
        [
            "5:7: the process name `yes` is read by YAML as a truth value; expected a text",
            '    write "yes", in quotes',
            "6:17: `name` is the text `b`, but the process stands under `a` at p.yaml:6:7",
            "    remove `name`",
            "7:10: `processes.b` is the number `3`; expected a map",
        ],
    ),
    (
        "processes without a name",
        current("- nmae: x", "- load", "- load: {code: f}"),
        [
            "5:9: this process has no `name`",
            "    did you mean `name` where `nmae` stands?",
            "6:9: `processes` is the text `load`; expected a map with a `name` for each process",
            "    write `- name: load`",
            "7:9: this process has no `name`",
            "    write `name: load`",
        ],
    ),
    (
        "code that names nothing",
        current(
            "- {name: a, code: mian.f}", "- {name: b, code: 3}", "- {name: c, code: a.b.c}", "- {name: d, code: no no}"
        ),
        [
            "5:25: process `a`: `code: mian.f` names the script `mian`, which does not exist; the scripts are: `main`",
            "    did you mean `main`?",
            f"6:25: process `b`: `code` is the number `3`; {_CODE}",
            f"7:25: process `c`: `code` is the text `a.b.c`; {_CODE}",
            f"8:25: process `d`: `code` is the text `no no`; {_CODE}",
        ],
    ),
    (
        "a module that is written wrongly",
        current(
            "- {name: a, code: 'shop::f'}",
            "- {name: b, code: 'shop:'}",
            "- {name: c, code: src/shop/x.py:f}",
            "- {name: d, script: main, code: 'shop:f'}",
        ),
        [
            f"5:25: process `a`: `code` is the text `shop::f`; {_MODULE}",
            f"6:25: process `b`: `code` is the text `shop:`; {_MODULE}",
            f"7:25: process `c`: `code` is the text `src/shop/x.py:f`; {_MODULE}",
            "    a module is written without folders: `shop.x:f`",
            "8:27: process `d`: `script: main` and the module in `code: shop:f` contradict",
            "    remove `script`",
        ],
    ),
    (
        "a script that is not there, is no text, or is not the one that the code names",
        current(
            "- {name: a, script: mian, code: f}", "- {name: b, script: 3}", "- {name: c, script: main, code: prep.f}"
        ).replace("{main: model.py}", "{main: model.py, prep: prep.py}"),
        [
            "5:27: process `a`: `script: mian` names the script `mian`, which does not exist; "
            "the scripts are: `main`, `prep`",
            "    did you mean `main`?",
            "6:27: process `b`: `script` is the number `3`; expected the key of a script",
            "7:27: process `c`: `script: main` and `code: prep.f` name two scripts",
            "    remove `script`",
        ],
    ),
    (
        "replay switched off without a reason, or with what is none",
        current(
            "- {name: a, replay: false}", "- {name: b, replay: no, replay_reason: 3}", "- {name: c, replay: never}"
        ),
        [
            "5:19: process `a`: `replay: false` needs `replay_reason`: why this process is not replayed, as a text",
            "    add `replay_reason: TEXT`, which the summary will show",
            "6:46: process `b`: `replay_reason` is the number `3`; "
            "expected why this process is not replayed, as a text",
            "7:27: process `c`: `replay` is the text `never`; expected true or false",
        ],
    ),
    (
        "parameters that are none",
        current("- {name: a, parameters: [1]}", "- {name: b, hyperparameters: {1: 2}}"),
        [
            "5:31: process `a`: `parameters` is a list; expected a map of parameter names to values",
            "6:37: process `b`: the name of a parameter is the number `1`; expected a text",
            '    write "1"',
        ],
    ),
    (
        "type of no kind",
        current("- {name: a, type: chrat}"),
        ["5:25: process `a`: `type` is the text `chrat`; expected `process` or `chart`", "    did you mean `chart`?"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in PROCESSES], ids=[case[0] for case in PROCESSES])
def test_each_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)


def test_problems_of_different_kinds_are_reported_together_in_file_order(tmp_path: Path) -> None:
    """S1.4: not one a run; each carries its subject, so that tools need not parse messages."""
    text = "reproducibility: {seed: x}\ndata: {a: 1, a: 2}\n" + current(
        "- {name: b, data_parallelism: {size: 0}}", "- name: a", "- name: b", edges=["a b", "b a", "c"]
    )
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "p.yaml")
    found = [(each.location and each.location.line, each.process, each.key) for each in caught.value.problems]
    assert found == [
        (1, None, "reproducibility.seed"),
        (2, None, "a"),
        (8, "a", "process_adjlist"),
        (9, "c", "process_adjlist"),
        (11, "b", "size"),
        (13, "b", None),
    ]


@pytest.mark.parametrize(
    ("value", "described"),
    [
        ("0", "the number `0`"),
        ("-1", "the number `-1`"),
        ("4", "the number `4`"),
        ("4 apples", "the text `4 apples`"),
        ("512K", "the text `512K`"),
        ("3000T", "the text `3000T`"),
        ("nan", "the text `nan`"),
        (".nan", "the number `.nan`"),
        ("true", "the truth value `true`"),
        ("[4G]", "a list"),
        ("9" * 400, f"the number `{'9' * 40}...{'9' * 10} (400 characters)`"),
        (f"{'9' * 400}G", f"the text `{'9' * 40}...{'9' * 9}G (401 characters)`"),
    ],
)
def test_what_is_no_amount_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, described: str
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = "an amount of memory such as 512M or 4G, in bytes from 1,048,576 to 1,125,899,906,842,624"
    message = f"6:17: process `a`: `memory` is {described}; expected {expected}"
    assert_problems(current(f"- name: a\n  memory: {value}"), [message])


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("2000000", 2_000_000),
        ("2_000_000", 2_000_000),
        ("2000000.0", 2_000_000),
        ("1M", 2**20),
        ("4G", 2**32),
        ("4GiB", 2**32),
        ("4 gb", 2**32),
        ("0.5T", 2**39),
        ("1024T", 2**50),
    ],
)
def test_amounts_of_memory(tmp_path: Path, value: str, size: int) -> None:
    assert load(tmp_path, current(f"- name: a\n  memory: {value}")).processes["a"].memory == size


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        (
            "{GPU: 0}",
            "6:26",
            "`resources.GPU` is the number `0`; expected an amount such as 1, 0.5 or 8G from 0.001 to ",
        ),
        ("{GPU: one}", "6:26", "`resources.GPU` is the text `one`; expected an amount such as 1, 0.5 or 8G from "),
        ("{GPU: [1]}", "6:26", "`resources.GPU` is a list; expected an amount such as 1, 0.5 or 8G "),
        ("GPU", "6:20", "`resources` is the text `GPU`; expected a map such as {GPU: 1, memory: 8G}"),
    ],
)
def test_what_are_no_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, place: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, current(f"- name: a\n  resources: {written}"))
    assert f"{place}: process `a`: {message}" in str(refused.value)


@pytest.mark.parametrize(
    ("written", "resources"),
    [
        ("{GPU: 1, memory: 8G}", {"GPU": 1.0, "memory": 8.0 * 2**30}),
        ("{GPU: 0.5}", {"GPU": 0.5}),
        ("{}", {}),
        ("", {}),
    ],
)
def test_resources(tmp_path: Path, written: str, resources: dict[str, float]) -> None:
    assert load(tmp_path, current(f"- name: a\n  resources: {written}")).processes["a"].resources == resources
