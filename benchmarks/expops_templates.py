"""The templates of published ExpOps, run by ExpOps and by this plugin: what passed, how long it took, which metrics.

Run `python benchmarks/expops_templates.py [--version 0.1.27] [--template sklearn-basic] [--folder FOLDER]`. For each
version and template a scratch environment gets ExpOps, which makes the project and runs it in an environment of its
own; then another gets this plugin with the very same versions of all packages, and runs the same project. Some
templates are run a second time with an edit (`expops_templates_edits.py`) that tells why something differed. Without
`--folder` all is made in a temporary one; with it, what is there already is not made again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from expops_templates_edits import EDITS, Edit, noted_row
from expops_templates_support import (
    THREADS,
    Comparison,
    compare,
    expops_metrics,
    expops_seconds,
    first_line_of_error,
    plugin_run,
)

VERSIONS = ("0.1.27", "0.1.9")
TEMPLATES = ("sklearn-basic", "premier-league")
REPOSITORY = Path(__file__).resolve().parent.parent


class Bench:
    """One version of ExpOps and one of its templates, as published or edited."""

    def __init__(self, folder: Path, version: str, template: str, edit: Edit | None = None) -> None:
        self.version, self.template, self.edit = version, template, edit
        self.folder = folder / version
        self.workspace = self.folder / ("workspace-edited" if edit else "workspace")
        # From 0.1.10 on a project stands in the workspace itself.
        is_classic = tuple(int(part) for part in version.split(".")) < (0, 1, 10)
        self.project = self.workspace / ("projects" if is_classic else "") / template
        self.threads = {} if is_classic else THREADS
        self.name = f"{template}-edited" if edit else template
        self.log = self.folder / f"{self.name}.log"

    def make(self) -> None:
        """ExpOps and its project, if they are not there."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "expops").exists():
            venv(self.folder / "expops", f"expops=={self.version}")
        if not self.project.exists():
            create = [self.folder / "expops/bin/expops", "create", self.template, "--template", self.template]
            subprocess.run(create, cwd=self.workspace, check=True, capture_output=True)
            if self.edit is not None:
                self.edit.apply(self.project)

    def run_expops(self) -> None:
        """Run it by ExpOps, which first makes the project's environments."""
        command = [self.folder / "expops/bin/expops", "run", self.template, "--local"]
        if "--local" not in subprocess.run([*command[:2], "--help"], capture_output=True, text=True).stdout:
            command.remove("--local")
        with self.log.open("w") as log:
            subprocess.run(command, cwd=self.workspace, stdout=log, stderr=subprocess.STDOUT)

    def make_environment(self) -> Path:
        """An environment with this plugin and the versions that ExpOps has used; its interpreter."""
        python = self.folder / f"plugin-{self.template}/bin/python"
        if not python.exists():
            installed: dict[str, str] = {}
            for each in sorted(self.workspace.rglob(f"{self.template}-env*/bin/python")):
                if each.is_file():
                    frozen = subprocess.run([each, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
                    pairs = (line.split("==") for line in frozen.splitlines() if line.count("==") == 1)
                    for name, version in pairs:
                        installed.setdefault(name, version)
            constraints = self.folder / f"{self.template}-constraints.txt"
            needed = ("numpy", "pandas", "scikit-learn", "scipy", "xgboost", "joblib", "matplotlib")
            pinned = {name: version for name, version in installed.items() if name in needed}
            constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()))
            venv(python.parent.parent, str(REPOSITORY), *pinned, constraints=constraints)
        return python


def venv(folder: Path, *packages: str, constraints: Path | None = None) -> None:
    """A virtual environment with these packages."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    limits = ["-c", constraints] if constraints else []
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *limits, *packages], check=True)


def run_template(bench: Bench) -> Comparison:
    """As published."""
    bench.make()
    if not bench.log.exists():
        bench.run_expops()
    metrics = expops_metrics(bench.project)
    python = bench.make_environment()
    report = bench.folder / f"{bench.name}-junit.xml"
    run = plugin_run(python, bench.project, report, environment=bench.threads)
    seconds = expops_seconds(bench.project, bench.log)
    note = "" if metrics else f"ExpOps kept no metrics: {first_line_of_error(bench.log)}"
    return compare(f"{bench.version} {bench.template}", bench.project, metrics, run, seconds, note)


def run_edited(published: Bench, bench: Bench, edit: Edit) -> Comparison:
    """With an edit, and without replays, in which the script would note everything again."""
    bench.make()
    rows = []
    python = published.make_environment()
    report = bench.folder / f"{bench.name}-junit.xml"
    if edit.by_expops:
        edit.take_noted(bench.project)
        bench.run_expops()
        theirs = edit.take_noted(bench.project)
        run = plugin_run(python, bench.project, report, "--expops-replay=none", environment=bench.threads)
        rows.append(noted_row(theirs, edit.take_noted(bench.project)))
    else:
        run = plugin_run(python, bench.project, report, "--expops-replay=none", environment=bench.threads)
    source = bench if edit.by_expops else published
    seconds = expops_seconds(source.project, source.log)
    title = f"{bench.version} {bench.template}, edited: {edit.why}"
    found = compare(title, source.project, expops_metrics(source.project), run, seconds, "")
    return replace(found, rows=(*found.rows, *rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="append", help=f"of ExpOps; default {' and '.join(VERSIONS)}")
    parser.add_argument("--template", action="append", help=f"default {' and '.join(TEMPLATES)}")
    parser.add_argument("--folder", type=Path, help="where to make everything, and to find what is made already")
    parser.add_argument("--edited", action="store_true", help="only the edited ones (needs --folder of a whole run)")
    options = parser.parse_args()
    folder = options.folder.resolve() if options.folder else Path(tempfile.mkdtemp(prefix="expops-templates-"))
    os.environ.pop("PYTHONPATH", None)
    try:
        for version in options.version or VERSIONS:
            for template in options.template or TEMPLATES:
                published = Bench(folder, version, template)
                if not options.edited:
                    run_template(published).print()
                edit = EDITS.get((version, template))
                if edit is not None:
                    run_edited(published, Bench(folder, version, template, edit), edit).print()
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
