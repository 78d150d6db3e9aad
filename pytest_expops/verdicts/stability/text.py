"""The words for what is found of a metric over seeds: each bound with its interval, and the values per seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from pytest_expops.verdicts.stability._intervals import Interval
from pytest_expops.verdicts.stability.claims import Claim, ClaimStatus, Finding, Group
from pytest_expops.verdicts.stability.paired import PairedComparison, Standing, overall
from pytest_expops.wording import first_of

MOST_COLUMNS = 8
"""So many partitions of the table of values stand side by side."""
STATISTICS = {
    "mean": "mean",
    "std": "standard deviation",
    "cv": "coefficient of variation",
    "range": "range",
    "value": "value",
}


def number(value: float) -> str:
    """Return a number with four significant digits; what is not a number, as a dash."""
    return "-" if math.isnan(value) else f"{value:.4g}"


def spanned(interval: Interval) -> str:
    """Return an interval in words; an end that is not there is named as such."""
    low, high = interval
    if math.isinf(low) and math.isinf(high):
        return "unknown"
    return f"{number(low)} to {'infinity' if math.isinf(high) else number(high)}"


def headline(finding: Finding, comparisons: Sequence[PairedComparison] = ()) -> str:
    """Return one line: the first claim that fails, or is open, and how many more do."""
    status = overall(finding, comparisons)
    found = [
        (group.label, claim_text(claim, len(group.values)))
        for group in finding.groups
        for claim in group.claims
        if claim.status is status
    ]
    found += [(each.label, comparison_text(each)) for each in comparisons if _STATUS_OF.get(each.standing) is status]
    if status is ClaimStatus.PASS:
        claimed = {0: "not worse than the baseline", 1: "its claim holds"}
        return f"{finding.metric}: {claimed.get(len(finding.claims), f'all {len(finding.claims)} claims hold')}"
    label, first = found[0]
    return f"{finding.metric}{_of(label)}: {first_of(first, len(found))}"


_STATUS_OF = {Standing.WORSE: ClaimStatus.FAIL, Standing.UNDECIDED: ClaimStatus.UNDECIDED}


def _of(label: str) -> str:
    return f" ({label})" if label else ""


def claim_text(claim: Claim, n: int) -> str:
    """Return one claim in a sentence: bound, what was obtained, the interval, and what would decide it."""
    expected = f"{claim.bound} {number(claim.limit)}: obtained {number(claim.obtained)}"
    if claim.interval is None or claim.interval == (claim.obtained, claim.obtained):
        return expected
    interval = f"{expected}, with {_seeds(n)} the interval is {spanned(claim.interval)}"
    if claim.status is not ClaimStatus.UNDECIDED:
        return interval
    if n < 2:
        return f"{expected}; one seed says nothing about others"
    if claim.enough is None:
        return f"{interval}; no reasonable number of seeds would decide at this spread"
    return f"{interval}; {claim.enough} seeds would decide at this spread"


def comparison_text(comparison: PairedComparison) -> str:
    """Return how a group stands to the baseline, in a sentence."""
    if comparison.mean is None or comparison.interval is None:
        return "undecided against the baseline: no seed is in both"
    if comparison.standing is Standing.SAME and comparison.mean == 0:
        return f"no difference to the baseline ({_seeds(comparison.n)})"
    against = "to" if comparison.standing is Standing.SAME else "than" if _decided(comparison) else "against"
    return (
        f"{comparison.standing.value} {against} the baseline: by {comparison.mean:+.4g} on average of "
        f"{_seeds(comparison.n)}, interval {_signed(comparison.interval)}"
    )


def _decided(comparison: PairedComparison) -> bool:
    return comparison.standing in (Standing.BETTER, Standing.WORSE)


def _signed(interval: Interval) -> str:
    return "unknown" if any(map(math.isinf, interval)) else f"{interval[0]:+.4g} to {interval[1]:+.4g}"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def explain(finding: Finding, comparisons: Sequence[PairedComparison] = ()) -> str:
    """Return all that was found, the first line alone being what pytest's short summary shows."""
    lines = [f"{overall(finding, comparisons).value}: {headline(finding, comparisons)}", ""]
    against = {each.label: each for each in comparisons}
    for group in finding.groups:
        lines += [f"{group.label or finding.metric}, {_seeds(len(group.values))}{_effect(group)}"]
        lines += [f"  {claim.status.value:9} {claim_text(claim, len(group.values))}" for claim in group.claims]
        if group.label in against:
            lines += [f"  {'':9} {comparison_text(against[group.label])}"]
    return "\n".join([*lines, "", *values_table(finding), "", _footnote(finding)])


def _effect(group: Group) -> str:
    return ": all values are equal, the seed shows no effect" if group.without_effect else ""


def _footnote(finding: Finding) -> str:
    percent = f"{100 * finding.confidence:.6g} %"
    if not any(claim.interval for claim in finding.claims):
        return "(these bounds are on the seeds that ran; of others they say nothing)"
    if finding.together == 1:
        return f"(the interval holds for all seeds that there might be, with {percent} confidence)"
    return f"(the intervals are for all seeds that there might be; all {finding.together} hold at once with {percent})"


def values_table(finding: Finding) -> list[str]:
    """Return a row per seed and a column per partition; below, mean and standard deviation of what was judged."""
    columns: dict[str, Mapping[str, float]] = dict(finding.readings)
    feet = {group.label: group for group in finding.groups}
    for group in finding.groups:
        if group.label not in columns:
            columns["mean"] = group.values
            feet["mean"] = group
    labels = list(columns)
    lines: list[str] = []
    for start in range(0, len(labels), MOST_COLUMNS):
        chosen = labels[start : start + MOST_COLUMNS]
        lines += [""] * bool(lines) + _block(finding.metric, {label: columns[label] for label in chosen}, feet)
    return lines


def _block(metric: str, columns: Mapping[str, Mapping[str, float]], feet: Mapping[str, Group]) -> list[str]:
    seeds = dict.fromkeys(seed for values in columns.values() for seed in values)
    heads = ["seed", *(label or metric for label in columns)]
    rows = [[seed, *(number(values[seed]) if seed in values else "" for values in columns.values())] for seed in seeds]
    if any(label in feet for label in columns):
        judged = [feet.get(label) for label in columns]
        rows.append(["mean", *(number(each.mean) if each else "" for each in judged)])
        rows.append(["std", *(number(each.std) if each else "" for each in judged)])
    return [f"  {line}" for line in aligned([heads, *rows])]


def aligned(rows: Iterable[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """Return rows of equal length as lines; columns are put to the right, but those numbered in `left` to the left."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
