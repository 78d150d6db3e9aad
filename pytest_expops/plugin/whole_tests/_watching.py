"""How a test ran: its outcome and what it recorded; of its first run and of its replay alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import CheckError, StoreError
from pytest_expops.execution import scratch
from pytest_expops.execution.seeding.task_seeds import seeded, task_seed
from pytest_expops.plugin.items.telling import Teller
from pytest_expops.plugin.stash import RESULTS, WATCHED
from pytest_expops.plugin.whole_tests.marks import seed_of
from pytest_expops.replay.nondeterminism.addresses import masked
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.values.storage.store import Artifact, ArtifactStore
from pytest_expops.verdicts.replay import Verdict

OUTCOME = "outcome"
RESULT = "results"
SKIPPED = "skipped"
_WHERE = re.compile(r"\n *\+ +(where|and) .*")
"""What pytest adds to a failed assertion of where a value comes from: it shows whole objects, such as `os.environ`."""


@dataclass
class TestRun:
    """What came of one run of a test."""

    __test__ = False

    outcome: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    duration: float = 0.0

    @property
    def outputs(self) -> dict[str, Any]:
        """What must be the same in a replay."""
        return {OUTCOME: self.outcome, RESULT: self.results}


RUN: pytest.StashKey[TestRun] = pytest.StashKey()
_PHASES: pytest.StashKey[dict[str, str]] = pytest.StashKey()


class RunWatcher:
    """Hooks that note how the watched tests run, and that seed those with seeds. `folder` takes what they record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun: dict[pytest.Item, float] = {}
        """The tests that have been run in this interpreter, in their order, and how many seconds each took."""
        self.prepare: Callable[[], object] = lambda: None
        """Called before each watched test."""
        self._store = ArtifactStore(folder / "recorded")
        self._told: dict[str, Teller] = {}

    def teller_of(self, nodeid: str, verdict: Verdict) -> Teller | None:
        """Return which replay of this process tells in full what was found at one line; None where it is this one."""
        diagnosis = verdict.diagnosis
        if diagnosis is None or diagnosis.place is None or not diagnosis.causes:
            return None
        told = self._told.setdefault(diagnosis.finding, Teller(nodeid, verdict))
        return told if told.name != nodeid else None

    def watch(self, item: pytest.Item) -> None:
        """Note how this test runs."""
        take: Callable[[str, Any], Artifact] = partial(_taken, self._store)
        item.stash[WATCHED] = take

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Seed the test if it has a seed, and keep what it recorded."""
        test = isinstance(item, pytest.Function)
        if test:
            self.begun.setdefault(item, 0.0)
        watched = WATCHED in item.stash
        if watched:
            self.prepare()
        began = UNPATCHED.time()
        if not watched:
            result = yield
        else:
            item.stash[RUN] = run = TestRun(started=began)
            item.stash[RESULTS] = {}
            with _seeding(item):
                result = yield
            run.outcome = _told(item.stash.get(_PHASES, {}))
            run.duration = UNPATCHED.time() - began
            run.results = {name: self._store.get(artifact) for name, artifact in item.stash[RESULTS].items()}
        if test:
            self.begun[item] = UNPATCHED.time() - began
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the outcome of each phase."""
        report = yield
        if WATCHED in item.stash:
            if call.when == "setup":  # also of a test that another plugin has run anew
                item.stash[_PHASES] = {}
            item.stash[_PHASES][str(call.when)] = _phase(report, call)
        return report


def _taken(store: ArtifactStore, name: str, value: Any) -> Artifact:
    """Return a copy of a result.

    This is no method: what `record_result` reaches is looked at where a test is traced.
    """
    path = f"{RESULT}[{name!r}]"
    fingerprint(value, path)
    try:
        return store.put(value, path)
    except StoreError:
        problem = scratch.stood_in_for(store.root)
        if problem:
            hint = "fix: record what is small, or record it where the true files are seen"
            raise CheckError(f"{path} is too large to be kept here: {problem}", hint=hint) from None
        raise


def _seeding(item: pytest.Item) -> AbstractContextManager[object]:
    seed = seed_of(item)
    return nullcontext() if seed is None else seeded(task_seed(seed, getattr(item, "originalname", item.name)))


def _phase(report: pytest.TestReport, call: pytest.CallInfo[Any]) -> str:
    """Return the outcome of setup, call or teardown in one text, without addresses."""
    raised = _WHERE.sub("", masked(call.excinfo.exconly())) if call.excinfo is not None else ""
    if hasattr(report, "wasxfail"):
        because = f" ({report.wasxfail})" if report.wasxfail else ""
        return f"xpassed{because}" if report.passed else f"xfailed{because}: {raised}"
    if report.skipped:
        return f"{SKIPPED}: {getattr(call.excinfo and call.excinfo.value, 'msg', None) or raised}"
    if report.failed:
        return f"failed: {raised or report.longrepr}"
    return report.outcome


def _told(phases: dict[str, str]) -> str:
    """Return the outcome of a test: that of its call, or of what else did not pass."""
    odd = {when: told for when, told in phases.items() if told != "passed"}
    return "; ".join(told if when == "call" else f"{told} (in {when})" for when, told in odd.items()) or "passed"
