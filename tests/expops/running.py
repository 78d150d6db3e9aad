"""Small projects in the current spelling of ExpOps, run without pytest: config, scripts, records."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from pytest_expops.execution.records import RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand


def config(edges: str, processes: str, *, head: str = "scripts: {main: src/model.py, reporting: src/charts.py}") -> str:
    """A config in the current spelling, of adjacency lines and a YAML list of processes."""
    adjacency = textwrap.indent(textwrap.dedent(edges).strip(), "      ")
    listed = textwrap.indent(textwrap.dedent(processes).strip(), "      ")
    body = f"experiment:\n  pipeline:\n    process_adjlist: |\n{adjacency}\n    processes:\n{listed}\n"
    return f"{textwrap.dedent(head).strip()}\n{body}"


class Ran:
    """The session of a pipeline, and what came of its processes."""

    def __init__(self, session: PipelineSession) -> None:
        self.session = session

    def outputs(self, name: str) -> dict[str, Any]:
        return self.session.outputs(name)

    def record(self, name: str) -> RunRecord:
        return self.session.record(name)

    def metrics(self, name: str) -> dict[str, Any]:
        """``{"metric": value}``, or ``{"step/metric": [readings]}`` for numbers."""
        found: dict[str, Any] = {}
        for each in self.record(name).metrics:
            key = f"{each.source}/{each.name}" if each.source else each.name
            if each.step is None:
                found[key] = each.value
            else:
                found.setdefault(key, []).append(each.value)
        return found

    def failure(self, name: str) -> str:
        """Kind and message of a failure."""
        failure = self.record(name).failure
        assert failure is not None, f"{name} has not failed"
        return f"{failure.kind}: {failure.message}"


def make(folder: Path, text: str, files: dict[str, str] | None = None) -> Path:
    """Write a project: `configs/project_config.yaml`, and its files by path."""
    for path, content in {"configs/project_config.yaml": text, **(files or {})}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(content), encoding="utf-8")
    return folder / "configs" / "project_config.yaml"


def run(folder: Path, text: str, script: str = "", charts: str = "", files: dict[str, str] | None = None) -> Ran:
    """Write the project to `folder`, and open a session on it; processes run when they are asked for."""
    path = make(folder, text, {"src/model.py": script, "src/charts.py": charts, **(files or {})})
    return Ran(PipelineSession(expand(load_config(path)), folder / "session" / "1"))
