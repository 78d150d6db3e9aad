"""Which of a project's own code counts for a process, and what a digest of it does not mind."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_expops.execution.provenance._code_used import CodeReader, CodeUsed
from pytest_expops.execution.provenance._source_files import Sources, digest_of
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.config.loader import load_config
from tests.conftest import Project

Read = Callable[..., CodeUsed]


@pytest.fixture
def read(project: Project) -> Read:
    """Write a script (and other files), and read what its function `train` uses."""

    def _read(script: str, function: str = "train", optional: bool = False, **files: str) -> CodeUsed:
        path = project.write("train", script)
        for name, text in files.items():
            target = project.root / "models" / f"{name}.py"
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(target).write_text(textwrap.dedent(text), encoding="utf-8")
        pipeline = load_config(path)
        reader = CodeReader(Sources(ProjectCode(pipeline)))
        return reader.used_by(pipeline.processes["train"].code.script, function, optional=optional)

    return _read


def _names(used: CodeUsed) -> set[str]:
    return {key.removeprefix("models/") for key in used.digests}


SCRIPT = '''
    """About it."""
    import numpy as np
    RATE = 0.1
    OTHER = 2
    def helper(x):
        return x * RATE
    def unrelated():
        return OTHER
    def train(data):
        """What it does."""
        # and why
        return {"x": helper(np.ones(3))}
'''


def test_a_function_counts_with_what_it_uses_and_nothing_else(read: Read) -> None:
    assert _names(read(SCRIPT)) == {"model.py:train", "model.py:helper", "model.py:RATE"}


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ("", False),
        ("print()", False),
        ("if RATE:\n    def absent(): ...", True),
        ("for absent in (): ...", True),
        ("globals()['absent'] = 1", True),
        ("def make():\n    globals()['absent'] = 1\nmake()", True),
        ("def __getattr__(name): ...", True),
    ],
)
def test_a_function_that_need_not_be_there_counts_whole_only_where_it_may_be_made(
    read: Read, more: str, whole: bool
) -> None:
    script = textwrap.dedent(SCRIPT) + more
    assert "model.py:train" in _names(read(script, "absent"))
    assert ("model.py:train" in _names(read(script, "absent", optional=True))) == whole


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# and why", "# and why not"),
        ('"""What it does."""', '"""Something else."""'),
        ('return {"x": helper(np.ones(3))}', "return {'x': helper(\n            np.ones( 3 )  )}"),
        ("OTHER = 2", "OTHER = 3"),
        ('"""About it."""', ""),
    ],
)
def test_comments_docstrings_formatting_and_other_code_do_not_count(read: Read, old: str, new: str) -> None:
    assert old in SCRIPT
    assert read(SCRIPT.replace(old, new)).digests == read(SCRIPT).digests


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("np.ones(3)", "np.ones(4)", "model.py:train"),
        ("np.ones(3)", "np.ones(None)", "model.py:train"),
        ("x * RATE", "x + RATE", "model.py:helper"),
        ("RATE = 0.1", "RATE = 0.2", "model.py:RATE"),
        ("import numpy as np", "import numpy.ma as np", "model.py:train"),
    ],
)
def test_a_change_is_told_where_it_was_made(read: Read, old: str, new: str, changed: str) -> None:
    before, after = read(SCRIPT).digests, read(SCRIPT.replace(old, new)).digests
    assert {key.removeprefix("models/") for key in after if after[key] != before.get(key)} == {changed}


def test_what_runs_on_import_counts_and_what_does_not_run_does_not(read: Read) -> None:
    script = """
        from typing import TYPE_CHECKING
        import numpy as np
        if TYPE_CHECKING:
            import pandas
        np.seterr(all="raise")
        def train():
            return {}
        if __name__ == "__main__":
            train()
    """
    used = read(script)
    assert _names(used) == {"model.py", "model.py:train"}
    assert read(script.replace('"raise"', '"ignore"')).digests["models/model.py"] != used.digests["models/model.py"]
    assert read(script.replace("            train()", "            print()")).digests == used.digests
    assert read(script.replace("import pandas", "import polars")).digests == used.digests


@pytest.mark.parametrize(
    "use",
    [
        "import lib\ndef train():\n    return lib.fit(1)",
        "import lib as other\ndef train():\n    return other.fit(1)",
        "from lib import fit\ndef train():\n    return fit(1)",
        "from lib import fit as train",
        "from lib import *\ndef train():\n    return fit(1)",
        "def train():\n    from lib import fit\n    return fit(1)",
        "def train():\n    import lib\n    return lib.fit(1)",
        "try:\n    from lib import fit\nexcept ImportError:\n    fit = None\ndef train():\n    return fit(1)",
    ],
)
def test_other_files_of_the_project_are_followed_however_they_are_imported(read: Read, use: str) -> None:
    names = _names(read(use, lib="def fit(x):\n    return inner(x)\ndef inner(x):\n    return x\ndef unused(): ...\n"))
    assert {"lib.py:fit", "lib.py:inner"} <= names
    assert "lib.py:unused" not in names


def test_packages_relative_imports_and_modules_within_packages_are_followed(read: Read) -> None:
    files = {
        "pkg/__init__": "from .deep import work\nSETTING = 1\nprint('on import')\n",
        "pkg/deep": "from . import other\nfrom .other import constant\ndef work():\n    return constant, other.more()",
        "pkg/other": "constant = 3\ndef more():\n    return 1\ndef less():\n    return 0\n",
    }
    whole = {"pkg/__init__.py", "pkg/deep.py:work", "pkg/other.py:constant", "pkg/other.py:more", "model.py:train"}
    for use in ("import pkg\ndef train():\n    return pkg.work()", "import pkg.deep\ndef train(): pkg.deep.work()"):
        assert _names(read(use, **files)) == whole, use


def test_a_module_that_is_handed_on_counts_whole(read: Read) -> None:
    used = read("import lib\ndef train():\n    return run(lib)\n", lib="a = 1\ndef b(): ...\n")
    assert {"lib.py:a", "lib.py:b"} <= _names(used)


def test_where_names_are_made_at_run_time_the_whole_file_counts(read: Read) -> None:
    used = read("def one(): ...\ndef train(name):\n    return globals()[name]()\n")
    assert "model.py:one" in _names(used)


def test_functions_under_a_decorator_of_the_project_count_as_they_may_be_registered(read: Read) -> None:
    script = """
        from pytest_expops.core import process
        KNOWN = []
        def register(function):
            KNOWN.append(function)
            return function
        @register
        def trick():
            return 1
        @process()
        def train():
            return KNOWN[0]()
        @process()
        def evaluate():
            return {}
    """
    before = read(script)
    after = read(script.replace("return 1", "return 2"))
    assert before.digests["models/model.py"] != after.digests["models/model.py"]
    assert "model.py:evaluate" not in _names(before)


def test_subclasses_count_where_their_base_hears_of_them(read: Read) -> None:
    script = """
        class Base:
            known = []
            def __init_subclass__(cls):
                Base.known.append(cls)
        class One(Base):
            rate = 1
        def train():
            return Base.known
    """
    assert read(script).digests != read(script.replace("rate = 1", "rate = 2")).digests
    calm = script.replace("__init_subclass__", "other")
    assert read(calm).digests == read(calm.replace("rate = 1", "rate = 2")).digests


def test_monkeypatching_on_import_counts(read: Read) -> None:
    script = """
        class Net:
            pass
        def forward(self):
            return 1
        Net.forward = forward
        def train():
            return Net()
    """
    assert read(script).digests != read(script.replace("return 1", "return 2")).digests


def test_recursion_and_long_chains_of_calls_end(read: Read) -> None:
    chain = "\n".join(f"def f{index}():\n    return f{index + 1}()" for index in range(3000))
    used = read(f"{chain}\ndef f3000():\n    return f0()\ndef train():\n    return f0()\n")
    assert len(used.digests) == 3002


@pytest.mark.parametrize("terms", [600, 20_000])
def test_code_that_is_nested_deeply_is_told_apart_too(read: Read, terms: int) -> None:
    script = "import lib\ndef train():\n    return lib.total()\n"
    total = "def total():\n    return " + " + ".join(str(number) for number in range(terms))
    before, after = (read(script, lib=text).digests for text in (f"{total}\n", f"{total} + 1\n"))
    assert len([key for key in after if after[key] != before.get(key)]) == 1


def test_libraries_are_told_by_their_top_level_module(read: Read) -> None:
    script = "import lib\nimport os.path\nfrom sklearn.svm import SVC\ndef train():\n    import scipy.stats\n"
    used = read(script, lib="import pandas\n")
    assert {"sklearn", "pandas", "scipy", "os"} <= used.libraries
    assert "lib" not in used.libraries


def test_classes_are_told_apart_so_that_whoever_gets_an_instance_can_be_charged_with_them(read: Read) -> None:
    used = read("class Net:\n    def forward(self): ...\ndef train():\n    return Net()\n")
    assert used.classes == {("models/model.py", "Net")}


def test_digests_do_not_hang_on_the_version_of_python() -> None:
    # Versions cut f-strings and leave out what is empty differently; their syntax trees were held against each other.
    text = """
class A(B, metaclass=M):
    async def g(self, *a, k=None, **kw) -> "str":
        return f"{a!r:>{k}} {{}} {kw['x']} {k=}" + b"\\x00".decode() if a else ...
def h():
    match h:
        case {"a": [1, *rest]} if rest:
            return lambda: (yield)
        case None:
            pass
"""
    assert digest_of([ast.parse(text)]) == "7ae8baccbddf003d"


@pytest.mark.parametrize("text", ["from {0} import *\n", "from {0} import absent\n"])
def test_modules_that_import_from_each_other_are_no_endless_search(read: Read, text: str) -> None:
    script = "from one import *\nfrom two import absent\ndef train(data):\n    return absent, missing, RATE\n"
    files = {"one": f"{text.format('two')}RATE = 1\n", "two": text.format("one")}
    assert _names(read(script, **files)) == {"model.py:train", "one.py:RATE"}
