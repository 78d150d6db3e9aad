"""How long a session of the example takes, first and second, without and with two workers, beside the work in it.

Run `python benchmarks/session_time.py [--repeats 3]`. Shown are medians, and their ratio to what cannot be spared: the
work of the processes, once, and one import of what the script imports. The tests beside it are not run.

*Bare pytest* has two tests that do nothing, in a file that imports the script, as each worker has to; beside it another
interpreter imports the script, as one has to for replays. No first session is shorter than that and twice the work.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "example_project"
CONFIG = "configs/project_config.yaml"
IMPORT = "import sys; sys.path.insert(0, 'models'); import breast_cancer"


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return time.perf_counter() - begin, done.stdout


def session(project: Path, *arguments: str) -> tuple[float, str]:
    command = [sys.executable, "-m", "pytest", "--expops-config", CONFIG, CONFIG, "-p", "no:cacheprovider", *arguments]
    return timed(command, project)


def bare(project: Path, workers: str) -> float:
    """Return what a session takes that has nothing to do but to import the script, with an import beside it."""
    test = project.parent / "bare" / "test_bare.py"
    test.parent.mkdir(exist_ok=True)
    test.write_text(f"{IMPORT}\ndef test_one(): pass\ndef test_two(): pass\n", encoding="utf-8")
    begin = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", IMPORT], cwd=project):
        command = [sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:expops", "-p", "no:cacheprovider"]
        timed([*command, str(test), workers], project)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    taken: dict[str, list[float]] = {}
    work: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".expops_cache", "__pycache__"))
        for _ in range(options.repeats):
            importing = timed([sys.executable, "-c", IMPORT], project)[0]
            taken.setdefault("python, importing the script", []).append(importing)
            taken.setdefault("pytest, with nothing to do", []).append(
                timed([sys.executable, "-m", "pytest", "--version"], project)[0]
            )
            for workers in ("-n0", "-n2"):
                taken.setdefault(f"bare pytest, importing it, {workers}", []).append(bare(project, workers))
                shutil.rmtree(project / "configs/.expops_cache", ignore_errors=True)
                for which in ("first session", "second session", "second session, no audit"):
                    audit = ["--expops-cache-audit=none"] if which.endswith("audit") else []
                    seconds, text = session(project, workers, *audit)
                    taken.setdefault(f"{which}, {workers}", []).append(seconds)
                    if which == "first session":
                        found = re.search(r"in ([\d.]+) s of work", text)
                        assert found is not None
                        work.append(float(found[1]))
    least = statistics.median(work) + statistics.median(taken["python, importing the script"])
    print(f"{'work of all processes':34}{statistics.median(work):7.2f} s")
    for what, each in taken.items():
        seconds = statistics.median(each)
        print(f"{what:34}{seconds:7.2f} s{seconds / least:8.2f} times the work and one import")


if __name__ == "__main__":
    main()
