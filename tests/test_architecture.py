"""The floors of the package: imports go down only and never in a circle, and only the plugin knows pytest."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pytest_expops"
NAME = PACKAGE.name

FLOORS = {
    "bounds": 0,
    "errors": 0,
    "unpatched": 0,
    "urls": 0,
    "wording": 0,
    "pipeline": 1,
    "values": 2,
    "execution": 3,
    "core": 4,
    "reporting": 4,
    "replay": 4,
    "strategies": 4,
    "verdicts": 5,
    "laws": 6,
    "report": 6,
    "reproducible": 6,
    "stability": 6,
    "plugin": 7,
    "__main__": 7,
}
"""What stands at the top of the package, from the ground up. What stands on one floor may not import its neighbour."""

PUBLIC = {f"{NAME}.plugin.hooks"}
"""Modules that nothing outside their folder imports, and that are named elsewhere: pytest's entry point."""


class House:
    """The modules of a package, by dotted name, and what each of them imports of the package."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.files = {self._dotted(path): path for path in sorted(package.rglob("*.py"))}
        self.imports = {name: set(self._imports(name, path)) for name, path in self.files.items()}

    def _dotted(self, path: Path) -> str:
        return ".".join(path.relative_to(self.package.parent).with_suffix("").parts).removesuffix(".__init__")

    def _imports(self, own: str, path: Path) -> Iterator[str]:
        """Everything that a file imports, anywhere in it: in functions, under `TYPE_CHECKING`, by `importlib`."""
        for mentioned in _mentioned(path):
            for name in self._resolved(mentioned):
                if name != own:
                    yield name

    def _resolved(self, mentioned: str) -> Iterator[str]:
        """The modules that a mention names: itself, what it is an attribute of, or all that its ``*`` stands for."""
        if "*" in mentioned:
            pattern = re.compile(re.escape(mentioned).replace(r"\*", r"\w+"))
            yield from (name for name in self.files if pattern.fullmatch(name))
            return
        while mentioned:
            if mentioned in self.files:
                yield mentioned
                return
            mentioned = mentioned.rpartition(".")[0]

    def circles(self) -> list[set[str]]:
        """The groups of modules of which each can be reached from each, so that none can be understood alone."""
        reached = {name: self._reachable(name) for name in self.files}
        found = [{other for other in reached[name] if name in reached[other]} for name in self.files]
        return [circle for number, circle in enumerate(found) if circle and circle not in found[:number]]

    def _reachable(self, name: str) -> set[str]:
        seen: set[str] = set()
        waiting = [*self.imports[name]]
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen.add(each)
                waiting += self.imports[each]
        return seen

    def floorless(self, floors: Mapping[str, int]) -> set[str]:
        """What stands at the top of the package and has no floor."""
        tops = {name.split(".")[1] for name in self.files if "." in name}
        return tops - {*floors}

    def upward(self, floors: Mapping[str, int]) -> list[tuple[str, str]]:
        """The imports that go up, or to a neighbour on the same floor."""
        return [
            (name, other)
            for name, others in self.imports.items()
            for other in others
            if "." in name and "." in other and name.split(".")[1] != other.split(".")[1]
            if floors.get(other.split(".")[1], -1) >= floors.get(name.split(".")[1], 99)
        ]

    def unlike_their_use(self, public: set[str]) -> dict[str, str]:
        """Modules whose name does not tell who uses them, and what is wrong with each."""
        users: dict[str, set[str]] = {name: set() for name in self.files}
        for name, others in self.imports.items():
            for other in others:
                users[other].add(name)
        wrong = {}
        for name, path in self.files.items():
            folder, stem = path.parent, path.stem
            if stem == "__init__" or folder == self.package or name in public:
                continue
            outside = sorted(user for user in users[name] if self.files[user].parent != folder)
            if stem.startswith("_") and outside:
                wrong[name] = f"is private to its folder, and {outside[0]} imports it"
            elif not stem.startswith("_") and not outside:
                wrong[name] = "is used by nothing outside its folder: an underscore should begin its name"
        return wrong

    def classes_of_one_name(self) -> dict[str, set[str]]:
        """The classes that several modules define, by name, with these modules."""
        found: dict[str, set[str]] = {}
        for name, path in self.files.items():
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, set()).add(name)
        return {name: modules for name, modules in found.items() if len(modules) > 1}


def _mentioned(path: Path) -> Iterator[str]:
    """Absolute dotted names of what a file imports; of a name that is made at run time, ``*`` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Names that are looked up later (`importlib.import_module(_BUILT_IN[name])`), and code that a child runs.
            if node.value.startswith(("from ", "import ")) or node.value in _names(path):
                yield from re.findall(rf"\b{NAME}(?:\.\w+)+", node.value)
        elif isinstance(node, ast.JoinedStr):
            made = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
            yield from (made,) if made.startswith(f"{NAME}.") else ()


@functools.cache
def _modules(package: Path) -> frozenset[str]:
    files = package.rglob("*.py")
    return frozenset(".".join(path.relative_to(package.parent).with_suffix("").parts) for path in files)


def _names(path: Path) -> frozenset[str]:
    """The dotted names of the modules of the package that a file is in."""
    return _modules(next(parent for parent in path.parents if parent.name == NAME))


@pytest.fixture(scope="module")
def house() -> House:
    return House(PACKAGE)


def test_there_are_no_circles(house: House) -> None:
    assert house.circles() == []


def test_imports_go_down_only(house: House) -> None:
    assert house.upward(FLOORS) == []


def test_everything_at_the_top_has_a_floor(house: House) -> None:
    assert house.floorless(FLOORS) == set()


def test_what_only_its_folder_uses_looks_private(house: House) -> None:
    assert house.unlike_their_use(PUBLIC) == {}


def test_one_class_name_is_one_thing(house: House) -> None:
    assert house.classes_of_one_name() == {}


def test_only_the_plugin_floor_imports_pytest(house: House) -> None:
    foreign = {
        name: {each for each in _mentioned(path) if each.split(".")[0] in {"pytest", "_pytest", "xdist"}}
        for name, path in house.files.items()
        if not name.startswith(f"{NAME}.plugin")
    }
    assert {name: found for name, found in foreign.items() if found} == {}


class Planted:
    """A copy of nothing: a small package of the same name, in which defects are planted."""

    def __init__(self, root: Path) -> None:
        self.package = root / NAME
        self.package.mkdir()
        self.add("__init__")
        self.add("errors")
        self.add("pipeline/__init__")
        self.add("pipeline/model", f"import {NAME}.errors")
        self.add("execution/__init__")
        self.add("execution/runner", f"from {NAME}.pipeline.model import Process")

    def add(self, name: str, text: str = "") -> None:
        path = self.package / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def house(self) -> House:
        return House(self.package)


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def test_a_sound_house_passes(planted: Planted) -> None:
    planted.add("execution/session", f"from {NAME}.execution import runner")
    house = planted.house()
    assert house.circles() == []
    assert house.upward(FLOORS) == []
    assert house.floorless(FLOORS) == set()


@pytest.mark.parametrize(
    "back",
    [
        f"from {NAME}.execution.session import Session",
        f"import {NAME}.execution.session",
        f"def later():\n    from {NAME}.execution import session",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {NAME}.execution.session import Session",
        f"import importlib\nimportlib.import_module('{NAME}.execution.session')",
        f"import importlib\nimportlib.import_module(f'{NAME}.execution.{{name}}')",
        f"HOME = {{'session': '{NAME}.execution.session'}}",
    ],
)
def test_a_planted_circle_is_found(planted: Planted, back: str) -> None:
    planted.add("execution/session", f"from {NAME}.execution import runner")
    planted.add("execution/runner", back)
    assert planted.house().circles() == [{f"{NAME}.execution.runner", f"{NAME}.execution.session"}]


def test_a_circle_through_a_third_module_is_found_whole(planted: Planted) -> None:
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        planted.add(f"execution/{name}", f"from {NAME}.execution import {other}")
    assert planted.house().circles() == [{f"{NAME}.execution.{name}" for name in ("one", "two", "three")}]


def test_a_docstring_that_mentions_a_module_is_no_import(planted: Planted) -> None:
    planted.add("execution/session", f"from {NAME}.execution import runner")
    planted.add("execution/runner", f'"""What `{NAME}.execution.session` runs."""')
    assert planted.house().circles() == []


@pytest.mark.parametrize(
    "upward", [f"import {NAME}.execution.runner", f"def f():\n    from {NAME}.execution.runner import run"]
)
def test_a_planted_arrow_upward_is_found(planted: Planted, upward: str) -> None:
    planted.add("pipeline/model", upward)
    assert planted.house().upward(FLOORS) == [(f"{NAME}.pipeline.model", f"{NAME}.execution.runner")]


def test_an_arrow_to_a_neighbour_on_the_same_floor_is_found(planted: Planted) -> None:
    planted.add("core", f"import {NAME}.reporting")
    planted.add("reporting")
    assert planted.house().upward(FLOORS) == [(f"{NAME}.core", f"{NAME}.reporting")]


@pytest.mark.parametrize("name", ["helpers", "helpers/__init__"])
def test_a_planted_module_without_a_floor_is_found(planted: Planted, name: str) -> None:
    planted.add(name)
    assert planted.house().floorless(FLOORS) == {"helpers"}


def test_a_module_whose_name_hides_or_boasts_is_found(planted: Planted) -> None:
    planted.add("pipeline/_graph")
    planted.add("pipeline/layering")
    planted.add("execution/runner", f"from {NAME}.pipeline import _graph, model")
    wrong = planted.house().unlike_their_use({f"{NAME}.execution.runner"})
    assert wrong == {
        f"{NAME}.pipeline._graph": f"is private to its folder, and {NAME}.execution.runner imports it",
        f"{NAME}.pipeline.layering": "is used by nothing outside its folder: an underscore should begin its name",
    }


def test_a_class_name_of_two_things_is_found(planted: Planted) -> None:
    planted.add("pipeline/graph", "class Run: ...\nclass Edge: ...")
    planted.add("execution/runner", "class Run: ...")
    assert planted.house().classes_of_one_name() == {"Run": {f"{NAME}.pipeline.graph", f"{NAME}.execution.runner"}}
