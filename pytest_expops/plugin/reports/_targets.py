"""Where a report goes, and what it is made into on the way: a line for each reader."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.plugin.options.report import ReportOptions
from pytest_expops.report.github import annotation_lines
from pytest_expops.report.github_summary import LIMIT, step_summary
from pytest_expops.report.gitlab import to_code_quality
from pytest_expops.report.html import to_html
from pytest_expops.report.json_ import to_json
from pytest_expops.report.model import Report
from pytest_expops.report.review import repository
from pytest_expops.report.writing import append, write_whole

WRITERS: Mapping[str, Callable[[Report], bytes]] = {".html": to_html, ".json": to_json}
"""Of ``--expops-report``, by the suffix of the path."""
Lines = Callable[[Report], Iterable[str]]


@dataclass(frozen=True, slots=True)
class ReportTarget:
    """A file that a report is written to. `name` is for messages; it is told of, unless others look for it anyway.

    `live` is whether it is written while the session runs, too.
    """

    name: str
    path: Path
    make: Callable[[Report], bytes]
    put: Callable[[Path, bytes], None] = write_whole
    told: bool = True
    live: bool = False


def targets(config: pytest.Config, wanted: ReportOptions) -> tuple[tuple[ReportTarget, ...], tuple[Lines, ...]]:
    """Return the files that are written, and what is printed where the session ends."""
    files = [ReportTarget("report", path, WRITERS[path.suffix], live=path.suffix == ".html") for path in wanted.paths]
    lines: list[Lines] = []
    directory = config.invocation_params.dir
    if wanted.gitlab is not None:
        root = repository(directory, os.environ.get("CI_PROJECT_DIR", ""))
        files.append(ReportTarget("report for GitLab", wanted.gitlab, lambda report: to_code_quality(report, root)))
    if wanted.github:
        top = repository(directory, os.environ.get("GITHUB_WORKSPACE", ""))
        lines.append(lambda report: annotation_lines(report, top))
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            path = directory / summary
            make = functools.partial(_summary, root=top, path=path)
            files.append(ReportTarget("summary for GitHub", path, make, append, told=False))
    return tuple(files), tuple(lines)


def _summary(report: Report, root: Path, path: Path) -> bytes:
    """Return what fits behind what the step has written already."""
    try:
        there = path.stat().st_size
    except OSError:
        there = 0
    return step_summary(report, root, LIMIT - there)
