"""What a config claims of one metric over seeds, judged on the run of a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.execution.records import JsonFolder
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedPipeline, SeedClaims
from pytest_expops.verdicts.stability._readings import Pairs, baseline_readings, readings
from pytest_expops.verdicts.stability.claims import ClaimStatus, Finding, about_population, doubt, judge, seed_means
from pytest_expops.verdicts.stability.paired import PairedComparison, compare_paired, overall

Baseline = Callable[[str], Mapping[str, Pairs] | None]
"""The logged metrics that are recorded of an expanded process, as (step, value); None where it has no entry."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What is found of one metric of a process, and how each of its groups stands to the baseline, if there is one."""

    finding: Finding
    comparisons: tuple[PairedComparison, ...] = ()

    @property
    def status(self) -> ClaimStatus:
        """The worst of its claims; that it is not worse than the baseline is one too."""
        return overall(self.finding, self.comparisons)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        return {"finding": self.finding.to_json(), "comparisons": [each.to_json() for each in self.comparisons]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spread:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: `data` is not what `to_json` gives.
        """
        return cls(Finding.from_json(data["finding"]), tuple(map(PairedComparison.from_json, data["comparisons"])))


def intervals_in(expanded: ExpandedPipeline) -> int:
    """Return how many intervals the claims of a config take, which are to hold all at once."""
    counts = [
        _groups(expanded, name, claims) * _intervals(claims)
        for name, process in expanded.pipeline.processes.items()
        for claims in process.stability
    ]
    return max(1, sum(counts))


def _intervals(claims: SeedClaims) -> int:
    return sum(map(about_population, claims.bounds)) + (claims.better is not None)


def _groups(expanded: ExpandedPipeline, process: str, claims: SeedClaims) -> int:
    if claims.over == "all":
        return 1
    return len(expanded.of(process)) // seed_count(expanded, process)


def seed_count(expanded: ExpandedPipeline, process: str) -> int:
    """Return how many seeds the innermost layer has in which a process stands."""
    split = expanded.pipeline.processes[expanded.layers[process].seeds[-1]].split_seeds
    assert split is not None, "a seed layer is opened by a seed split"
    return len(split.seeds)


def doubts(expanded: ExpandedPipeline, process: str, claims: SeedClaims, together: int) -> dict[str, str]:
    """Return the bounds whose intervals are wide with the seeds of this config, each with how wide.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    n, alpha = seed_count(expanded, process), (1 - claims.confidence) / together
    found = {bound: doubt(bound, n, alpha) for bound in claims.bounds}
    return {bound: why for bound, why in found.items() if why is not None}


def judge_spread(
    session: PipelineSession, process: str, claims: SeedClaims, together: int, baseline: Baseline | None = None
) -> Spread:
    """Judge the claims on one metric of a configured process, whose duplicates have all passed.

    Raises:
        StabilityError: the metric is not there, or no finite number.
        MissingExtra: SciPy is not installed.
    """
    obtained = readings(session, process, claims.metric)
    finding = judge(
        obtained,
        claims.bounds,
        over=claims.over,
        confidence=claims.confidence,
        together=together,
        process=process,
        metric=claims.metric,
    )
    if baseline is None or claims.better is None:
        return Spread(finding)
    before = baseline_readings(session.expanded.of(process), baseline, claims.metric)
    return Spread(finding, _compared(before, obtained, claims, together))


def _compared(
    before: Mapping[str, Mapping[str, float]],
    obtained: Mapping[str, Mapping[str, float]],
    claims: SeedClaims,
    together: int,
) -> tuple[PairedComparison, ...]:
    assert claims.better is not None
    if claims.over == "all":
        shared = [
            seed
            for seed in next(iter(obtained.values()))
            if all(seed in side.get(label, {}) for side in (before, obtained) for label in obtained)
        ]
        obtained, before = (
            {"": seed_means({label: {seed: side[label][seed] for seed in shared} for label in obtained})}
            if shared
            else {}
            for side in (obtained, before)
        )
    alpha = (1 - claims.confidence) / together
    return tuple(
        compare_paired(before[label], values, better=claims.better, margin=claims.margin, alpha=alpha, label=label)
        for label, values in obtained.items()
        if set(before.get(label, ())) & set(values)
    )


def check_name(process: str, claims: SeedClaims) -> str:
    """Return the name of the check of one metric."""
    return f"{process}[stability:{claims.metric}]"


def spreads_folder(session: PipelineSession) -> JsonFolder:
    """Return the folder of what was found over seeds, by the name of the check."""
    return JsonFolder(session.folder / "stability")


def spreads_of(session: PipelineSession) -> list[Spread]:
    """Return what was found so far, in topological order of the processes, then as the config has them."""
    folder, processes = spreads_folder(session), {}
    for each in session.expanded.processes.values():
        if each.process.stability:
            processes[each.process.name] = each.process
    known = [folder.read(check_name(name, claims)) for name, one in processes.items() for claims in one.stability]
    return [Spread.from_json(data) for data in known if data is not None]
