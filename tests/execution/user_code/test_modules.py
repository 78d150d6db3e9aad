"""`code_function: MODULE:NAME` in ordinary packages, and scripts that are part of a package (S1.2)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.conftest import Project

HELPERS = "def double(x):\n    return 2 * x\n"
TRAIN = "from .helpers import double\n\n\ndef fit():\n    return {'weight': double(21)}\n"
HASH_ORDER = "from .helpers import double\n\n\ndef fit():\n    return {'names': list(map(double, {*'abcdefgh'}))}\n"


@pytest.fixture(autouse=True)
def path() -> Iterator[None]:
    before = [*sys.path]
    yield
    sys.path[:] = before


def write(
    project: Project,
    function: str,
    *,
    key: str = "code_function",
    folder: str = "src",
    train: str = TRAIN,
    names: Sequence[str] = ("p",),
) -> None:
    """A config without a script, whose processes `names` are `function`, and the package `shop` in `folder`."""
    body: dict[str, Any] = {name: {key: function} for name in names}
    project.write("\n".join(names), "", body)
    config = project.root / project.config
    config.write_text(config.read_text().replace("    custom_script_path: models/model.py\n", ""))
    for name, text in {"__init__": "", "helpers": HELPERS, "train": train}.items():
        project.script(text, path=f"{folder}/shop/{name}.py")


@pytest.mark.parametrize("folder", [".", "src"])
@pytest.mark.parametrize("key", ["code_function", "code"])
def test_a_module_is_found_in_the_root_and_in_src(project: Project, folder: str, key: str) -> None:
    write(project, "shop.train:fit", key=key, folder=folder)
    result = project.run("--expops-replay=all")
    assert result.items == {"p": "passed", "p[replay]": "passed"}


def test_a_module_is_found_where_pytests_pythonpath_says(project: Project) -> None:
    write(project, "shop.train:fit", folder="lib/python", train=HASH_ORDER)
    project.pytester.makeini("[pytest]\npythonpath = lib/python\n")
    result = project.run("--expops-replay=all", subprocess=True)
    assert result.items == {"p": "passed", "p[replay]": "failed"}


def test_a_module_may_be_installed(project: Project) -> None:
    write(project, "platform:uname_as_dict")
    assert "module `platform`" in project.run().text
    write(project, "json.decoder:scanstring")
    assert "parameters" in project.run().text


PLANTED = {
    "a set": (HASH_ORDER, "the hash seed"),
    "a draw": ("import random\n\n\n\ndef fit(): return {'w': random.Random().random()}\n", "randomness"),
    "a draw on import": ("import random\n\n\n\nW = random.random()\ndef fit(): return {'w': W}\n", "drawn on import"),
    "a clock": ("import time\n\n\n\ndef fit(): return {'w': time.time()}\n", "the clock"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_difference_in_a_module_is_found_with_its_line(project: Project, planted: str) -> None:
    train, cause = PLANTED[planted]
    write(project, "shop.train:fit", train=train)
    result = project.run("--expops-replay=all", diagnose=True)
    assert result.items == {"p": "passed", "p[replay]": "failed"}
    assert cause in result.message("p[replay]")
    assert "at src/shop/train.py:5: " in result.message("p[replay]").partition("\n")[0]
    assert "where:  src/shop/train.py:5 in " in result.message("p[replay]")


def test_a_counter_in_a_module_is_found_with_its_line(project: Project) -> None:
    counter = "SEEN = []\n\n\ndef fit():\n    SEEN.append(1)\n    return {'n': len(SEEN)}\n"
    write(project, "shop.train:fit", train=counter, names=("p", "q"))
    result = project.run("--expops-replay=all", diagnose=True)
    (replay,) = result.where("failed")
    assert f"left by `{'p' if replay == 'q[replay]' else 'q'}`" in result.message(replay)
    assert "where:  src/shop/train.py:5 in fit, variable SEEN differs first" in result.message(replay)


def test_what_a_module_uses_is_its_code_in_the_baseline(project: Project) -> None:
    write(project, "shop.train:fit")
    assert project.run("--expops-baseline=new", subprocess=True).ret == 0
    lock = next(project.root.glob("configs/*lock.json")).read_text()
    assert "src/shop/helpers.py:double" in lock
    assert "src/shop/train.py:fit" in lock
    project.script(HELPERS.replace("2", "3"), path="src/shop/helpers.py")
    result = project.run("--expops-baseline=check", subprocess=True)
    assert "the code of `double` in src/shop/helpers.py (used by `fit`) changed" in result.message("p[baseline]")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            "shop.trian:fit",
            ["there is no module `shop.trian`", "did you mean `shop.train:fit`?", "/src", "`pythonpath`"],
        ),
        ("shpo.train:fit", ["there is no module `shpo`", "did you mean `shop.train:fit`?"]),
        ("shop.train:fitt", ["src/shop/train.py) has no function called `fitt`", "did you mean `fit`?"]),
        ("shop:train", ["has no function called `train`"]),
    ],
)
def test_what_is_not_there_is_an_error_at_its_place(project: Project, function: str, expected: list[str]) -> None:
    write(project, function)
    text = project.run().text
    assert "project_config.yaml:10:24: process `p`: " in text
    for each in expected:
        assert each in text


def test_a_module_that_raises_on_import_is_an_error_with_its_traceback(project: Project) -> None:
    write(project, "shop.train:fit", train="import nothing_of_this_name\n")
    text = project.run().text
    assert "project_config.yaml:10:24: module `shop.train` (" in text
    assert "raised ModuleNotFoundError on import" in text
    assert "import nothing_of_this_name" in text


@pytest.mark.parametrize("script", ["shop/train.py", "src/shop/train.py"])
def test_a_script_of_a_package_has_relative_imports(project: Project, script: str) -> None:
    project.write("fit", TRAIN, script_path=script)
    for name, text in {"__init__": "", "helpers": HELPERS}.items():
        project.script(text, path=script.replace("train", name))
    result = project.run("--expops-replay=all")
    assert result.items == {"fit": "passed", "fit[replay]": "passed"}


def test_a_script_that_is_part_of_no_package_is_told_what_to_write(project: Project) -> None:
    project.write("fit", TRAIN, script_path="shop/train.py")
    project.script(HELPERS, path="shop/helpers.py")
    text = project.run().text
    assert "has no `__init__.py`" in text
    assert "`shop.train:FUNCTION`" in text
    # which is true
    write(project, "shop.train:fit", folder=".")
    (project.root / "shop/__init__.py").unlink()
    assert project.run().items == {"p": "passed"}


def test_advice_on_relative_imports_is_not_given_on_other_errors(project: Project) -> None:
    project.write("fit", "from helpers import nothing\n", script_path="shop/train.py")
    project.script(HELPERS, path="shop/helpers.py")
    assert "__init__" not in project.run().text


def test_child_processes_find_a_script_of_a_package(project: Project) -> None:
    script = """
        from multiprocessing import get_context

        from .helpers import double

        def one(x):
            return double(x)

        def fit():
            with get_context("spawn").Pool(1) as pool:
                return {"weights": pool.map(one, [1, 2])}
    """
    project.write("fit", script, script_path="shop/train.py")
    for name, text in {"__init__": "", "helpers": HELPERS}.items():
        project.script(text, path=f"shop/{name}.py")
    assert project.run().items == {"fit": "passed"}
