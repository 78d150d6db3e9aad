"""The option that says where a report is written: a page, or data."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.plugin.options.given import Given, ini_source, ini_value, option_source

NEEDED = {".html": ("jinja2",), ".json": ("msgspec",)}
"""The suffixes of reports, and the libraries that writing one takes."""


def add_report_option(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the option and its ini twin."""
    group.addoption(
        "--expops-report",
        action="append",
        metavar="PATH",
        help="write a report of the session: one page that needs no network (PATH.html), or data (PATH.json); may be "
        "given several times (extra `report`)",
    )
    parser.addini("expops_report", "like --expops-report: paths relative to the ini file", type="linelist", default=[])


def read_report_paths(config: pytest.Config, ini_folder: Path) -> tuple[Path, ...]:
    """Return where reports are written.

    Raises:
        pytest.UsageError: a path has another suffix, is a folder, or a library is not installed.
    """
    return tuple(dict.fromkeys(_checked(each, folder) for each, folder in _asked(config, ini_folder)))


def _asked(config: pytest.Config, ini_folder: Path) -> Iterator[tuple[Given, Path]]:
    option, written = "--expops-report", config.getoption("expops_report")
    if written:
        source = option_source(config, option)
        yield from ((Given(option, text, source), config.invocation_params.dir) for text in written)
        return
    source = ini_source(config, "expops_report")
    yield from (
        (Given(option, text, source), ini_folder) for text in ini_value(config, "expops_report", "a list of paths")
    )


def _checked(asked: Given, folder: Path) -> Path:
    path = folder / asked.value
    if path.suffix not in NEEDED:
        raise asked.refused("has no suffix of a report: expected PATH.html or PATH.json")
    if path.is_dir():
        raise asked.refused("is a folder, expected a file")
    missing = [name for name in NEEDED[path.suffix] if importlib.util.find_spec(name) is None]
    if missing:
        problem = f"needs {' and '.join(missing)}, not installed here: pip install 'pytest-expops[report]'"
        raise asked.refused(problem)
    return path
