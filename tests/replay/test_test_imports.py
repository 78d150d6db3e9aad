"""What conftest files and a test file import first is read as pytest imports them, hooks between them included."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pytest_expops.replay._test_imports import imports_of_tests


def read(folder: Path, *names: str, **files: str) -> list[str]:
    """What the files `names` import first, of libraries `one`, `two` and `three`, and beside the other modules."""
    installed = folder / "env" / "site-packages"
    for name in ("one", "two", "three"):
        (installed / name).mkdir(parents=True)
        (installed / name / "__init__.py").touch()
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    chosen = [str(folder / f"{name}.py") for name in names]
    found = imports_of_tests(chosen, [str(folder), str(installed), *sys.path], ["pytest", "two"])
    return [" ".join([name, *taken]) for name, taken in found]


@pytest.mark.parametrize(
    ("conftest", "expected"),
    [
        ("import one", ["one", "three"]),
        ("import one\nimport pytest\n@pytest.fixture\ndef f(): pass", ["one", "three"]),
        ("import one\nimport pytest\n@pytest.fixture(scope='session', autouse=True)\ndef f(): pass", ["one", "three"]),
        ("import one\nimport pytest\npytestmark = [pytest.mark.slow, pytest.mark.timeout(3)]", ["one", "three"]),
        ("import one\ndef pytest_addoption(parser): pass", ["one", "three"]),
        ("import one\ndef pytest_runtest_setup(item): pass", ["one", "three"]),
        ("import math, two, one", ["one", "three"]),
        ("import one\ndef pytest_configure(config): pass", ["one"]),
        ("import one\ndef pytest_collect_file(file_path): pass", ["one"]),
        ("import one, pytest\n@pytest.fixture(params=one.all())\ndef f(): pass", ["one"]),
        ("import one\n@one.mark\ndef f(): pass", ["one"]),
        ("import one, os\nos.environ['A'] = '1'", ["one"]),
        ("import one, pytest\npytest.register_assert_rewrite('three')", ["one"]),
        ("import one\npytest_plugins = 'beside'", ["one", "three sub", "three"]),
        ("import one\npytest_plugins = ['beside', 'three.plugin']", ["one", "three sub"]),
    ],
)
def test_up_to_the_first_effect_that_the_test_file_may_meet(tmp_path: Path, conftest: str, expected: list[str]) -> None:
    beside = "import pytest\nfrom three import sub\n@pytest.fixture\ndef g(): pass"
    found = read(tmp_path, "conftest", "test_it", conftest=conftest, test_it="import three", beside=beside)
    assert found == expected


def test_files_in_packages_import_each_other(tmp_path: Path) -> None:
    files = {
        "tests/__init__": "",
        "tests/conftest": "from .helper import value",
        "tests/helper": "import one",
        "tests/unit/__init__": "import three",
        "tests/unit/test_it": "from tests.helper import value\nfrom ..other import this",
        "tests/other": "import one.part",
    }
    assert read(tmp_path, "tests/conftest", "tests/unit/test_it", **files) == ["one", "three", "one.part"]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    assert read(tmp_path, "conftest", "test_it", conftest="import one") == []
