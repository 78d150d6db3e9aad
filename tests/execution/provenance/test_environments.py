"""Which environment a result is of: stable within one, another where floating-point results may be others."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn

from pytest_expops.execution.provenance import environments
from pytest_expops.execution.provenance.environments import environment_of


def test_versions_are_told_of_what_is_imported_and_of_what_numbers_hang_on_beneath() -> None:
    found = environment_of(["sklearn", "pandas", "json", "pytest_expops", "no_such_module"])
    libraries = found["libraries"]
    assert libraries["numpy"] == np.__version__
    assert libraries["scikit-learn"] == sklearn.__version__
    assert libraries["pandas"] == pd.__version__
    assert {"scipy", "joblib", "threadpoolctl"} <= libraries.keys()  # required by scikit-learn
    assert not {"python-dateutil", "json", "pytest-expops", "no-such-module"} & libraries.keys()
    assert found["python"] == f"CPython {platform.python_version()}"
    assert list(environment_of([])["libraries"]) == ["numpy"]


def test_what_pandas_uses_where_it_is_installed_is_told_of_too() -> None:
    """`str` columns are stored by pyarrow where it is, and in Python objects where it is not."""
    pyarrow = pytest.importorskip("pyarrow")
    assert environment_of(["pandas"])["libraries"]["pyarrow"] == pyarrow.__version__
    assert "pyarrow" not in environment_of(["numpy"])["libraries"]


def test_it_is_plain_data_and_the_same_again() -> None:
    found = environment_of(["sklearn"])
    assert json.loads(json.dumps(found)) == found == environment_of(["sklearn"])
    assert all(isinstance(value, str) for name, value in found.items() if name != "libraries")


def test_it_does_not_hang_on_what_happens_to_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment_of(["pandas"])
    monkeypatch.delitem(sys.modules, "pandas")
    assert environment_of(["pandas"]) == before


def test_variables_that_numbers_hang_on_count_if_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PYTHONHASHSEED", "3")
    assert "OMP_NUM_THREADS=3" in environment_of([])["variables"]
    assert "PYTHONHASHSEED" not in environment_of([])["variables"]


CPUINFO = """processor\t: 0
model name\t: Some CPU
flags\t\t: fpu sse2 avx512f constant_tsc fma

processor\t: 1
flags\t\t: neon
"""


def test_of_the_processor_count_its_model_and_the_flags_of_its_arithmetic(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    monkeypatch.setattr(environments, "Path", lambda path: tmp_path / "cpuinfo" if "cpuinfo" in path else Path(path))
    found = environment_of([])
    assert (found["cpu"], found["features"]) == ("Some CPU", "avx512f fma sse2")
    (tmp_path / "cpuinfo").unlink()
    assert environment_of([])["features"]  # as NumPy found them


def test_gpus_count_only_for_libraries_that_use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_gpu", lambda: "Some GPU, driver 1.2")
    monkeypatch.setattr(environments, "_libraries", lambda modules: dict.fromkeys(modules, "1"))
    assert environment_of(["torch"])["gpu"] == "Some GPU, driver 1.2"
    assert "gpu" not in environment_of(["sklearn"])
