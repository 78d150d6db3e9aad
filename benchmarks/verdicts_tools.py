"""The score on the catalogue of the public tools that one would use instead, each as its documentation says.

Run `python benchmarks/verdicts_tools.py [--tool NAME ...] [--theme NAME ...] [--json FILE]`. For each case a test is
written that calls the process and asserts that its result is the recorded one (see `verdicts_support.py`); a first
session records, and each tool is then given the same project. Tools are installed from the package index into folders
of their own, so that none meets another. A case counts as detected if the tool reports its test as failed or flaky,
and a look-alike as falsely accused likewise.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.catalogue.cases import Case, read_catalogue
from tests.catalogue.harness import chosen
from tests.catalogue.project import write_project

ROOT = Path(__file__).parents[1]
CAUSES_OF_DOCTOR = {
    "flaky-hashseed": {"hashseed"},
    "flaky-time": {"clock", "timezone"},
    "flaky-rng": {"entropy"},
    "flaky-fs": {"files", "cwd-listing-order", "tmpdir"},
    "flaky-order": {"state"},
    "flaky-interleave": {"threads"},
}
CAUSES_OF_FLAKEMARK = {  # after the table "What FLAKEMARK Detects" of its README
    "value_mismatch": {"entropy", "state"},
    "timing_delta": {"threads", "clock"},
    "thread_race": {"threads"},
    "sequence_break": {"state"},
    "missing_event": {"env", "host", "files"},
}


@dataclass
class Report:
    """What a tool said: the names of the processes whose tests it reports, and the causes that it names for some."""

    accused: set[str]
    causes: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Tool:
    """A tool, by its name on the package index; how it is run in a project, and read."""

    name: str
    run: Callable[[Path, Mapping[str, str], Sequence[Case]], Report]
    usage: str


def pytest_with(*options: str) -> Callable[[Path, Mapping[str, str], Sequence[Case]], Report]:
    """A session of pytest; who has a failed test among the repetitions is accused."""

    def run(project: Path, environment: Mapping[str, str], cases: Sequence[Case]) -> Report:
        return Report(_failed(project, _pytest(project, environment, *options)))

    return run


def flakemark(project: Path, environment: Mapping[str, str], cases: Sequence[Case]) -> Report:
    """It traces each failing test again; the type of the first divergence is in a section of the failure."""
    output = _pytest(project, environment, "--flakemark-diagnose")
    causes = {}
    for part in re.split(r"^_{3,} (?=test_)", output, flags=re.MULTILINE)[1:]:
        kind = re.search(r"^Type: +(\w+)", part, re.MULTILINE)
        if kind:
            causes[_process(part.split()[0])] = CAUSES_OF_FLAKEMARK.get(kind.group(1), set())
    return Report(_failed(project, output), causes)


def flake_detection(project: Path, environment: Mapping[str, str], cases: Sequence[Case]) -> Report:
    """It runs all tests again and again in one interpreter, and lists those that both passed and failed."""
    script = "from pytest_flake_detection.plugin import main; main(['tests', '--max-runs', '10'])"
    done = _call([sys.executable, "-c", script], project, environment)
    listed = done.partition("FLAKY TESTS DETECTED")[2]
    return Report({_process(name) for name in re.findall(r"::(test_\w+)", listed)})


def doctor(project: Path, environment: Mapping[str, str], cases: Sequence[Case]) -> Report:
    """It is pointed at a test that fails, and runs it again and again; so at each that a plain session shows failed."""
    report = Report(_failed(project, _pytest(project, environment)))
    options = ["--doctor", "--doctor-runs=5", "--doctor-allow-side-effects"]
    for case in cases:
        if case.name in report.accused:
            path = project / "doctor.json"
            path.unlink(missing_ok=True)
            node = f"tests/test_{case.kind}_{case.theme}.py::test_{case.name}"
            _pytest(project, environment, node, *options, f"--doctor-json={path}")
            verdict = json.loads(path.read_text(encoding="utf-8"))["verdict"] if path.exists() else "no report"
            print(f"    {case.name}: {verdict}", file=sys.stderr, flush=True)
            report.causes[case.name] = CAUSES_OF_DOCTOR.get(verdict, set())
    return report


TOOLS = [
    Tool("pytest", pytest_with(), "`pytest`"),
    Tool("pytest-repeat", pytest_with("--count=10"), "`pytest --count=10`"),
    Tool(
        "pytest-flakefinder",
        pytest_with("--flake-finder", "--flake-runs=10"),
        "`pytest --flake-finder --flake-runs=10`",
    ),
    Tool("pytest-randomly", pytest_with(), "`pytest`, which it shuffles and reseeds"),
    Tool("pytest-rerunfailures", pytest_with("--reruns=10"), "`pytest --reruns=10`"),
    Tool("pytest-flakehunter", pytest_with("--fh"), "`pytest --fh`"),
    Tool("pytest-flakefighters", pytest_with("--flakefighters", "--no-save"), "`pytest --flakefighters`"),
    Tool("pytest-flake-detection", flake_detection, "`pytest-flake-detect --max-runs 10`"),
    Tool("pytest-flakemark", flakemark, "`pytest --flakemark-diagnose`"),
    Tool("pytest-flakedoctor", doctor, "`pytest`, and `pytest NODE --doctor --doctor-runs=5` for each failed test"),
]


def write_tests(project: Path, cases: Sequence[Case]) -> None:
    """The project of the catalogue, with a test for each case and for each process that is run before one."""
    write_project(project, cases)
    shutil.copy(Path(__file__).with_name("verdicts_support.py"), project / "support.py")
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\ntestpaths = tests\n", encoding="utf-8")
    (project / "tests").mkdir()
    every = read_catalogue()
    for (kind, theme), group in groupby(cases, key=lambda case: (case.kind, case.theme)):
        names = {name for case in group for name in (case.name, *case.after)}
        in_order = [each.name for each in every if (each.kind, each.theme) == (kind, theme) and each.name in names]
        tests = [f'def test_{name}():\n    check({theme}, "{name}")\n' for name in in_order]
        text = "\n\n".join([f"from models.{kind} import {theme}\nfrom support import check\n", *tests])
        (project / "tests" / f"test_{kind}_{theme}.py").write_text(text, encoding="utf-8")
    # pytest-flakefighters asks what the last commit changed; here the tests.
    _git(project, "init", "-q")
    for folder in ("models", "."):
        _git(project, "add", folder)
        _git(project, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", folder)


def _git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project, check=True)


def installed(tool: str, folder: Path) -> dict[str, str]:
    """The environment in which the tool, and no other, is there; it is installed into a folder below `folder`."""
    paths = [str(ROOT)]
    if tool != "pytest":
        target = folder / tool
        if not target.exists():
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(target), tool]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        paths.append(str(target))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def measure(tool: Tool, environment: Mapping[str, str], cases: Sequence[Case]) -> dict[str, object]:
    """Record in a new project, run the tool there, and count."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        write_tests(project, cases)
        plain = {**environment, "PYTHONPATH": str(ROOT)}
        _pytest(project, {**plain, "RECORD_RESULTS": "1"})
        begin = time.perf_counter()
        report = tool.run(project, environment, cases)
        seconds = time.perf_counter() - begin
    guilty = [case for case in cases if case.expected]
    innocent = [case for case in cases if not case.expected]
    return {
        "tool": tool.name,
        "usage": tool.usage,
        "detected": [case.name for case in guilty if case.name in report.accused],
        "of": len(guilty),
        "falsely accused": [case.name for case in innocent if case.name in report.accused],
        "innocent": len(innocent),
        "cause right": [case.name for case in guilty if set(case.causes) & report.causes.get(case.name, set())],
        "seconds": round(seconds, 1),
    }


def _pytest(project: Path, environment: Mapping[str, str], *options: str) -> str:
    (project / "junit.xml").unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    return _call([*command, f"--junitxml={project / 'junit.xml'}", *options], project, environment)


def _call(command: Sequence[str], project: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=project,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=3600,
        start_new_session=True,
    )
    return done.stdout + done.stderr


def _failed(project: Path, output: str) -> set[str]:
    report = project / "junit.xml"
    if not report.exists():
        raise RuntimeError(f"pytest made no report:\n{output[-4000:]}")
    tests = ET.parse(report).iter("testcase")
    return {_process(each.get("name", "")) for each in tests if each.find("failure") is not None or each.find("error")}


def _process(test: str) -> str:
    return test.partition("[")[0].removeprefix("test_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", action="append", default=[], choices=[tool.name for tool in TOOLS])
    parser.add_argument("--theme", action="append", default=[])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "verdicts-tools")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    cases = chosen(*given.theme)
    found = []
    for tool in TOOLS:
        if not given.tool or tool.name in given.tool:
            found.append(measure(tool, installed(tool.name, given.folder), cases))
            print(_row(found[-1]), flush=True)
            if given.json:
                given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _row(found: Mapping[str, object]) -> str:
    counts = {key: len(value) for key, value in found.items() if isinstance(value, list)}
    return (
        f"| {found['tool']} | {found['usage']} | {counts['detected']} of {found['of']} | "
        f"{counts['falsely accused']} of {found['innocent']} | {counts['cause right']} | {found['seconds']} s |"
    )


if __name__ == "__main__":
    main()
