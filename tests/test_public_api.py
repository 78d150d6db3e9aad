"""The package's public names, and that importing it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_expops

HEAVY = {"numpy", "pandas", "pydantic", "networkx", "yaml", "hypothesis", "xdist", "pytest"}


def _modules_after(program: str) -> set[str]:
    script = f"import sys; {program}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy_and_nothing_of_its_own() -> None:
    loaded = _modules_after("import pytest_expops")
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("pytest_expops.")} == set()


def test_loading_and_expanding_need_yaml_alone() -> None:
    loaded = _modules_after("from pytest_expops import load_config, expand, Pipeline, ConfigError")
    assert loaded & HEAVY == {"yaml"}


@pytest.mark.parametrize("name", pytest_expops.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert getattr(pytest_expops, name).__doc__
    assert name in dir(pytest_expops)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_expops' has no attribute 'expnad'"):
        _ = pytest_expops.expnad
