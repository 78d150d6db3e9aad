"""A report as a Code Quality report of GitLab, which a merge request shows at the lines at fault."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from pytest_expops.report._showing import visible
from pytest_expops.report.model import Report
from pytest_expops.report.review import Remark, remarks


def to_code_quality(report: Report, root: Path) -> bytes:
    """Return the report as GitLab reads it.

    Args:
        report: the session.
        root: the folder of the repository, to which GitLab's paths are relative.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    entries = [_entry(each, seen) for each in remarks(report, root)]
    return (json.dumps(entries, indent=1) + "\n").encode()


def _entry(remark: Remark, seen: Counter[tuple[str, ...]]) -> dict[str, Any]:
    told = "\n".join(map(visible, f"{remark.title}\n{remark.message}".split("\n")))
    # Not of the line's number: what stands above may grow.
    same = (remark.sort, remark.file, *remark.key)
    seen[same] += 1
    found = json.dumps([*same, seen[same]])
    return {
        "description": told,
        "check_name": f"pytest-expops-{remark.sort}",
        "fingerprint": hashlib.sha256(found.encode()).hexdigest(),
        "severity": "major" if remark.failed else "minor",
        "location": {"path": remark.file, "lines": {"begin": max(1, remark.line)}},
    }
