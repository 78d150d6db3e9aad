"""The hook around first imports: it is there when the module is, and nobody else notices."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from pytest_expops.execution.seeding.import_hook import ImportHook, loaded_module

HOOKED = frozenset({"hooked_package", "hooked_package.part", "hooked_zip"})


class Imports:
    """What the hook saw, in order; `present` is whether the module had run by then."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.hook = ImportHook(HOOKED, self.around)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        self.seen.append(f"before {name}: {getattr(sys.modules[name], 'value', None)}")
        try:
            yield
        finally:
            self.seen.append(f"after {name}: {getattr(sys.modules[name], 'value', None)}")


BOTH = ["before hooked_package: None", "after hooked_package: 1"]


@pytest.fixture
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Imports]:
    """The hook, installed, and packages for it to find."""
    package = tmp_path / "hooked_package"
    package.mkdir()
    (package / "__init__.py").write_text("value = 1\n", encoding="utf-8")
    (package / "part.py").write_text("value = 2\n", encoding="utf-8")
    (package / "data.txt").write_text("text", encoding="utf-8")
    (tmp_path / "other_module.py").write_text("import hooked_package.part\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("hooked_zip.py", "value = 3\n")
        archive.writestr("other_zip.py", "value = 4\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "archive.zip"))
    imports = Imports()
    finders = list(sys.meta_path)
    imports.hook.install()
    yield imports
    imports.hook.remove()
    for name in [*HOOKED, "other_module", "other_zip"]:
        sys.modules.pop(name, None)
    assert sys.meta_path == finders


def test_it_runs_around_the_first_import_only(imports: Imports) -> None:
    for _ in range(2):
        importlib.import_module("hooked_package")
    assert imports.seen == BOTH


def test_it_runs_when_another_module_imports_it(imports: Imports) -> None:
    importlib.import_module("other_module")
    assert imports.seen == [*BOTH, "before hooked_package.part: None", "after hooked_package.part: 2"]


def test_two_hooks_run_around_one_import(imports: Imports) -> None:
    seen: list[str] = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        seen.append(f"before {name}")
        yield
        seen.append(f"after {name}")

    later = ImportHook(HOOKED, around)
    later.install()
    try:
        module = importlib.import_module("hooked_package")
    finally:
        later.remove()
    assert (imports.seen, seen) == (BOTH, ["before hooked_package", "after hooked_package"])
    assert type(module.__loader__) is type(module.__spec__.loader) is SourceFileLoader


def test_it_does_not_run_once_removed(imports: Imports) -> None:
    imports.hook.remove()
    importlib.import_module("hooked_package")
    assert imports.seen == []


def test_removing_it_twice_or_from_another_place_is_fine(imports: Imports) -> None:
    sys.meta_path.append(sys.meta_path.pop(0))
    imports.hook.remove()
    imports.hook.remove()
    assert imports.hook not in sys.meta_path


def test_the_module_remembers_its_own_loader(imports: Imports) -> None:
    module = importlib.import_module("hooked_package")
    assert module.__spec__ is not None
    assert type(module.__spec__.loader) is SourceFileLoader
    assert module.__loader__ is module.__spec__.loader
    assert importlib.resources.files("hooked_package").joinpath("data.txt").read_text(encoding="utf-8") == "text"
    assert importlib.reload(module) is module


def test_looking_for_a_module_does_not_import_it(imports: Imports) -> None:
    spec = importlib.util.find_spec("hooked_package")
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith("__init__.py")
    assert spec.loader is not None
    assert spec.loader.get_filename() == spec.origin  # type: ignore[attr-defined]
    assert ("hooked_package" in sys.modules, imports.seen) == (False, [])
    assert importlib.util.find_spec("hooked_package_that_is_not") is None


def test_a_module_that_is_not_installed_is_not_found(imports: Imports) -> None:
    hook = ImportHook(frozenset({"module_that_is_not"}), imports.around)
    hook.install()
    try:
        with pytest.raises(ModuleNotFoundError, match="No module named 'module_that_is_not'"):
            importlib.import_module("module_that_is_not")
    finally:
        hook.remove()
    assert imports.seen == []


def test_a_loader_that_serves_many_modules_is_only_wrapped_for_one(imports: Imports) -> None:
    assert importlib.import_module("other_zip").value == 4
    assert importlib.import_module("hooked_zip").value == 3
    assert imports.seen == ["before hooked_zip: None", "after hooked_zip: 3"]


def _lazily(name: str) -> object:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_a_lazy_module_is_seen_when_it_is_first_used(imports: Imports) -> None:
    module = _lazily("hooked_package")
    assert (imports.seen, loaded_module("hooked_package")) == ([], None)
    assert module.value == 1  # type: ignore[attr-defined]
    assert imports.seen == BOTH
    assert loaded_module("hooked_package") is module


def test_a_module_made_lazy_before_is_seen_when_it_is_first_used(imports: Imports) -> None:
    imports.hook.remove()
    module = _lazily("hooked_package")
    imports.hook.install()
    assert (imports.seen, loaded_module("hooked_package")) == ([], None)
    assert module.value == 1  # type: ignore[attr-defined]
    assert imports.seen == BOTH


def test_a_failed_import_can_be_tried_again(imports: Imports, tmp_path: Path) -> None:
    script = tmp_path / "hooked_package" / "__init__.py"
    script.write_text("raise ImportError('not today')\n", encoding="utf-8")
    with pytest.raises(ImportError, match="not today"):
        importlib.import_module("hooked_package")
    assert imports.seen == ["before hooked_package: None", "after hooked_package: None"]
    assert "hooked_package" not in sys.modules
    script.write_text("value = 1  # at last\n", encoding="utf-8")
    importlib.import_module("hooked_package")
    assert imports.seen[2:] == BOTH


def test_threads_that_import_at_once_get_the_finished_module(imports: Imports) -> None:
    values: list[int] = []
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        values.append(importlib.import_module("hooked_package.part").value)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert values == [2] * 8
    assert imports.seen == [*BOTH, "before hooked_package.part: None", "after hooked_package.part: 2"]


def test_distributions_are_still_found(imports: Imports) -> None:
    assert importlib.metadata.version("pytest") == pytest.__version__
    importlib.invalidate_caches()
