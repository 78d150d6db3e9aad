"""The options that say for whom a report of the session is made: people, programs, GitHub, GitLab."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.plugin.options.baseline import alternatives
from pytest_expops.plugin.options.given import Given, given, ini_source, ini_value, option_source

NEEDED = {".html": ("jinja2",), ".json": ("msgspec",)}
"""The suffixes of reports, and the libraries that writing one takes."""
GITHUB = ("auto", "on", "off")


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What is asked for: files with a report in them, one of GitLab's, and whether GitHub is told."""

    paths: tuple[Path, ...] = ()
    gitlab: Path | None = None
    github: bool = False

    @property
    def files(self) -> bool:
        """Whether a file is to be written whatever the session does."""
        return bool(self.paths or self.gitlab)


def add_report_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the options and their ini twins."""
    group.addoption(
        "--expops-report",
        action="append",
        metavar="PATH",
        help="write a report of the session: one page that needs no network (PATH.html), or data (PATH.json); may be "
        "given several times (extra `report`)",
    )
    group.addoption(
        "--expops-github",
        metavar=alternatives(GITHUB),
        help="annotate the lines that a session found at fault, and add to the summary of the job: where the "
        "environment variable GITHUB_ACTIONS is `true` (auto, the default), always (on), or never (off)",
    )
    group.addoption(
        "--expops-gitlab",
        metavar="PATH",
        help="write what was found as a Code Quality report of GitLab (JSON), which a merge request shows",
    )
    parser.addini("expops_report", "like --expops-report: paths relative to the ini file", type="linelist", default=[])
    parser.addini("expops_github", "like --expops-github", default="auto")
    parser.addini("expops_gitlab", "like --expops-gitlab, relative to the ini file", default="")


def read_report_options(config: pytest.Config, ini_folder: Path) -> ReportOptions:
    """Return what is asked for.

    Raises:
        pytest.UsageError: a path has another suffix, is a folder, or is given for two things; a library is not
            installed; or GitHub is told in another way than there is.
    """
    paths = tuple(dict.fromkeys(_checked(each, folder) for each, folder in _asked(config, ini_folder)))
    github = given(config, "expops_github").one_of(GITHUB)
    in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    return ReportOptions(paths, _gitlab(config, ini_folder, paths), github == "on" or (github == "auto" and in_actions))


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
        raise asked.refused("is not a path that ends with .html (a page) or .json (data)")
    _refuse_folder(asked, path)
    missing = [name for name in NEEDED[path.suffix] if importlib.util.find_spec(name) is None]
    if missing:
        what = f"needs {' and '.join(missing)}, which cannot be imported here"
        raise asked.refused(f"{what}; to install it: pip install 'pytest-expops[report]'")
    return path


def _gitlab(config: pytest.Config, ini_folder: Path, reports: tuple[Path, ...]) -> Path | None:
    asked = given(config, "expops_gitlab")
    if not asked.value:
        return None
    on_command_line = config.getoption("expops_gitlab") is not None
    path = (config.invocation_params.dir if on_command_line else ini_folder) / asked.value
    _refuse_folder(asked, path)
    if path in reports:
        raise asked.refused("is not another file than the one of --expops-report")
    return path


def _refuse_folder(asked: Given, path: Path) -> None:
    if path.is_dir():
        raise asked.refused("is not a file, but a folder; give the path of the file that is to be written")
