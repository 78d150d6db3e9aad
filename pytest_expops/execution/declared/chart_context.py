"""What a chart function is given besides the metrics: where its images go, and of which run they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ChartContext:
    """What a chart function is given to draw with: `output_dir`, its working directory too, takes its images.

    `metrics` is what the function gets as its first argument. `chart_name` is the name of its process; `theme` and
    `chart_type` are what ExpOps has there for a chart that Python draws.
    """

    output_dir: Path
    project_id: str = ""
    run_id: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    chart_name: str = ""
    theme: str = "light"
    chart_type: str = "static"

    def savefig(self, filename: str, fig: Any = None, **options: Any) -> Path:
        """Save a Matplotlib figure (the current one by default) in `output_dir`, and return its path."""
        path = self.output_dir / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        if fig is None:
            from matplotlib import pyplot

            fig = pyplot.gcf()
        fig.savefig(path, **options)
        return path

    def is_run_finished(self) -> bool:
        """Return whether everything that the chart probes has run. Here a chart is only drawn when it has."""
        return True

    def get_run_status(self) -> str:
        """Return `completed`: a chart is only drawn when all that it probes has run."""
        return "completed"
