"""The checks `NAME[baseline]`: is the result still what the lock file records?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import CheckFailed, ExpopsError
from pytest_expops.execution.records import Outcome
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.plugin.items.base import ConfigNode, ExpopsItem, OwnItem, marker_of, stop_for
from pytest_expops.plugin.options.baseline import WRITING
from pytest_expops.verdicts.baseline.baseline import Agreement, BaselineComparison
from pytest_expops.verdicts.baseline.text import Context, explain_drift
from pytest_expops.verdicts.session_verdicts import repeating_of, verdict_on


class BaselineDiffered(ExpopsError, CheckFailed):
    """A process no longer gives what the lock file records."""

    def __init__(self, comparison: BaselineComparison, text: str) -> None:
        super().__init__(text, process=comparison.process)
        self.comparison = comparison


class StaleEntry(ExpopsError, CheckFailed):
    """The lock file has an entry of a process that the config does not have."""


class BaselineItem(ExpopsItem):
    """Compares a process with its entry; where that is to be written, makes the new one ready for the end."""

    expops_kind = "baseline"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_baseline"))

    def __repr__(self) -> str:
        return f"<Baseline {self.name}>"

    def runtest(self) -> None:
        state, session, name = self.state, self.pipeline_session, self.expanded.name
        record = session.record(name)
        if record.outcome is not Outcome.PASSED:
            stop_for(self.config, self.path, session.roots(record), "nothing to compare with the baseline: ")
        declared = self.expanded.process.nondeterministic
        if declared is not None:
            reason = f"declared nondeterministic, so there is nothing to compare: {declared}"
            raise pytest.skip.Exception(reason, _use_item_location=True)
        baseline, mode = state.baselines[self.path], state.options.baseline.mode
        if mode == "update" or name not in baseline.lock.entries:
            verdict = verdict_on(session, name)
            baseline.propose(name, None if verdict is None else verdict.seen)
            return
        comparison = baseline.compare(name)
        self.user_properties.append(("expops_baseline", comparison.agreement.value))
        if comparison.agreement is Agreement.DIFFERS:
            raise BaselineDiffered(comparison, explain_drift(comparison, self._context(), self._command()))

    def _context(self) -> Context:
        """Return what a report says of the process besides the comparison."""
        path = os.path.relpath(self.state.lock_paths[self.path], self.config.invocation_params.dir)
        tolerance = self.state.options.baseline.tolerance.value
        repeating = repeating_of(self.pipeline_session, self.expanded.name, self.state.options.replay)
        return Context(path, self.expanded.process.code.function, tolerance, repeating)

    def _command(self) -> str:
        """Return the command that records the new result."""
        path = os.path.relpath(self.path, self.config.invocation_params.dir)
        name = f"{path}::{self.expanded.name}"
        return shlex.join(["pytest", "--expops-config", path, "--expops-baseline=update", name])


class StaleItem(OwnItem):
    """Fails: its entry is of a process that the config does not have."""

    expops_kind = "baseline"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_baseline"))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name

    def runtest(self) -> None:
        path = os.path.relpath(self.state.lock_paths[self.path], self.config.invocation_params.dir)
        process = self.name.removesuffix("[baseline]")
        raise StaleEntry(
            f"stale: {path} has an entry for `{process}`, which {self.path.name} does not have",
            process=process,
            hint="--expops-baseline=update removes it; without --expops-baseline-strict it is only reported",
        )


def baseline_items(file: ConfigNode, each: ExpandedProcess) -> Iterator[OwnItem]:
    """Yield the check of one process: where the lock has an entry for it, or may get one."""
    state = file.state
    baseline = state.baselines.get(file.path)
    if baseline is None or each.process.kind is Kind.CHART:
        return
    name = f"{each.name}[baseline]"
    recordable = state.options.baseline.mode in WRITING and each.process.nondeterministic is None
    if recordable or each.name in baseline.lock.entries:
        yield BaselineItem.from_parent(file, name=name, nodeid=f"{file.nodeid}::{name}", expanded=each)


def stale_items(file: ConfigNode) -> Iterator[OwnItem]:
    """Yield one for each stale entry, where those fail."""
    state = file.state
    baseline = state.baselines.get(file.path)
    if baseline is None or not state.options.baseline.strict or state.options.baseline.mode == "update":
        return
    for stale in baseline.stale:
        name = f"{stale}[baseline]"
        yield StaleItem.from_parent(file, name=name, nodeid=f"{file.nodeid}::{name}")
