"""The house has six floors: imports go down only, and only the plugin floor knows pytest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pytest_expops"
FLOORS = ["pipeline", "values", "execution", "replay", "verdicts", "plugin"]
MODULES = sorted(PACKAGE.rglob("*.py"))


def _imports(path: Path) -> list[str]:
    """Every absolute module name that a file imports, anywhere in it; `if TYPE_CHECKING` counts too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _floor(dotted: str) -> int | None:
    parts = dotted.split(".")
    return FLOORS.index(parts[1]) if parts[0] == "pytest_expops" and len(parts) > 1 and parts[1] in FLOORS else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = _floor("pytest_expops." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    if own is None:
        return
    upward = [name for name in _imports(path) if (floor := _floor(name)) is not None and floor > own]
    assert upward == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_plugin_floor_imports_pytest(path: Path) -> None:
    if "plugin" in path.relative_to(PACKAGE).parts:
        return
    assert [name for name in _imports(path) if name.split(".")[0] in {"pytest", "_pytest", "xdist"}] == []
