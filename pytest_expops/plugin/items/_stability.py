"""The checks `PROCESS[stability:METRIC]`: does a result depend too much on the seed?"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytest

from pytest_expops.errors import CheckFailed, ConfigWarning, ExpopsError, MissingExtra
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, SeedClaims
from pytest_expops.plugin.items.base import ConfigNode, ExpopsItem, marker_of, stop_for
from pytest_expops.verdicts.baseline.lock_file import recorded_metrics
from pytest_expops.verdicts.stability.claims import ClaimStatus
from pytest_expops.verdicts.stability.spread import (
    Baseline,
    Spread,
    check_name,
    doubts,
    intervals_in,
    judge_spread,
    spreads_folder,
)
from pytest_expops.verdicts.stability.text import explain, headline


class Unstable(ExpopsError, CheckFailed):
    """A claim over seeds does not hold, or is undecided where that is asked to fail."""

    def __init__(self, spread: Spread) -> None:
        finding = spread.finding
        super().__init__(explain(finding, spread.comparisons), process=finding.process, key=finding.metric)
        self.spread = spread


class StabilityItem(ExpopsItem):
    """Checks the claims on one metric of a configured process, over all its partitions and seeds."""

    expops_kind = "stability"

    def __init__(self, *, claims: SeedClaims, together: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.claims = claims
        self.together = together
        self.add_marker(marker_of("expops_stability"))

    def __repr__(self) -> str:
        return f"<Stability {self.name}>"

    def expops_notes(self) -> dict[str, Any]:
        """Return what the report is to know: it is of all duplicates of a process."""
        return {"config": str(self.path), "group": self.expanded.process.name}

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return the place of the claims in the config."""
        location = self.claims.location
        return (self.path, location.line - 1, self.name) if location else super().reportinfo()

    def runtest(self) -> None:
        """Check the claims, and fail if one does not hold."""
        session, process = self.pipeline_session, self.expanded.process.name
        self._wait_for(session, process)
        spread = judge_spread(session, process, self.claims, self.together, self._baseline())
        spreads_folder(session).write(self.name, spread.to_json())
        self.user_properties.append(("expops_stability", spread.status.value))
        undecided = self.state.options.undecided
        if spread.status is ClaimStatus.FAIL or (spread.status is ClaimStatus.UNDECIDED and undecided == "fail"):
            raise Unstable(spread)
        if spread.status is ClaimStatus.UNDECIDED and undecided == "skip":
            reason = f"{ClaimStatus.UNDECIDED.value}: {headline(spread.finding, spread.comparisons)}"
            raise pytest.skip.Exception(reason, _use_item_location=True)

    def _wait_for(self, session: PipelineSession, process: str) -> None:
        """Run what has not been run; if anything did not pass, stop (S6.3)."""
        roots: dict[str, RunRecord] = {}
        for each in session.expanded.of(process):
            record = session.record(each.name)
            if record.outcome is not Outcome.PASSED:
                roots.update((root.process, root) for root in session.roots(record))
        if roots:
            stop_for(self.config, self.path, list(roots.values()), "no spread to judge: ")

    def _baseline(self) -> Baseline | None:
        baseline = self.state.baselines.get(self.path)
        return functools.partial(recorded_metrics, baseline.lock) if baseline is not None else None


def stability_items(file: ConfigNode) -> dict[str, list[StabilityItem]]:
    """Return the checks of a config, by the expanded process after which they are collected: the last of their own.

    Raises:
        CollectError: SciPy is not installed, or a warning is to be an error.
    """
    expanded = file.pipeline_session.expanded
    if not any(process.stability for process in expanded.pipeline.processes.values()):
        return {}
    together = intervals_in(expanded)
    last = {each.process.name: each for each in expanded.processes.values() if each.process.stability}
    items = {}
    for each in last.values():
        for claims in each.process.stability:
            _warn_of_doubts(file, expanded, each.process.name, claims, together)
        items[each.name] = [_item(file, each, claims, together) for claims in each.process.stability]
    return items


def _item(file: ConfigNode, last: ExpandedProcess, claims: SeedClaims, together: int) -> StabilityItem:
    name = check_name(last.process.name, claims)
    item: StabilityItem = StabilityItem.from_parent(
        file, name=name, nodeid=f"{file.nodeid}::{name}", expanded=last, claims=claims, together=together
    )
    return item


def _warn_of_doubts(
    file: ConfigNode, expanded: ExpandedPipeline, process: str, claims: SeedClaims, together: int
) -> None:
    """Warn, at their place in the config, of claims with wide intervals for want of seeds; not in every worker.

    Whether they are decided is not known yet: a mean that is far from its bound is, by few seeds too.
    """
    place = claims.location or file.path
    try:
        doubted = doubts(expanded, process, claims, together)
    except MissingExtra as error:
        raise file.CollectError(f"{place}: {error}") from None
    if not doubted or file.pipeline_session.worker not in ("main", "gw0"):
        return
    reasons = "; ".join(f"`{bound}`: {why}" for bound, why in doubted.items())
    text = (
        f"`{check_name(process, claims)}` has wide intervals, and a bound within its interval is undecided. {reasons}\n"
        "  fix: give more seeds, or claim only what the seeds that run can show: `max_range`, `min_value`, `max_value`"
    )
    line = claims.location.line if claims.location else 1
    try:
        warnings.warn_explicit(ConfigWarning(text), None, str(file.path), line)
    except ConfigWarning as error:  # the user asked for warnings to be errors
        raise file.CollectError(f"{place}: {error}") from None
