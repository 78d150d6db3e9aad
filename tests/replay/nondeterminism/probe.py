"""A file that stands in for a project: what it holds is the project's code, and nothing else is."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_expops.replay.nondeterminism.base import NATURAL, Setting, Source, Watcher


class Probe:
    """`script.py` in `folder`, run while a source is applied."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "script.py"
        self.watcher = Watcher(lambda file: file == str(self.path), watching=True)

    def run(self, text: str, **names: Any) -> dict[str, Any]:
        """Execute the text as the project's, with `names` as globals; return its globals."""
        self.path.write_text(textwrap.dedent(text), encoding="utf-8")
        found: dict[str, Any] = {"__name__": "script", **names}
        exec(compile(self.path.read_text(encoding="utf-8"), str(self.path), "exec"), found)
        return found

    def under(self, source: Source, setting: Setting, text: str, **names: Any) -> dict[str, Any]:
        """The same while `source` is under `setting`."""
        with source.apply(setting, self.watcher):
            return self.run(text, **names)

    def sites(self, source: Source, text: str) -> dict[int, set[str]]:
        """What each line of the text calls of `source`, by line number, when nothing is varied or held."""
        self.watcher.forget()
        self.under(source, NATURAL, text)
        found: dict[int, set[str]] = {}
        for site in self.watcher.all_sites().get(source.name, ()):
            assert site.file == str(self.path.resolve())
            found.setdefault(site.line, set()).add(site.what)
        return found


def started_with(source: Source, setting: Setting, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of an interpreter that is started under `setting`."""
    result = dict(environment)
    for name, value in source.environment(setting, environment).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


LONG_AGO = 1_000_000_000_123_456_789
"""When an earlier run has written its files, in nanoseconds since the epoch."""


def left(path: Path, text: str = "left") -> Path:
    """A file as an earlier run has left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path
