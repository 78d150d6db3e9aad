"""The summary's table of what was found over seeds: a row per metric and partition, with a tiny distribution."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from pytest_expops.execution.session import PipelineSession
from pytest_expops.verdicts.stability.claims import ClaimStatus, Group
from pytest_expops.verdicts.stability.distribution import ASCII, BLOCKS, distribution
from pytest_expops.verdicts.stability.paired import PairedComparison, Standing, overall
from pytest_expops.verdicts.stability.spread import Spread, spreads_of
from pytest_expops.verdicts.stability.text import aligned, number, spanned
from pytest_expops.wording import and_more

MOST_ROWS = 20
"""How many rows the table has; what passes is left out first."""
HEADS = ("stability over seeds", "n", "mean", "std", "interval of the mean", "seeds", "verdict")
_LINKS = {Standing.BETTER: "than", Standing.WORSE: "than", Standing.SAME: "to", Standing.UNDECIDED: "against"}
_RANKS = {ClaimStatus.FAIL: 0, ClaimStatus.UNDECIDED: 1, ClaimStatus.PASS: 2}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    status: ClaimStatus
    cells: tuple[str, ...]


def list_stability(reporter: pytest.TerminalReporter, session: PipelineSession) -> None:
    """A table of what the checks of this config have found, if any were made."""
    spreads = spreads_of(session)
    glyphs = levels(getattr(sys.stdout, "encoding", None))
    rows = [row for spread in spreads for row in _rows(spread, glyphs)]
    if not rows:
        return
    shown = _most_telling(rows)
    head, *lines = aligned([HEADS, *(row.cells for row in shown)], left=(0, len(HEADS) - 1))
    reporter.line(head)
    for row, line in zip(shown, lines, strict=True):
        reporter.line(line, red=row.status is ClaimStatus.FAIL, yellow=row.status is ClaimStatus.UNDECIDED)
    if more := and_more(len(rows), len(shown)):
        reporter.line(f"  ... {more}")
    reporter.line(_footnote(spreads))


def levels(encoding: str | None) -> str:
    """Return the characters of a distribution that the terminal can show."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def _most_telling(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in their order, without some that pass where there are too many."""
    kept = sorted(range(len(rows)), key=lambda index: (_RANKS[rows[index].status], index))[:MOST_ROWS]
    return [rows[index] for index in sorted(kept)]


def _footnote(spreads: Sequence[Spread]) -> str:
    findings = [spread.finding for spread in spreads]
    together = findings[0].together
    asked = sorted({finding.confidence for finding in findings})
    single = " or ".join(f"{100 - 100 * (1 - confidence) / together:.4g} %" for confidence in asked)
    jointly = f": the {together} that claims take hold at once with {100 * asked[0]:.4g} %" if together > 1 else ""
    return f"  (intervals of {single}{jointly}; min, max and range are of the seeds that ran)"


def _rows(spread: Spread, glyphs: str) -> list[Row]:
    finding = spread.finding
    against = {each.label: each for each in spread.comparisons}
    values = [value for group in finding.groups for value in group.values.values()]
    rows = []
    for group in finding.groups:
        comparisons = [against[group.label]] if group.label in against else []
        status = overall(replace(finding, groups=(group,)), comparisons)
        cells = (
            f"  {finding.process} {finding.metric}{f', {group.label}' if group.label else ''}",
            str(len(group.values)),
            number(group.mean),
            number(group.std),
            spanned(group.interval),
            distribution(group.values.values(), min(values), max(values), glyphs),
            _verdict(group, comparisons, status),
        )
        rows.append(Row(status, cells))
    return rows


def _verdict(group: Group, comparisons: Sequence[PairedComparison], status: ClaimStatus) -> str:
    """Return the status, which bounds it is of, how many seeds would decide, and how it compares with the baseline."""
    bounds = [claim for claim in group.claims if claim.status is status]
    said = [status.value]
    if status is not ClaimStatus.PASS and bounds:
        said[0] += f" {', '.join(claim.bound for claim in bounds)}"
    enough = [claim.enough for claim in bounds if claim.enough is not None]
    if enough and len(enough) == len(bounds):
        said.append(f"{max(enough)} seeds would decide")
    if group.without_effect:
        said.append("the seed shows no effect")
    said += [f"{each.standing.value} {_LINKS[each.standing]} the baseline" for each in comparisons]
    return "; ".join(said)
