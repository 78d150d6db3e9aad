"""The options of the baseline, and where the lock file of a config stands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

MODES = ("check", "new", "update", "off")
WRITING = ("new", "update")
FILE = "{stem}.expops-lock.json"
TOLERANCE = "rtol=1e-6 atol=1e-9"
_NO = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """What the user asked for. `file` is a pattern, and `tolerance` as it was written."""

    mode: str = "check"
    strict: bool = False
    file: str = FILE
    tolerance: str = TOLERANCE


def add_baseline_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Each ``--expops-x`` has an ini twin ``expops_x``."""
    group.addoption(
        "--expops-baseline",
        choices=MODES,
        help="what is done with the lock file beside a config: compare with it (check, the default), add entries that "
        "are missing (new), rewrite those of processes that passed and replayed (update), or nothing (off)",
    )
    group.addoption(
        "--expops-baseline-strict",
        action="store_true",
        help="fail for entries of processes that the config no longer has",
    )
    group.addoption(
        "--expops-baseline-force",
        action="store_true",
        help="write the lock file even where the environment variable CI is set",
    )
    parser.addini("expops_baseline", "as --expops-baseline", default="check")
    parser.addini("expops_baseline_strict", "as --expops-baseline-strict", type="bool", default=False)
    parser.addini("expops_baseline_force", "as --expops-baseline-force", type="bool", default=False)
    parser.addini(
        "expops_baseline_file",
        "the lock file of a config, relative to the config's folder; {stem} is the config's name without suffix",
        default=FILE,
    )
    parser.addini(
        "expops_baseline_tolerance",
        "how far metrics and sketches may differ in another environment than the recorded one, where neither the "
        "config nor expops_tolerance says so",
        default=TOLERANCE,
    )


def read_baseline_options(config: pytest.Config, environment: Mapping[str, str] = os.environ) -> BaselineOptions:
    """The options of this session.

    Raises:
        pytest.UsageError: a value is not one that the option takes, or a CI would write.
    """
    mode: str = config.getoption("expops_baseline") or config.getini("expops_baseline")
    if mode not in MODES:
        raise pytest.UsageError(f"expops_baseline: {mode!r} is not one of {', '.join(MODES)}")
    forced = config.getoption("expops_baseline_force") or config.getini("expops_baseline_force")
    in_ci = environment.get("CI", "")
    if mode in WRITING and in_ci.strip().lower() not in _NO and not forced:
        raise pytest.UsageError(
            f"--expops-baseline={mode} would write the lock file, and this is a CI (CI={in_ci}), where nobody reviews "
            "it: record the baseline on your own machine, or give --expops-baseline-force"
        )
    return BaselineOptions(
        mode,
        strict=bool(config.getoption("expops_baseline_strict") or config.getini("expops_baseline_strict")),
        file=config.getini("expops_baseline_file"),
        tolerance=config.getini("expops_baseline_tolerance"),
    )


def lock_paths(configs: Iterable[Path], pattern: str) -> dict[Path, Path]:
    """The lock file of each config.

    Raises:
        pytest.UsageError: the pattern is none, or gives two configs one file.
    """
    found: dict[Path, Path] = {}
    for config in configs:
        try:
            name = pattern.format(stem=config.stem)
        except (KeyError, IndexError, ValueError) as error:
            raise pytest.UsageError(
                f"expops_baseline_file: {pattern!r} is no pattern ({error!r}); use {{stem}}"
            ) from None
        path = Path(os.path.abspath(config.parent / name))
        for other, taken in found.items():
            if taken == path:
                raise pytest.UsageError(
                    f"expops_baseline_file: {pattern!r} gives {other} and {config} the same file {path}; use {{stem}}"
                )
        if path == config:
            raise pytest.UsageError(f"expops_baseline_file: {pattern!r} gives {config} itself")
        found[config] = path
    return found
