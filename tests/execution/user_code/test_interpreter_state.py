"""What a call takes away from the interpreter comes back after it; what it adds stays (S2.1)."""

from __future__ import annotations

import builtins
import importlib.machinery
import json
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.user_code.interpreter_state import KeptInterpreter
from tests.conftest import Project

TAKES_AWAY = {
    "empties_the_path": "sys.path.clear()",
    "removes_from_the_path": "del sys.path[1:]",
    "reverses_the_path": "sys.path.reverse()",
    "has_no_text_on_the_path": "sys.path[:] = [None, 5, object()]",
    "has_another_path": "sys.path = sys.path[-1:]",
    "has_a_tuple_for_the_path": "sys.path = tuple(sys.path)",
    "has_no_path": "del sys.path",
    "empties_the_modules": "sys.modules.clear()",
    "has_other_modules": "sys.modules = {}",
    "hides_a_module": "sys.modules['json'] = None",
    "empties_the_finders": "sys.meta_path.clear()",
    "has_no_finders": "sys.meta_path = None",
    "empties_the_hooks": "sys.path_hooks.clear(); sys.path_importer_cache.clear()",
    "has_no_hooks": "sys.path_hooks = sys.path_importer_cache = None",
    "spoils_the_cache": "sys.path_importer_cache.update(dict.fromkeys(sys.path_importer_cache, 5))",
    "has_no_open": "builtins.open = None",
    "has_no_import": "builtins.__import__ = None",
    "has_no_functions": "builtins.len = builtins.next = builtins.vars = builtins.isinstance = builtins.getattr = None",
    "has_no_exit": "sys.exit = sys.excepthook = None; del sys.getrecursionlimit, sys.setrecursionlimit",
    "cannot_recurse": "sys.setrecursionlimit(100)",
}
ELSEWHERE = {
    "has_no_streams": "sys.stdin = sys.stdout = sys.stderr = None",
    "is_elsewhere": "os.chdir('/')",
    "has_no_variables": "os.environ.clear()",
    "has_other_variables": "os.environ = {}",
    "collects_nothing": "gc.disable()",
    "registers_nothing": "atexit.register = None",
    "has_no_arguments": "sys.argv.clear(); sys.executable = None",
}


def state() -> tuple[Any, ...]:
    lists = sys.path, sys.meta_path, sys.path_hooks
    places = *map(id, lists), id(sys.modules), id(sys.path_importer_cache)
    return (
        places,
        *([*each] for each in lists),
        dict(sys.modules),
        dict(vars(builtins)),
        sys.exit,
        sys.excepthook,
        sys.getrecursionlimit(),
    )


@pytest.fixture
def same_afterwards() -> Iterator[None]:
    """Whatever becomes of the test."""
    with KeptInterpreter():
        yield


@pytest.mark.parametrize("what", TAKES_AWAY)
def test_what_a_call_takes_away_comes_back(what: str) -> None:
    code = compile(TAKES_AWAY[what], what, "exec")
    before, path = state(), list(sys.path)
    with KeptInterpreter():
        exec(code, {"sys": sys, "builtins": builtins})
    assert state() == before
    assert sys.path == path
    assert importlib.machinery.PathFinder.find_spec("colorsys") is not None


@pytest.mark.usefixtures("same_afterwards")
def test_it_comes_back_after_an_exception_too() -> None:
    before = state()
    with pytest.raises(AttributeError), KeptInterpreter():
        del sys.path, sys.path
    assert state() == before


def test_what_a_call_adds_stays_where_it_was_put() -> None:
    """A library that it has imported for the first time, say, is not imported again."""
    path, finders, limit = list(sys.path), list(sys.meta_path), sys.getrecursionlimit()
    finder, module = type("Finder", (), {"find_spec": staticmethod(lambda *_: None)}), type(sys)("added_by_a_call")
    try:
        with KeptInterpreter():
            del sys.path[0]
            sys.path.insert(0, "/first")
            sys.path += ["/last", Path("/no/text")]  # type: ignore[list-item]
            sys.meta_path.append(finder)  # type: ignore[arg-type]
            sys.modules["added_by_a_call"] = module
            builtins.added_by_a_call = 1  # type: ignore[attr-defined]
            sys.setrecursionlimit(limit + 1000)
        assert sys.path == ["/first", *path, "/last"]
        assert sys.meta_path == [*finders, finder]
        assert sys.modules["added_by_a_call"] is module
        assert vars(builtins)["added_by_a_call"] == 1
        assert sys.getrecursionlimit() == limit + 1000
    finally:
        sys.path[:], sys.meta_path[:] = path, finders
        sys.setrecursionlimit(limit)
        sys.modules.pop("added_by_a_call", None)
        vars(builtins).pop("added_by_a_call", None)


def test_a_module_that_a_call_has_imported_anew_stays() -> None:
    """What it returns may be of a class from there."""
    try:
        with KeptInterpreter():
            del sys.modules["json"]
            import json as anew
        assert anew is not json
        assert sys.modules["json"] is anew
    finally:
        sys.modules["json"] = json


def test_neighbours_of_what_spoils_its_interpreter_pass(project: Project) -> None:
    """Each runs once, and neither it nor an innocent process is called not deterministic."""
    bodies = {**TAKES_AWAY, **ELSEWHERE}
    script = """
    import atexit, builtins, gc, os, sys
    def note(name):
        if "pytest" in sys.modules:
            with open(LOG, "a") as file:
                file.write(name + "\\n")
    """
    script = f"LOG = {str(project.root / 'runs.txt')!r}\n{textwrap.dedent(script)}"
    names = []
    for number, (name, body) in enumerate(bodies.items()):
        helper = f"helper_{number}"
        project.script("X = 1\n", path=f"models/{helper}.py")
        names += [f"innocent_{number}", name]
        script += f"def innocent_{number}(data):\n    note('innocent_{number}')\n    from {helper} import X\n"
        script += f"    return {{'x': X}}\ndef {name}(data):\n    note({name!r})\n    {body}\n    return {{'x': 1}}\n"
    script += "def last(data):\n    note('last')\n    import colorsys\n    return {'x': colorsys.rgb_to_hsv(1, 1, 1)}\n"
    names.append("last")
    project.write(f"source {' '.join(names)}", script + "def source(data):\n    note('source')\n    return {}\n")
    outcome = project.run("-n0", "--expops-replay=all", subprocess=True)
    assert outcome.items == dict.fromkeys(["source", *names], "passed") | {
        f"{name}[replay]": "passed" for name in ("source", *names)
    }
    runs = Counter((project.root / "runs.txt").read_text(encoding="utf-8").split())
    assert runs == dict.fromkeys(["source", *names], 1)
    assert os.getcwd() == str(project.root)
