"""Copied beside the tests that `verdicts_tools.py` generates: call a process, and compare with what was recorded.

This is the test that one would write without pytest-expops: seed what can be seeded, call, hash the result with joblib
(arrays, frames and models; the order of dicts and sets does not count), and compare with the hash from an earlier
session.
"""

from __future__ import annotations

import inspect
import json
import os
import random
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import joblib  # type: ignore[import-untyped]
import numpy as np
from models.load import load  # type: ignore[import-not-found]

RECORDED = Path(__file__).parent / "recorded.json"
SEED = 40


def check(module: ModuleType, name: str) -> None:
    """Fail if the process gives another result than in the session that recorded it."""
    found = digest(module, name)
    if os.environ.get("RECORD_RESULTS"):
        recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
        RECORDED.write_text(json.dumps({**recorded, name: found}), encoding="utf-8")
        return
    expected = json.loads(RECORDED.read_text(encoding="utf-8")).get(name, "nothing: the result could not be hashed")
    assert found == expected


def digest(module: ModuleType, name: str) -> str:
    """The joblib hash of what the process returns."""
    given = {**load(), "random_seed": SEED}
    if hasattr(module, "get_current_context"):
        context = SimpleNamespace(checkpoint_dir=tempfile.mkdtemp())
        module.get_current_context = lambda: context  # type: ignore[attr-defined]
    random.seed(SEED)
    np.random.seed(SEED)
    function = getattr(module, name)
    found: str = joblib.hash(function(**{each: given[each] for each in inspect.signature(function).parameters}))
    return found
