"""Script files become functions, each project in a world of its own (S2.1)."""

from __future__ import annotations

import dataclasses
import os
import pickle
import random
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_expops import core, reporting
from pytest_expops.errors import ScriptError
from pytest_expops.execution.calls.functions import CallStyle, find_function
from pytest_expops.execution.user_code.scripts import ProjectCode
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.model import Pipeline

CONFIG = """
model:
  parameters:
    custom_script_path: models/model.py
    pipeline:
      process_adjlist: |
        p
      processes:
        - name: p
"""


def pipeline(root: Path, script: str, **others: str) -> Pipeline:
    """A project with one process `p`; `others` are further modules beside the script."""
    for folder in ("configs", "models"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "configs/project_config.yaml").write_text(CONFIG, encoding="utf-8")
    (root / "models/model.py").write_text(textwrap.dedent(script), encoding="utf-8")
    for name, text in others.items():
        (root / f"models/{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return load_config(root / "configs/project_config.yaml")


@pytest.fixture(autouse=True)
def clean_modules() -> object:
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_scripts_of_one_file_name_do_not_collide(tmp_path: Path) -> None:
    projects = [ProjectCode(pipeline(tmp_path / str(n), f"class C: n = {n}\ndef p(): return C()")) for n in (1, 2)]
    functions = [find_function(each, each.pipeline.processes["p"]) for each in projects]
    values = [each.function() for each in functions if each]
    assert [value.n for value in values] == [1, 2]
    assert [value.n for value in pickle.loads(pickle.dumps(values))] == [1, 2]
    assert len({type(value).__module__ for value in values}) == 2


def test_a_scripts_module_name_tells_its_place_in_the_project_only(tmp_path: Path) -> None:
    """The same name in every checkout, as fingerprints of classes hold it."""
    project = ProjectCode(pipeline(tmp_path / "somewhere", ""))
    assert project.module_names["main"].startswith("expops_scripts__models__model")
    assert "somewhere" not in project.module_names["main"]


def test_helpers_of_one_name_are_each_projects_own(tmp_path: Path) -> None:
    script = """
    import helper
    def p():
        import late
        return helper.N, late.N
    """
    projects = [
        ProjectCode(pipeline(tmp_path / str(n), script, helper=f"N = {n}", late=f"N = {10 * n}")) for n in (1, 2)
    ]
    found = [find_function(each, each.pipeline.processes["p"]) for each in projects]
    for _ in range(2):
        for n, (project, callee) in enumerate(zip(projects, found, strict=True), start=1):
            assert callee is not None
            with project.entered():
                assert callee.function() == (n, 10 * n)
                assert n == sys.modules["helper"].N


def test_the_import_path_and_the_aliases_are_gone_afterwards(tmp_path: Path) -> None:
    before = list(sys.path)
    stand_in = type(sys)("expops")
    sys.modules["expops"] = stand_in
    try:
        project = ProjectCode(
            pipeline(tmp_path, "import expops.core\nimport sys\nsys.path.append('added by the script')")
        )
        project.script("main")
        assert sys.path == [*before, "added by the script"]
        assert sys.modules["expops"] is stand_in
        assert "expops.core" not in sys.modules
        assert "mlops" not in sys.modules
    finally:
        sys.modules.pop("expops", None)
        sys.path[:] = before


@pytest.mark.parametrize(("path", "added"), [("(*sys.path, 'added')", ["added"]), ("None", [])])
def test_a_script_that_puts_no_list_in_the_place_of_the_import_path_does_no_harm(
    tmp_path: Path, path: str, added: list[str]
) -> None:
    before = list(sys.path)
    project = ProjectCode(pipeline(tmp_path, f"import sys\nsys.path = {path}"))
    try:
        project.script("main")
        assert sys.path == [*before, *added]
    finally:
        sys.path[:] = before


@pytest.mark.parametrize("package", ["expops", "mlops", "pytest_expops"])
def test_the_authoring_names_are_the_same_objects_under_every_name(tmp_path: Path, package: str) -> None:
    module = ProjectCode(
        pipeline(
            tmp_path,
            f"""
            from {package}.core import (SerializableData, get_current_context, log_metric, process, step)
            from {package}.reporting import ChartContext, chart
            import {package}.core as whole
            """,
        )
    ).script("main")
    assert module.step is core.step
    assert module.whole.step is core.step
    assert module.chart is reporting.chart


def test_importing_a_script_leaves_the_sessions_generators_as_they_were(tmp_path: Path) -> None:
    """S4.3; and it is not seeded, so that two imports draw different numbers."""
    project = ProjectCode(pipeline(tmp_path, "import random, numpy as np\nDRAWN = [random.random(), np.random.rand()]"))
    state = random.getstate()
    first = project.script("main").DRAWN
    assert random.getstate() == state
    project.forget()
    random.random()
    assert first != project.script("main").DRAWN


def test_forgetting_imports_script_and_helpers_anew(tmp_path: Path) -> None:
    project = ProjectCode(pipeline(tmp_path, "import helper\nimport json\nseen = []", helper="seen = []"))
    module = project.script("main")
    helper, json = module.helper, module.json
    project.forget()
    again = project.script("main")
    assert again is not module
    assert again.helper is not helper
    assert again.json is json, "what is installed stays"


def test_an_edit_that_leaves_size_and_second_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for number in (1, 2):
        project = ProjectCode(pipeline(tmp_path, f"def p(): return {number}"))
        os.utime(tmp_path / "models/model.py", (1e9, 1e9))
        found = find_function(project, project.pipeline.processes["p"])
        assert found is not None
        assert found.function() == number
        project.forget()


def test_a_project_owns_what_lies_in_it_but_not_its_environment(tmp_path: Path) -> None:
    project = ProjectCode(pipeline(tmp_path, ""))
    inside = tmp_path / "src/package/module.py"
    environment = tmp_path / ".venv/lib/python3.11/site-packages/package/module.py"
    assert project.owns_file(str(inside))
    assert not project.owns_file(str(environment))
    assert not project.owns_file(pytest.__file__)
    assert not project.owns_file(str(tmp_path) + "_other/module.py")


@pytest.mark.parametrize(
    ("signature", "style"),
    [
        ("data", CallStyle.CLASSIC),
        ("hyperparameters, context, data", CallStyle.CLASSIC),
        ("hparams", CallStyle.CLASSIC),
        ("", CallStyle.CLASSIC),
        ("df", CallStyle.BY_NAME),
        ("data, verbose=False", CallStyle.BY_NAME),
        ("**everything", CallStyle.BY_NAME),
    ],
)
def test_the_calling_style_is_told_by_the_declared_names(tmp_path: Path, signature: str, style: CallStyle) -> None:
    """S2.2."""
    loaded = pipeline(tmp_path, f"def p({signature}): return {{}}")
    callee = find_function(ProjectCode(loaded), loaded.processes["p"])
    assert callee is not None
    assert callee.style is style


def test_decorated_callable_and_imported_functions_are_found(tmp_path: Path) -> None:
    script = """
    import functools
    from helper import imported
    from expops.core import process

    @process(description="d")
    def decorated(data): return 1

    class Callable:
        def __call__(self, data): return 2

    instance = Callable()
    bound = functools.partial(lambda x, data: x, 3)
    """
    loaded = pipeline(tmp_path, script, helper="def imported(data): return 4")
    project = ProjectCode(loaded)
    results = {}
    for name in ("decorated", "instance", "bound", "imported"):
        process = loaded.processes["p"]
        process = dataclasses.replace(process, code=dataclasses.replace(process.code, function=name))
        callee = find_function(project, process)
        assert callee is not None
        results[name] = callee.function(data={})
    assert results == {"decorated": 1, "instance": 2, "bound": 3, "imported": 4}


def test_an_import_that_fails_within_a_helper_shows_both_frames(tmp_path: Path) -> None:
    loaded = pipeline(tmp_path, "import helper", helper="def f():\n    raise KeyError('k')\nf()\n")
    with pytest.raises(ScriptError) as caught:
        find_function(ProjectCode(loaded), loaded.processes["p"])
    assert caught.value.user_traceback is not None
    assert "import helper" in caught.value.user_traceback
    assert "raise KeyError('k')" in caught.value.user_traceback
    assert "pytest_expops" not in caught.value.user_traceback
