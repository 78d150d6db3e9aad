"""Reads what a run by ExpOps and a run by this plugin have left, and puts the two side by side."""

from __future__ import annotations

import ast
import base64
import json
import math
import os
import re
import sqlite3
import subprocess
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pytest_expops import expand, load_config
from pytest_expops.pipeline.probing import canonical

# ExpOps from 0.1.10 on runs processes in workers of Dask, whose nanny sets these; before, in threads of its own. With
# other numbers of threads a BLAS sums in another order, and what is trained on the sums differs.
THREADS = {"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Metrics = Mapping[str, Mapping[str, Any]]
"""Metrics by the path of what logged them, as XPath: numbers as ``{step: value}``, else the value."""


MOST = 20
"""How many differences of a template are printed."""


@dataclass(frozen=True)
class PluginRun:
    """What a run by the plugin came to: outcomes by item, metrics, seconds."""

    outcomes: Mapping[str, str]
    metrics: Metrics
    seconds: float
    text: str


@dataclass(frozen=True)
class Comparison:
    """One template, run both ways."""

    title: str
    rows: tuple[tuple[str, str], ...]
    differences: tuple[str, ...]

    def print(self) -> None:
        print(f"\n{self.title}")
        for name, value in self.rows:
            print(f"  {name:28} {value}")
        for line in self.differences[:MOST]:
            print(f"  differs: {line}")
        if len(self.differences) > MOST:
            print(f"  and {len(self.differences) - MOST} more")


def expops_metrics(project: Path) -> dict[str, dict[str, Any]]:
    """What ExpOps has kept of the last run; nothing where its backend keeps nothing."""
    database = project / f".{project.name}" / "metrics.sqlite"
    if not database.exists():
        return {}
    found: dict[str, dict[str, Any]] = {}
    for key, value in _kept(database):
        match = re.fullmatch(r"metric:.*:probe_path:p_(.*)", key)
        if match:
            encoded = match[1] + "=" * (-len(match[1]) % 4)
            found[base64.urlsafe_b64decode(encoded).decode()] = json.loads(value)
    return found


def expops_seconds(project: Path, log: Path) -> str:
    """From the beginning of the first process to the end of the last, as ExpOps noted; else by what it logged."""
    database = project / f".{project.name}" / "metrics.sqlite"
    noted = []
    if database.exists():
        noted = [json.loads(value) for key, value in _kept(database) if key.startswith("process:")]
    spans = [(each["started_at"], each["ended_at"]) for each in noted if each.get("ended_at")]
    if spans:
        seconds = max(end for _, end in spans) - min(start for start, _ in spans)
        done = Counter(each.get("status") for each in noted)
        return f"{seconds:.1f} s ({', '.join(f'{count} {status}' for status, count in done.items())})"
    logs = [log, *sorted(project.glob("logs/*.log"))]
    stamped = [
        match
        for each in logs
        if each.exists()
        for match in re.finditer(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) .*", each.read_text(errors="replace"), re.M)
    ]
    begun = [each for each in stamped if "Starting pipeline execution" in each[0]]
    ended = [each for each in stamped if "Pipeline completed" in each[0]]
    if not begun or not ended:
        return "not noted"
    first, last = (datetime.strptime(each[1], "%Y-%m-%d %H:%M:%S,%f") for each in (begun[-1], ended[-1]))
    return f"{(last - first).total_seconds():.1f} s (completed, by its log)"


def _kept(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return list(connection.execute("select key, value from kv order by updated_at"))


def first_line_of_error(log: Path) -> str:
    """What went wrong, in ExpOps's words, or that nothing did."""
    if not log.exists():
        return "it was not run"
    lines = [line for line in log.read_text(errors="replace").splitlines() if re.search(r"\b(ERROR|\w*Error:)", line)]
    return lines[0][:200] if lines else "its backend held them in memory"


def plugin_run(python: Path, project: Path, report: Path, *options: str, environment: Mapping[str, str]) -> PluginRun:
    """Run the project by the plugin, with more environment variables, and read the JUnit report."""
    config = project / "configs/project_config.yaml"
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
    begin = time.perf_counter()
    done = subprocess.run(
        [*command, *options, "-o", "junit_family=xunit1", "--expops-config", config, "--expops-cache=off"],
        cwd=project,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    seconds = time.perf_counter() - begin
    expanded = expand(load_config(config))
    outcomes, metrics = {}, {}
    for case in ET.parse(report).iter("testcase"):
        name = str(case.get("name"))
        tags = {child.tag for child in case}
        word = next((word for tag, word in _WORDS.items() if tag in tags), "passed")
        outcomes[name] = word
        for each in case.iter("property"):
            match = re.fullmatch(r"expops_metric:(?:(.*)/)?([^/\[]+)(?:\[(-?\d+)\])?", str(each.get("name")))
            if match and name in expanded.processes:
                step, metric, number = match.groups()
                place = metrics.setdefault(canonical(expanded[name], step), {})
                value = str(each.get("value"))
                if number is None:
                    place[metric] = _plain(value)
                else:
                    place.setdefault(metric, {})[number] = float(value)
    return PluginRun(outcomes, metrics, seconds, done.stdout)


def _plain(text: str) -> Any:
    """Return a metric that is no number, from its text in the report: ExpOps writes the keys of maps as text."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value


_WORDS = {"error": "error", "failure": "failed", "skipped": "skipped"}


def compare(title: str, project: Path, kept: Metrics, run: PluginRun, expops_took: str, note: str) -> Comparison:
    """The table of one template."""
    replays = {name: word for name, word in run.outcomes.items() if name.endswith("[replay]")}
    items = {name: word for name, word in run.outcomes.items() if "[" not in name}
    images = len({path.name for path in project.glob("**/artifacts/**/*.png")})
    ours, theirs = _readings(run.metrics), _readings(kept)
    both = ours.keys() & theirs.keys()
    equal = [key for key in both if _equal(ours[key], theirs[key])]
    differences = [f"{key}: ExpOps {theirs[key]}, here {ours[key]}" for key in sorted(both - set(equal))]
    differences += [f"{key}: in ExpOps only" for key in sorted(theirs.keys() - ours.keys())]
    differences += [f"{key}: here only" for key in sorted(ours.keys() - theirs.keys())] if theirs else []
    rows = [
        ("processes", f"{len(items)} expanded: {_counted(items)}"),
        ("replayed", f"{len(replays)}: {_counted(replays)}" if replays else "none"),
        ("time of the pipeline, ExpOps", expops_took),
        ("time here", f"{run.seconds:.1f} s{', with replays' if replays else ''}"),
        ("images by ExpOps", str(images)),
        ("readings of metrics", f"{len(theirs)} by ExpOps, {len(ours)} here, {len(equal)} of {len(both)} equal"),
    ]
    if note:
        rows.append(("note", note))
    return Comparison(title, tuple(rows), tuple(differences))


def _counted(outcomes: Mapping[str, str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(outcomes.values()).items())


def _readings(metrics: Metrics) -> dict[str, float]:
    """Every number: ``PATH metric[step]``. What is no number is left out: reports hold its text only."""
    return {
        f"{path} {metric}[{step}]": float(value)
        for path, logged in metrics.items()
        for metric, series in logged.items()
        if isinstance(series, dict)
        for step, value in series.items()
        if isinstance(value, (int, float))
    }


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
