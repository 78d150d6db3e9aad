"""A run of pytest over the catalogue becomes a finding for each case: verdict, causes, lines, and what they cost."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.catalogue.cases import NOT_ATTRIBUTED, Case, read_catalogue
from tests.catalogue.project import process_name, write_project
from tests.catalogue.sentences import untrue

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one session found of a case.

    `verdict` is ``differed``, ``matched``, or why there is none. `causes` are the sources that were named, `lines` the
    (file, line) that were, causes' sites first and the place last. Times are in seconds: `duration` of the process
    itself, `replay` of all that its replay item did but the `diagnosis`, which took so many `runs`; None where the
    session did not tell. `untrue` are the sentences that were printed and that the case's label contradicts.
    """

    case: Case
    verdict: str
    causes: tuple[str, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    paths: tuple[str, ...] = ()
    attributed: bool = False
    duration: float | None = None
    replay: float | None = None
    diagnosis: float | None = None
    runs: int | None = None
    untrue: tuple[str, ...] = ()
    note: str = ""

    @property
    def differed(self) -> bool:
        return self.verdict == "differed"

    @property
    def as_expected(self) -> bool:
        return self.verdict == ("differed" if self.case.expected else "matched")

    @property
    def cause_right(self) -> bool:
        """One of the right causes was named, and no other; or none was, where none can be."""
        named = self.causes or (NOT_ATTRIBUTED,)
        right = {*self.case.causes, *([NOT_ATTRIBUTED] if self.case.natively else [])}
        return self.attributed and set(named) <= right

    @property
    def line_right(self) -> bool:
        """A reported line is one that deserves the blame."""
        right = {(self.case.kind, self.case.path.name, line) for line in self.case.lines}
        return any((Path(file).parent.name, Path(file).name, line) in right for file, line in self.lines)


def available(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases whose modules can be imported here, without the helpers."""
    return tuple(case for case in cases if not case.helper and all(map(_is_installed, case.needs)))


def chosen(*themes: str, expected: bool | None = None) -> tuple[Case, ...]:
    """The cases that can be run here, of these themes (all if none is given) and with this expectation."""
    return tuple(
        case
        for case in available(read_catalogue())
        if (not themes or case.theme in themes) and expected in (None, case.expected)
    )


def run(folder: Path, cases: Sequence[Case], *options: str, timeout: float = 1800) -> tuple[Finding, ...]:
    """Run pytest over `cases` in a new project under `folder`, with these further options; a finding for each.

    Raises:
        RuntimeError: pytest made no session; says what it printed.
    """
    configs = write_project(folder, cases)
    artifacts = folder / "artifacts"
    given = [part for path in configs for part in ("--expops-config", str(path.relative_to(folder)))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *_without_workers()]
    report = folder / "junit.xml"
    command += [*given, f"--expops-artifacts={artifacts}", f"--junitxml={report}", *options]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=timeout)
    session = artifacts / "session-1"
    if done.returncode not in (0, 1) or not session.is_dir():
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}")
    (folder / "output.txt").write_text(done.stdout, encoding="utf-8")
    folders = {path: _folder_of(session, path) for path in configs}
    tests = {each.get("name", ""): each for each in ET.parse(report).iter("testcase")}
    return tuple(_finding(case, folders[path], tests) for path, group in configs.items() for case in group)


@cache
def knows(option: str) -> bool:
    """Whether this version of the plugin has the option."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, cwd=ROOT)
    return option in done.stdout


@cache
def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _without_workers() -> list[str]:
    return ["-n0"] if _is_installed("xdist") else []


def _environment() -> dict[str, str]:
    """Without a hash seed of the caller's, which would make every string hash alike in all sessions."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def _folder_of(session: Path, config: Path) -> Path:
    found = [path for path in session.iterdir() if path.name.partition("-")[2] == config.stem]
    if len(found) != 1:
        raise RuntimeError(f"expected one folder of {config.stem} in {session}, found {found}")
    return found[0]


def _finding(case: Case, folder: Path, tests: Mapping[str, ET.Element]) -> Finding:
    record = _read(folder / "records" / f"{process_name(case)}.json")
    verdict = _read(folder / "verdicts" / f"{process_name(case)}.json")
    if verdict is None:
        failure = (record or {}).get("failure")
        return Finding(case, "no verdict", note=str(failure[1])[:200] if failure else "")
    test = tests[f"{process_name(case)}[replay]"]
    diagnosis: dict[str, Any] = verdict.get("diagnosis") or {}
    causes = diagnosis.get("causes") or []
    seen = diagnosis.get("read_back") or []
    sites = [site for cause in causes for site in cause["sites"]] + [file["site"] for file in seen]
    sites += filter(None, [diagnosis.get("place")])
    return Finding(
        case,
        verdict["status"],
        causes=tuple(dict.fromkeys([*(cause["source"] for cause in causes), *(["files"] if seen else [])])),
        lines=tuple((site["file"], site["line"]) for site in sites),
        paths=tuple(difference["path"] for difference in verdict["differences"]),
        attributed=bool(diagnosis),
        duration=record["duration"] if record else None,
        replay=float(test.get("time", 0)) - (diagnosis.get("seconds") or 0.0),
        diagnosis=diagnosis.get("seconds"),
        runs=diagnosis.get("runs"),
        untrue=untrue("\n".join(each.text or "" for each in test.iter("failure")), case),
        note=str(diagnosis.get("note", "")),
    )


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
