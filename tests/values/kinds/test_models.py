"""What a library keeps of when, where and how fast a model was made is not judged; all that a model is, is (S7.2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.store import ArtifactStore
from tests.values.kinds.models import HEAVY, LIGHT, MODELS, Model

ROOT = Path(__file__).parents[3]
Digests = dict[str, list[str]]
CASES = [*LIGHT, *(pytest.param(name, marks=pytest.mark.libraries) for name in HEAVY)]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of a model whose library is here."""
    asked: str = request.param
    if MODELS[asked].missing:
        pytest.skip(f"needs {MODELS[asked].missing} (extra `libraries`)")
    return asked


@pytest.mark.parametrize("name", CASES, indirect=True)
def test_made_again_and_stored_it_is_equal_and_of_another_seed_not(name: str, tmp_path: Path) -> None:
    make, store = MODELS[name].make, ArtifactStore(tmp_path / "store")
    one, again, other = make(0), make(0), make(1)
    stored = store.get(store.put(one))
    assert compare(one, again) == ()
    assert compare(one, stored) == ()
    assert len({fingerprint(each).digest for each in (one, one, again, stored)}) == 1
    assert fingerprint(one) != fingerprint(other)
    places = [each.path for each in compare(one, other, limit=1000)]
    assert any(place.startswith(MODELS[name].differs_at) for place in places), places


@pytest.fixture(scope="session")
def light() -> Digests:
    return _in_two_interpreters(LIGHT)


@pytest.fixture(scope="session")
def heavy() -> Digests:
    return _in_two_interpreters(HEAVY)


def _in_two_interpreters(models: Mapping[str, Model]) -> Digests:
    """Return the digests of each model that can be made here, in two interpreters of different hash seeds."""
    names = [name for name, model in models.items() if not model.missing]
    command = [sys.executable, "-m", "tests.values.kinds.models", *names]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("1", "2")
    ]
    written = [json.loads(each.communicate()[0].splitlines()[-1]) for each in running]
    return {name: [each[name] for each in written] for name in names}


@pytest.mark.parametrize("name", CASES, indirect=True)
def test_it_is_equal_in_another_interpreter(name: str, request: pytest.FixtureRequest) -> None:
    digests: Digests = request.getfixturevalue("light" if name in LIGHT else "heavy")
    one, other = digests[name]
    assert one == other
