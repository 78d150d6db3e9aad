"""Files that are no YAML, or more than plain data: each gives its own full message, located (S1.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import ConfigError, load_config
from pytest_expops.pipeline.config import _composing
from tests.pipeline.config.configs import CURRENT_HEAD, Case, assert_problems, current

_SMALLEST = "    the smallest one: {scripts: {main: model.py}, experiment: {pipeline: {processes: [{name: train}]}}}"
_NOT_READ = "is not supported: a config is plain data (texts, numbers, truth values, lists, maps)"


YAML: list[Case] = [
    (
        "duplicate YAML key",
        CURRENT_HEAD + "    processes: [{name: a}]\n    processes: []\n",
        [
            "5:5: the key `processes` is given twice in one map; first at p.yaml:4:5",
            "    remove or rename one of the two",
        ],
    ),
    (
        "keys that only YAML 1.1 takes for equal",
        current("- {name: a, parameters: {deep: {1: x, on: y}}}"),
        [
            "5:45: the keys `1` and `on` of one map are the same to YAML; first at p.yaml:5:39",
            "    remove or rename one of the two",
        ],
    ),
    (
        "tab-indented YAML",
        CURRENT_HEAD + "\tprocesses: []\n",
        ["4:1: the line is indented with a tab; YAML allows spaces only", "    replace the tab by spaces"],
    ),
    (
        "tab inside the indentation of a text",
        "a:\n  - b\n\t- c\n",
        ["3:1: the line is indented with a tab; YAML allows spaces only", "    replace the tab by spaces"],
    ),
    ("empty file", "", ["1:1: the file is empty; expected a pipeline config", _SMALLEST]),
    ("only comments", "# nothing\n\n", ["1:1: the file is empty; expected a pipeline config", _SMALLEST]),
    (
        "a text",
        "just some text\n",
        ["1:1: the file holds the text `just some text`; expected a map with the pipeline in it", _SMALLEST],
    ),
    ("a list", "- a\n", ["1:1: the file holds a list; expected a map with the pipeline in it", _SMALLEST]),
    (
        "a second document",
        current("- name: a") + "---\na: b\n",
        ["6:1: a second YAML document begins here; expected one in the file"],
    ),
    (
        "tags that construct objects, and ill-typed ones",
        "data: [!!python/object/apply:os.system [ls], !x 3, !!set {a}, !!int x, 2024-13-45]\n" + current("- name: a"),
        [
            f"1:8: the tag `!!python/object/apply:os.system` {_NOT_READ}",
            "    remove the tag",
            f"1:46: the tag `!x` {_NOT_READ}",
            "    remove the tag",
            f"1:52: the tag `!!set` {_NOT_READ}",
            "    remove the tag",
            "1:63: `x` reads as a YAML int, but is not a valid one: invalid literal for int() with base 10: 'x'",
            "    quote it, if it is meant as text",
            "1:72: `2024-13-45` reads as a YAML timestamp, but is not a valid one: month must be in 1..12",
            "    quote it, if it is meant as text",
        ],
    ),
    (
        "aliases that go nowhere or round",
        "data: {a: &a [*a], b: *c, <<: 3, [x]: y}\n" + current("- name: a"),
        [
            "1:15: `*a` stands inside the value that it names, which would never end",
            "1:23: `*c` names nothing: there is no `&c` above it",
            "1:31: `<<` merges the number `3`; expected a map",
            "1:34: a key is a list; expected a single value",
        ],
    ),
    (
        "aliases that multiply beyond measure",
        "data:\n  a0: &a0 [x]\n" + "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)),
        ["8:7: with its aliases written out, this holds more than 1,000,000 values"],
    ),
    (
        "nesting beyond measure",
        "data: " + "[" * 200 + "]" * 200 + "\n",
        ["1:106: lists and maps nest more than 100 deep here"],
    ),
    (
        "nesting beyond measure by aliases",
        "data:\n  a0: &a0 [x]\n" + "".join(f"  a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 150)),
        ["102:9: with its aliases written out, this nests more than 100 deep"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in YAML], ids=[case[0] for case in YAML])
def test_each_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this: is: not\n  - yaml {\n", "p.yaml:1:9: this is not valid YAML: mapping values are not allowed "),
        ("experiment: {pipeline: [1, 2\n", "p.yaml:1:29: this is not valid YAML: "),
        ("a: 'never closed\n", "p.yaml:1:17: this is not valid YAML: "),
        ("é: ü\na: b: c\n", "p.yaml:2:5: this is not valid YAML: "),
    ],
)
def test_what_is_not_yaml_at_all_is_located_and_quoted(tmp_path: Path, text: str, expected: str) -> None:
    """The wording between is PyYAML's, and differs between its two parsers."""
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    line = text.splitlines()[int(expected.split(":")[1]) - 1]
    assert str(problem).replace(f"{tmp_path}/", "").startswith(expected)
    assert problem.message.endswith(f", at `{line}`")


def test_a_missing_file_is_named_with_what_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("project_config.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        load_config("project_confg.yaml")
    assert str(caught.value) == (
        "project_confg.yaml: 1 problem in this pipeline config\n"
        "  there is no such file\n"
        "    did you mean `project_config.yaml`?"
    )


def test_a_directory_is_told_from_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo/configs").mkdir(parents=True)
    Path("demo/configs/project_config.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        load_config("demo")
    assert str(caught.value) == (
        "demo: 1 problem in this pipeline config\n"
        "  this is a directory; expected a YAML file\n"
        "    did you mean `demo/configs/project_config.yaml`?"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: \xff", "1:4: the byte 0xff is not UTF-8\n    save the file in the UTF-8 encoding"),
        (
            "\ufeffa: ü\nb: ".encode() + b"\xe9",
            "2:4: the byte 0xe9 is not UTF-8\n    save the file in the UTF-8 encoding",
        ),
        (
            "a: b\r\nc: é\x01".encode(),
            "2:5: the character U+0001 cannot stand in a YAML file\n"
            "    remove it, or write it as an escape in double quotes",
        ),
    ],
    ids=["byte", "byte after a byte order mark", "control character"],
)
def test_what_is_no_text_is_located(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert str(problem) == f"{path}:{expected}"


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000], ids=["NUL", "too long"])
def test_a_path_that_no_file_can_have_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read: "):
        load_config(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"data: {{seeds: [{'1,' * 21}]}}\n", "1:15: this list holds more than 20 values"),
        (f"data: {{{', '.join(f'k{i}: {i}' for i in range(21))}}}\n", "1:7: this map holds more than 20 values"),
        (f"a: &a 1\ndata: {{a: *a, seeds: [{'1,' * 21}]}}\n", "2:22: this list holds more than 20 values"),
        (f"a: &a [1]\ndata: [{'*a,' * 15}]\n", "2:7: with its aliases written out, this holds more than 20 values"),
    ],
    ids=["a list", "a map", "a list beside an alias", "aliases"],
)
def test_only_aliases_are_blamed_on_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """Of a million seeds, say."""
    monkeypatch.setattr(_composing, "MAX_WEIGHT", 20)
    monkeypatch.chdir(tmp_path)
    assert_problems(text, [expected])
