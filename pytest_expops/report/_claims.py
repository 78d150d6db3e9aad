"""What is claimed of metrics over seeds, and what was found, as a report has it."""

from __future__ import annotations

from pytest_expops.report._numbers import plain
from pytest_expops.report.model import ClaimedGroup, ClaimedMetric, ShownClaim
from pytest_expops.verdicts.stability.claims import Claim, Group
from pytest_expops.verdicts.stability.paired import PairedComparison
from pytest_expops.verdicts.stability.spread import Spread
from pytest_expops.verdicts.stability.text import comparison_text


def claimed_metric(spread: Spread, config: str) -> ClaimedMetric:
    """Return what was found of one metric of a config."""
    finding = spread.finding
    against = {each.label: each for each in spread.comparisons}
    return ClaimedMetric(
        process=finding.process,
        metric=finding.metric,
        confidence=finding.confidence,
        status=spread.status,
        groups=tuple(_group(group, against.get(group.label)) for group in finding.groups),
        config=config,
    )


def _group(group: Group, against: PairedComparison | None) -> ClaimedGroup:
    low, high = group.interval
    return ClaimedGroup(
        label=group.label,
        seeds=tuple(group.values),
        values=tuple(map(plain, group.values.values())),
        mean=plain(group.mean),
        std=plain(group.std),
        interval=(plain(low), plain(high)),
        claims=tuple(map(_claim, group.claims)),
        against=comparison_text(against) if against is not None else "",
    )


def _claim(claim: Claim) -> ShownClaim:
    interval = (plain(claim.interval[0]), plain(claim.interval[1])) if claim.interval is not None else None
    return ShownClaim(claim.bound, claim.limit, plain(claim.obtained), claim.status, interval, claim.enough)
