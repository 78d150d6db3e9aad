"""The options of the baseline, and the path of the lock file of a config."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.plugin.options.given import Given, given, switched_on

MODES = ("check", "new", "update", "off")
WRITING = ("new", "update")
FILE = "{stem}.expops-lock.json"
TOLERANCE = "rtol=1e-6 atol=1e-9"
_NO = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """What the user asked for. `file` is a pattern, and `tolerance` is not read yet."""

    mode: str
    strict: bool
    force: bool
    file: Given
    tolerance: Given


def add_baseline_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the options of the baseline; each ``--expops-x`` has an ini twin ``expops_x``."""
    group.addoption(
        "--expops-baseline",
        metavar=alternatives(MODES),
        help="what is done with the lock file beside a config: compare outputs with it (check, the default), add "
        "entries that are missing (new), rewrite the entries of processes that passed and replayed (update), or "
        "nothing (off)",
    )
    group.addoption(
        "--expops-baseline-strict",
        action="store_true",
        help="fail if the lock file has entries of processes that the config no longer has",
    )
    group.addoption(
        "--expops-baseline-force",
        action="store_true",
        help="allow new and update to write the lock file even where the environment variable CI is set",
    )
    parser.addini("expops_baseline", "like --expops-baseline", default="check")
    parser.addini("expops_baseline_strict", "like --expops-baseline-strict", type="bool", default=False)
    parser.addini("expops_baseline_force", "like --expops-baseline-force", type="bool", default=False)
    parser.addini(
        "expops_baseline_file",
        "path of the lock file, relative to the config's folder; {stem} is the name of the config without its suffix",
        default=FILE,
    )
    parser.addini(
        "expops_baseline_tolerance",
        "how far metrics and sketches may differ from the lock file in another environment than the recorded one, for "
        "what has no tolerance in its config or in expops_tolerance",
        default=TOLERANCE,
    )


def alternatives(choices: Iterable[str]) -> str:
    """Return the choices of an option as its help shows them.

    >>> alternatives(["on", "off"])
    '{on,off}'
    """
    return f"{{{','.join(choices)}}}"


def read_baseline_options(config: pytest.Config) -> BaselineOptions:
    """Return the options of this session.

    Raises:
        pytest.UsageError: A value cannot be used.
    """
    return BaselineOptions(
        mode=given(config, "expops_baseline").one_of(MODES),
        force=switched_on(config, "expops_baseline_force"),
        strict=switched_on(config, "expops_baseline_strict"),
        file=given(config, "expops_baseline_file"),
        tolerance=given(config, "expops_baseline_tolerance"),
    )


def refuse_writing_in_ci(config: pytest.Config, options: BaselineOptions) -> None:
    """Make sure that CI does not write lock files unless the user forces it.

    Raises:
        pytest.UsageError: It would.
    """
    in_ci = os.environ.get("CI", "")
    if options.mode in WRITING and in_ci.strip().lower() not in _NO and not options.force:
        raise given(config, "expops_baseline").refused(
            f"would write the lock file, but this is CI (CI={in_ci}), where nobody reviews it; record the baseline on "
            "your own machine, or give --expops-baseline-force"
        )


def lock_paths(configs: Iterable[Path], pattern: Given) -> dict[Path, Path]:
    """Return the path of the lock file of each config.

    Raises:
        pytest.UsageError: The pattern cannot be filled in, or gives two configs one file.
    """
    found: dict[Path, Path] = {}
    for config in configs:
        try:
            name = pattern.value.format(stem=config.stem)
        except (AttributeError, KeyError, IndexError, ValueError):
            raise pattern.refused("is not a path with no other field than {stem}") from None
        path = Path(os.path.abspath(config.parent / name))
        for other, taken in found.items():
            if taken == path:
                raise pattern.refused(f"is the same file for {other} and {config}; use {{stem}}")
        if path == config:
            raise pattern.refused(f"is the config {config} itself")
        found[config] = path
    return found
