"""`--expops-graph`: print the expanded pipelines, run nothing."""

from __future__ import annotations

from pathlib import Path

from pytest_expops.pipeline.render import to_dot, to_mermaid, to_text
from pytest_expops.plugin.state import load_pipelines

_RENDERERS = {"text": to_text, "mermaid": to_mermaid, "dot": to_dot}


def print_graphs(configs: tuple[Path, ...], output: str) -> None:
    """Print each pipeline in the format `output`.

    Raises:
        pytest.UsageError: a config cannot be run.
    """
    for pipeline in load_pipelines(configs).values():
        print(_RENDERERS[output](pipeline).rstrip("\n"))
