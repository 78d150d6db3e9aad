"""What a second session runs, what it reuses, and how long it takes: untouched, and after one change of each kind.

Run `python benchmarks/reuse.py [-n 2] [--project FOLDER --config PATH --edit NAME=FILE::TEXT::NEW ...]`. Without a
project it is the example, without the tests beside it. After each change the project is put back, and what was kept of
it, too.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLE = REPOSITORY / "example_project"
EDITS = {
    "one function's body": "models/breast_cancer.py::stratify=df[LABEL]::stratify=df[LABEL].copy()",
    "one parameter": "configs/project_config.yaml::max_iter: 400::max_iter: 401",
    "one data file": "data/breast_cancer.csv::17.99,10.38::17.98,10.38",
    "a comment": "models/breast_cancer.py::LABEL = ::# a comment\nLABEL = ",
}


@dataclass(frozen=True)
class Session:
    """What one session printed of itself, and how long it took."""

    seconds: float
    ran: str
    reused: str

    def line(self, first: float) -> str:
        times = f"{first / self.seconds:5.1f} times faster" if self.seconds < first else ""
        return f"{self.seconds:7.2f} s   ran {self.ran:>9}   reused {self.reused:>9}   {times}"


def session(project: Path, config: str, *arguments: str) -> Session:
    command = [sys.executable, "-m", "pytest", "--expops-config", config, config, "-p", "no:cacheprovider", *arguments]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    ran = re.search(r"^ran (\d+ of \d+)", done.stdout, re.MULTILINE)
    reused = re.search(r"^reused (\d+ of \d+)", done.stdout, re.MULTILINE)
    return Session(seconds, ran[1] if ran else "0", reused[1] if reused else "0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=EXAMPLE)
    parser.add_argument("--config", default="configs/project_config.yaml", help="its path in the project")
    parser.add_argument("--edit", action="append", metavar="NAME=FILE::TEXT::NEW", help="in place of the example's")
    parser.add_argument("-n", default="0", help="workers")
    options = parser.parse_args()
    edits = dict(each.split("=", 1) for each in options.edit) if options.edit else EDITS
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        ignored = shutil.ignore_patterns(".expops_cache", "__pycache__", ".pytest_cache")
        shutil.copytree(options.project, project, ignore=ignored)
        arguments = (f"-n{options.n}",)
        first = session(project, options.config, *arguments)
        print(f"{'first session':24}{first.line(0)}")
        print(
            f"{'nothing kept or reused':24}{session(project, options.config, *arguments, '--expops-cache=off').line(0)}"
        )
        print(f"{'untouched':24}{session(project, options.config, *arguments).line(first.seconds)}")
        unaudited = session(project, options.config, *arguments, "--expops-cache-audit=none")
        print(f"{'untouched, no audit':24}{unaudited.line(first.seconds)}")
        kept = project / Path(options.config).parent / ".expops_cache"
        for what, edit in edits.items():
            file, old, new = edit.split("::")
            path = project / file
            text = path.read_text(encoding="utf-8")
            if old not in text:
                sys.exit(f"{file} has no {old!r}")
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
            shutil.copytree(kept, Path(name) / "kept", copy_function=shutil.copy2)
            print(f"{what:24}{session(project, options.config, *arguments).line(first.seconds)}")
            path.write_text(text, encoding="utf-8")
            shutil.rmtree(kept)
            (Path(name) / "kept").rename(kept)


if __name__ == "__main__":
    main()
