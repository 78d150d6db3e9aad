"""The user's own packages that do not lie beside the script count as code, however they come on the import path."""

from __future__ import annotations

import json
import site
import sys
import textwrap
import types
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.provenance._code_used import CodeReader, CodeUsed
from pytest_expops.execution.provenance._distributions import distribution_of, is_without_file, source_folder
from pytest_expops.execution.provenance._source_files import Sources
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.config.loader import load_config
from tests.conftest import Project

SCRIPT = "from shop.train import fit\ndef train():\n    return fit()\n"
PACKAGE = {
    "shop/__init__.py": "",
    "shop/train.py": "import scipy.stats\nfrom .numbers import RATE\ndef fit():\n    return RATE\ndef other(): ...\n",
    "shop/numbers.py": "import sklearn\nRATE = 1\n",
}


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    path, finders = list(sys.path), list(sys.meta_path)
    distribution_of.cache_clear()
    source_folder.cache_clear()
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    sys.path_importer_cache.clear()
    distribution_of.cache_clear()
    source_folder.cache_clear()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def installed(site_packages: Path, name: str, url: dict[str, Any] | None) -> None:
    """Write down a distribution as pip does; `url` is where it was installed from, if not from an index."""
    files = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n", "top_level.txt": f"{name}\n"}
    if url is not None:
        files["direct_url.json"] = json.dumps(url)
    write(site_packages / f"{name}-0.1.dist-info", files)


@pytest.fixture
def read(project: Project) -> Callable[..., CodeUsed]:
    def _read(script: str = SCRIPT, *, modules: tuple[str, ...] = (), **keywords: Any) -> CodeUsed:
        pipeline = load_config(project.write("train", script, **keywords))
        reader = CodeReader(Sources(ProjectCode(pipeline)))
        return reader.used_by(pipeline.processes["train"].code.script, "train", modules=modules)

    return _read


Read = Callable[..., CodeUsed]

OWN = {"src/shop/__init__.py", "src/shop/train.py:fit", "src/shop/numbers.py:RATE", "models/model.py:train"}


def _names(used: CodeUsed) -> set[str]:
    return set(used.digests)


def by_pth(root: Path) -> None:
    """As setuptools, Hatch and Poetry install what is editable."""
    write(root / "venv/site-packages", {"shop.pth": f"{root / 'src'}\n"})
    installed(root / "venv/site-packages", "shop", {"url": (root).as_uri(), "dir_info": {"editable": True}})
    site.addsitedir(str(root / "venv/site-packages"))


def by_finder(root: Path) -> None:
    """As setuptools installs what is editable and lies in odd places."""

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> Any:
            file = root / "src/shop/__init__.py"
            if name != "shop":
                return None
            return importlib_util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])

    import importlib.util as importlib_util

    sys.meta_path.append(Finder)  # type: ignore[arg-type]


def by_path(root: Path) -> None:
    """As pytest's `pythonpath` does, a `conftest.py`, and `PYTHONPATH`."""
    sys.path.append(str(root / "src"))


@pytest.mark.parametrize("way", [by_pth, by_finder, by_path])
def test_a_package_under_src_is_followed_function_by_function(
    read: Read, project: Project, way: Callable[[Path], None]
) -> None:
    write(project.root / "src", PACKAGE)
    way(project.root)
    before = read()
    assert {each for each in _names(before) if each != "src/shop/__init__.py"} == OWN - {"src/shop/__init__.py"}
    assert {"sklearn", "scipy"} <= before.libraries
    assert "shop" not in before.libraries
    # What it uses counts, and tells where it changed ...
    write(project.root / "src", {"shop/numbers.py": "import sklearn\nRATE = 2\n"})
    after = read()
    assert [key for key in after.digests if after.digests[key] != before.digests[key]] == ["src/shop/numbers.py:RATE"]
    # ... and what it does not use does not.
    other = PACKAGE["shop/train.py"].replace("def other(): ...", "def other():\n    return 3")
    write(project.root / "src", {"shop/train.py": other})
    assert read().digests == after.digests


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("def train():\n    from shop.train import fit\n    return fit()\n", "src/shop/train.py:fit"),
        (
            "import importlib\ndef train():\n    return importlib.import_module('shop.train').fit()\n",
            "src/shop/train.py:fit",
        ),
        ("def train():\n    return __import__('shop.numbers')\n", "src/shop/numbers.py:RATE"),
    ],
)
def test_what_is_imported_within_the_function_counts(read: Read, project: Project, script: str, expected: str) -> None:
    write(project.root / "src", PACKAGE)
    by_path(project.root)
    assert expected in _names(read(script))


def test_a_module_that_was_seen_to_be_imported_counts_whole_and_others_do_not(read: Read, project: Project) -> None:
    write(project.root / "src", PACKAGE)
    by_path(project.root)
    script = "import importlib\ndef train(name):\n    return importlib.import_module(name)\n"
    assert not {each for each in _names(read(script)) if each.startswith("src/")}
    seen = read(script, modules=("shop.numbers", "json", "gone.away"))
    assert {each for each in _names(seen) if each.startswith("src/")} == {"src/shop/numbers.py:RATE"}
    assert "sklearn" in seen.libraries
    # What the text leads to counts by name, seen or not.
    assert read(modules=("shop.train", "shop.numbers")).digests == read().digests


def test_a_package_beside_the_pipelines_folder_is_called_by_its_place_in_the_repository(
    read: Read, project: Project
) -> None:
    write(project.root, {"pyproject.toml": ""})
    write(project.root / "src", PACKAGE)
    by_path(project.root)
    names = _names(read(folder="pipelines/one"))
    assert {"src/shop/train.py:fit", "src/shop/numbers.py:RATE"} <= names


def test_a_package_of_another_repository_is_called_as_it_is_imported(
    read: Read, project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = write(tmp_path_factory.mktemp("other"), PACKAGE)
    sys.path.append(str(other))
    assert {"shop/train.py:fit", "shop/numbers.py:RATE"} <= _names(read())


def test_a_copy_that_was_installed_from_a_folder_is_the_users_too(read: Read, project: Project) -> None:
    write(project.root / "src", PACKAGE)
    libraries = write(project.root / "venv/site-packages", PACKAGE)
    installed(libraries, "shop", {"url": project.root.as_uri(), "dir_info": {}})
    sys.path.append(str(libraries))
    before = read()
    assert {"src/shop/train.py:fit", "src/shop/numbers.py:RATE"} <= _names(before)
    # It is the copy that runs.
    write(project.root / "src", {"shop/numbers.py": "RATE = 2\n"})
    assert read().digests == before.digests
    write(libraries, {"shop/numbers.py": "RATE = 3\n"})
    assert read().digests != before.digests


@pytest.mark.parametrize(
    "url",
    [
        None,
        {"url": "https://example.org/shop.git", "vcs_info": {"vcs": "git"}},
        {"url": "file:///home/conda/feedstock_root/build_artifacts/shop/work", "dir_info": {}},
        {"url": "file:///tmp/shop-0.1-py3-none-any.whl", "archive_info": {}},
        {"odd": 1},
    ],
)
def test_what_is_installed_from_elsewhere_is_a_library(read: Read, project: Project, url: dict[str, Any]) -> None:
    libraries = write(project.root / "venv/site-packages", PACKAGE)
    installed(libraries, "shop", url)
    sys.path.append(str(libraries))
    used = read()
    assert _names(used) == {"models/model.py:train"}
    assert "shop" in used.libraries


def test_this_package_is_no_code_of_the_user_however_it_is_installed(read: Read) -> None:
    imports = "import expops.core\nfrom pytest_expops.core import log_metric, process\n"
    assert _names(read(f"{imports}@process()\ndef train(): log_metric()\n")) == {"models/model.py:train"}


def test_packages_without_a_file_of_their_own_are_followed(read: Read, project: Project) -> None:
    write(project.root / "src", {"space/shop/train.py": "def fit():\n    return 1\n"})
    by_path(project.root)
    used = read("import space.shop.train\ndef train():\n    return space.shop.train.fit()\n")
    assert "src/space/shop/train.py:fit" in _names(used)
    assert "space" not in used.libraries


def test_compiled_modules_and_archives_count_by_their_bytes(read: Read, project: Project) -> None:
    source = write(project.root / "src", {**PACKAGE, "shop/train.py": "from . import fast\nfrom packed import fit\n"})
    binary = source / f"shop/fast{EXTENSION_SUFFIXES[0]}"
    binary.write_bytes(b"\x7fELF1")
    with zipfile.ZipFile(source / "packed.zip", "w") as archive:
        archive.writestr("packed/__init__.py", "def fit(): ...\n")
    sys.path += [str(source), str(source / "packed.zip")]
    before = read().digests
    assert {"src/shop/fast (compiled)", "src/packed.zip"} <= set(before)
    binary.write_bytes(b"\x7fELF2")
    after = read().digests
    assert [key for key in after if after[key] != before[key]] == ["src/shop/fast (compiled)"]


def test_modules_that_are_made_up_or_broken_do_no_harm(read: Read, project: Project) -> None:
    write(project.root / "src", {"broken.py": "def fit(:\n"})
    by_path(project.root)
    sys.modules["made_up"] = types.ModuleType("made_up")
    try:
        used = read(
            "import made_up, broken, nowhere, json, numpy, expops\ndef train():\n    return made_up.x, broken\n"
        )
        found = {name for name in used.libraries if is_without_file(name)}
    finally:
        del sys.modules["made_up"]
    assert _names(used) == {"models/model.py:train", "src/broken.py"}
    # Of what is in no file nothing can be recorded; of what is not there, or is installed, nothing need be.
    assert found == {"made_up"}
