"""What the controller tells the workers of a session, as plain data in the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_expops.execution.records import file_name
from pytest_expops.execution.user_code.installed import is_installed, is_under
from pytest_expops.plugin.options.baseline import BaselineOptions
from pytest_expops.plugin.options.cache import CacheOptions
from pytest_expops.plugin.options.engine import EngineOptions
from pytest_expops.plugin.options.given import Given
from pytest_expops.plugin.options.options import Options
from pytest_expops.plugin.options.report import ReportOptions

DESCRIPTION = "description"
RECORDS, VERDICTS = "records", "verdicts"
"""Kinds of what is in the store, of each session."""
INTERPRETER = "interpreter"
"""What the names of a worker's interpreters begin with, which are its own affair; two numbers follow."""

_SAME = (
    "BLIS_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "VECLIB_MAXIMUM_THREADS",
    *("LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "PYTHONUTF8", "TZ"),
)
"""Variables of the environment that decide how libraries compute, some of which Dask sets, and how Python works."""
_GIVEN = ("file", "tolerance")
_OPTIONS = ("replay", "replays", "vary", "diagnose", "diagnose_timeout", "timeout", "memory_limit", "isolate", "memory")


def key_of(number: int, name: str, *, replays: bool = False) -> str:
    """Return under which name the record of a process, or the verdict on it, is in the store."""
    return f"{number}-{file_name(name)}{'-replays' if replays else ''}"


def same_variables() -> dict[str, str | None]:
    """Return the variables that are to be the same for all interpreters of a session; None for one that is not set."""
    return {name: os.environ.get(name) for name in _SAME}


def options_to_json(options: Options) -> dict[str, Any]:
    """Return what of the options concerns runs and replays."""
    found = {name: getattr(options, name) for name in _OPTIONS}
    lines = [asdict(each) for each in options.tolerances]
    return {**found, "vary": list(options.vary), "tolerances": lines, "baseline": asdict(options.baseline)}


def options_from_json(data: Mapping[str, Any], configs: tuple[Path, ...]) -> Options:
    """Return options as a worker has them, for configs at their place there."""
    found = {name: data[name] for name in _OPTIONS}
    return Options(
        **{**found, "vary": tuple(data["vary"])},
        tolerances=tuple(Given(**each) for each in data["tolerances"]),
        configs=configs,
        on_demand=False,
        artifacts=None,
        reports=ReportOptions(),
        cache=CacheOptions(),
        baseline=BaselineOptions(**{**data["baseline"], **{name: Given(**data["baseline"][name]) for name in _GIVEN}}),
        engine=EngineOptions(),
        in_place=False,
        schedule="graph",
        progress="off",
        undecided="skip",
    )


def path_from(base: str, *, outside: bool) -> list[str]:
    """Return the entries of the import path that lie in the project `base`, or `outside` too, relative to it."""
    entries = [os.path.realpath(each or os.curdir) for each in sys.path]
    seen = [each for each in entries if outside or each == base or is_under(each, base)]
    return [os.path.relpath(each, base) for each in seen if not is_installed(each)]


def put_on_path(entries: Iterable[str], place: str) -> None:
    """Have the import path begin with such entries of a project that stands at `place`."""
    there = [os.path.normpath(os.path.join(place, each)) for each in entries]
    sys.path[:0] = [each for each in there if each not in sys.path]
