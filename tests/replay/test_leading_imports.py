"""What a script imports first is read from its text, as far as nothing before it can have an effect."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pytest_expops.replay._leading_imports import leading_imports


def read(folder: Path, **modules: str) -> list[str]:
    """What `script.py` imports first, of libraries `one`, `two` and `three`, and beside the other modules."""
    installed = folder / "env" / "site-packages"
    for name in ("one", "two", "three"):
        (installed / name).mkdir(parents=True)
        (installed / name / "__init__.py").touch()
    for name, text in modules.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    found = leading_imports(folder / "script.py", [str(folder), str(installed), *sys.path])
    return [" ".join([name, *names]) for name, names in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import one\nimport two.sub as t\nfrom three import a, b", ["one", "two.sub", "three a b"]),
        ("import math, one", ["math", "one"]),
        ("'''Words.'''\nfrom __future__ import annotations\nimport one", ["one"]),
        ("import one\nSIZE = 3\nNAMES = ['a', {'b': -1}]\nimport two", ["one", "two"]),
        ("import one\ndef f(a, b=1): return a\nimport two", ["one", "two"]),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import two\nimport one",
            ["typing TYPE_CHECKING", "one"],
        ),
        (
            "from mlops.core import process\nfrom pytest_expops.core import step\nimport one",
            ["pytest_expops.core step", "one"],
        ),
        ("import one\nimport os\nos.environ['A'] = '1'\nimport two", ["one", "os"]),
        ("import one\none.option = 1\nimport two", ["one"]),
        ("import one\nX = one.make()\nimport two", ["one"]),
        ("import one\ndef f(a=one.make()): pass\nimport two", ["one"]),
        ("import one\n@one.mark\ndef f(): pass\nimport two", ["one"]),
        ("import one\ntry:\n    import two\nexcept ImportError:\n    two = None\nimport three", ["one"]),
        ("import one\nclass A: pass\nimport two", ["one"]),
        ("import one\nimport nowhere_to_be_found\nimport two", ["one"]),
        ("import one\nthis is no Python", []),
    ],
)
def test_up_to_the_first_statement_that_may_have_an_effect(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert read(tmp_path, script=text) == expected


def test_by_way_of_modules_of_the_project(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        script="import beside\nfrom package.inner import thing\nfrom package import other\nimport three",
        beside="import one",
        **{
            "package/__init__": "from . import early",
            "package/early": "import math",
            "package/inner": "from .other import x",
            "package/other": "import two",
        },
    )
    assert found == ["one", "math", "two", "three"]


def test_an_effect_in_a_module_of_the_project_is_one_for_what_follows(tmp_path: Path) -> None:
    assert read(tmp_path, script="import one\nimport beside\nimport three", beside="import two\nprint()") == [
        "one",
        "two",
    ]


def test_a_module_of_the_project_hides_a_library(tmp_path: Path) -> None:
    assert read(tmp_path, script="import one\nimport two", one="import three") == ["three", "two"]


def test_circles_end(tmp_path: Path) -> None:
    assert read(tmp_path, script="import beside\nimport one", beside="import script\nimport two") == ["two", "one"]


def test_a_changed_script_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path / "a", script="import math") == ["math"]
    script = tmp_path / "a" / "script.py"
    script.write_text("import json, math", encoding="utf-8")
    assert [name for name, _ in leading_imports(script, sys.path)] == ["json", "math"]


def test_no_script(tmp_path: Path) -> None:
    assert leading_imports(tmp_path / "none.py", sys.path) == ()
