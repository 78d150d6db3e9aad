"""Laws of pipelines: a result that should not depend on partitions, order or seed is shown not to, or how it does.

Each law is checked on one process of the configured pipeline. Given a case (sizes, an order, a seed) it is checked for
that case; without one Hypothesis looks for the smallest case that breaks it, always the same. Varied processes are run
by `Results.run`, so the session's own results stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pytest_expops.bounds import NUMBERS
from pytest_expops.execution.results import Results
from pytest_expops.execution.variations.variation import Sizes
from pytest_expops.pipeline.model import ExpandedPipeline, Tolerance
from pytest_expops.verdicts.laws._checks import BatchCheck, OrderCheck, PartitionCheck, SeedCheck, StatedLaw
from pytest_expops.verdicts.laws._judging import LawBroken, hold
from pytest_expops.verdicts.laws._search import Effort
from pytest_expops.verdicts.laws._subjects import LawError, merged_split, rows_of, splits_above, standing_split
from pytest_expops.wording import refusal

__all__ = [
    "LAWS",
    "LawBroken",
    "LawError",
    "batch_consistent",
    "order_invariant",
    "partition_invariant",
    "seed_invariant",
]

RTOL, ATOL = 1e-9, 1e-12
"""Sums of floats that are taken in another order differ by rounding: by some 1e-16 of the largest for each addition."""
EXAMPLES = 50
SECONDS = 60.0


def partition_invariant(
    expops: Results,
    process: str,
    sizes: Sizes | None = None,
    *,
    of: str | None = None,
    keys: Iterable[str] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    max_partitions: int = 6,
    min_rows: int = 1,
    examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> int:
    """Check that an aggregation gives the same however the rows were split: as with one partition, so with `sizes`.

    A mistake that it catches: the mean over all rows as the mean of the partitions' means, ``mean(part["mean"] for part
    in parts)``. It is right as long as all partitions are of one size, and so in every test with 90 rows in 3 parts.

    Args:
        expops: the fixture, or a result of its `run`.
        process: a process, by base name, that merges the partitions or comes after one that does.
        sizes: as `data_parallelism.size`; by default the smallest that break the law are looked for.
        of: the data split; by default the one whose partitions `process` merges.
        keys: the outputs that are compared; by default all.
        rtol: numbers may differ by this much of the expected one, plus `atol`.
        atol: see `rtol`.
        max_partitions: the most partitions that are tried.
        min_rows: the fewest rows of a partition that is tried; 0 tries empty ones too.
        examples: how many sizes are tried at most.
        seconds: how long is looked at most.

    Returns:
        How many cases were tried; fewer than `examples` where the time was up, or where there are no more.

    Raises:
        LawBroken: another split gives another result, or makes a process raise.
        LawError: no split is merged at or above the process.
    """
    __tracebackhide__ = True
    tolerance, effort = _asked(rtol, atol, examples, seconds)
    max_partitions, min_rows = _checked("max_partitions", max_partitions), _checked("min_rows", min_rows)
    rows = rows_of(expops, process, merged_split(expops.expanded(process), process, of), None)
    check = PartitionCheck(expops, process, rows, _listed(keys), max_partitions, min_rows)
    claim = f"gives another result where `{rows.source}` splits otherwise"
    law = StatedLaw("partition_invariant", claim, check, 2 * min_rows)
    return hold(law, sizes, tolerance, effort)


def batch_consistent(
    expops: Results,
    process: str,
    sizes: Sizes | None = None,
    *,
    of: str | None = None,
    keys: Iterable[str] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    max_partitions: int = 6,
    min_rows: int = 1,
    examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> int:
    """Check that a process gives the same for each row, whatever rows are in its partition: as with all rows at once.

    A mistake that it catches: features standardised by the mean and deviation of the partition, so that a patient's
    depend on who else is in it. (Another: ``shift(1)``, which finds nothing before the first row of a partition.)

    Args:
        expops: the fixture, or a result of its `run`.
        process: a process, by base name, that stands in the partitions of a split.
        sizes: as `data_parallelism.size`; by default the smallest that break the law are looked for.
        of: the data split; by default the innermost in whose partitions `process` stands.
        keys: the outputs that have a row for each row; by default all that have as many rows as the whole.
        rtol: numbers may differ by this much of the expected one, plus `atol`.
        atol: see `rtol`.
        max_partitions: the most partitions that are tried.
        min_rows: the fewest rows of a partition that is tried; 0 tries empty ones too.
        examples: how many sizes are tried at most.
        seconds: how long is looked at most.

    Returns:
        How many cases were tried; fewer than `examples` where the time was up, or where there are no more.

    Raises:
        LawBroken: results by partition, put together in order, are not the result on the whole.
        LawError: the process stands in no partition, or returns nothing row by row.
    """
    __tracebackhide__ = True
    tolerance, effort = _asked(rtol, atol, examples, seconds)
    max_partitions, min_rows = _checked("max_partitions", max_partitions), _checked("min_rows", min_rows)
    rows = rows_of(expops, process, standing_split(expops.expanded(process), process, of), None)
    check = BatchCheck(expops, process, rows, _listed(keys), max_partitions, min_rows)
    claim = f"gives rows another result where `{rows.source}` splits otherwise"
    law = StatedLaw("batch_consistent", claim, check, 2 * min_rows)
    return hold(law, sizes, tolerance, effort)


def order_invariant(
    expops: Results,
    process: str,
    order: Sequence[int] | None = None,
    *,
    of: str | None = None,
    key: str | None = None,
    keys: Iterable[str] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> int:
    """Check that a process gives the same in whatever order the rows upstream stand.

    One that stands in a partition is checked with all rows in a single partition, so that none moves to another one.

    A mistake that it catches: of two rows on one patient the later one is kept (``drop_duplicates(keep="last")``), and
    which is later depends on the order in which a database returned them.

    Args:
        expops: the fixture, or a result of its `run`.
        process: a process, by base name.
        order: positions of all rows, each once; by default an order that breaks the law is looked for.
        of: the process whose rows are put in another order; by default the data split that `process` merges or stands
            in, else its only upstream process.
        key: under which key `of` returns the rows; by default its `data_name`, or its only output with rows.
        keys: the outputs that are compared; by default all.
        rtol: numbers may differ by this much of the expected one, plus `atol`.
        atol: see `rtol`.
        examples: how many orders are tried at most.
        seconds: how long is looked at most.

    Returns:
        How many cases were tried; fewer than `examples` where the time was up, or where there are no more.

    Raises:
        LawBroken: another order gives another result, or makes a process raise.
        LawError: it is not clear which rows are meant.
    """
    __tracebackhide__ = True
    tolerance, effort = _asked(rtol, atol, examples, seconds)
    rows = rows_of(expops, process, of or _source(expops.expanded(process), process), key)
    unsplit = rows.source in expops.expanded(process).layers[process].data
    check = OrderCheck(expops, process, rows, _listed(keys), unsplit)
    claim = f"gives another result where the rows of `{rows.source}` stand in another order"
    law = StatedLaw("order_invariant", claim, check, 2)
    return hold(law, order, tolerance, effort)


def seed_invariant(
    expops: Results,
    process: str,
    seed: int | None = None,
    *,
    keys: Iterable[str] | None = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    examples: int = 10,
    seconds: float = SECONDS,
) -> int:
    """Check that a process gives the same under any seed, on the same inputs: that it draws nothing at random.

    The process alone is checked: what stands upstream is given to it as the session found it. The seed is that of the
    innermost seed layer in which it stands, else the base seed.

    A mistake that it catches: an evaluation that subsamples its rows (``df.sample(1000)``), so that half of the spread
    over seeds is not the model's.

    Args:
        expops: the fixture, or a result of its `run`.
        process: a process, by base name.
        seed: another seed than the configured; by default some are tried.
        keys: the outputs that are compared; by default all.
        rtol: numbers may differ by this much of the expected one, plus `atol`; not at all by default.
        atol: see `rtol`.
        examples: how many seeds are tried at most.
        seconds: how long is looked at most.

    Returns:
        How many cases were tried; fewer than `examples` where the time was up, or where there are no more.

    Raises:
        LawBroken: another seed gives another result, or makes the process raise.
    """
    __tracebackhide__ = True
    tolerance, effort = _asked(rtol, atol, examples, seconds)
    check = SeedCheck(expops, process, _listed(keys))
    layer = f"the seed that `{check.fan}` gives" if check.fan is not None else "the base seed"
    claim = f"gives another result on the same inputs where {layer} is another"
    law = StatedLaw("seed_invariant", claim, check, 0)
    return hold(law, seed, tolerance, effort)


LAWS: Mapping[str, Callable[..., int]] = {
    law.__name__: law for law in (partition_invariant, order_invariant, seed_invariant, batch_consistent)
}
"""The laws by name, as `reproducibility.properties` of a config names them."""


def check_applicable(law: str, pipeline: ExpandedPipeline, process: str, of: str | None = None) -> None:
    """Check that a law has a meaning for a process, as far as that is known before anything has run.

    Raises:
        LawError: it has none, or it is not clear which split is meant.
    """
    if law == "partition_invariant":
        merged_split(pipeline, process, of)
    elif law == "batch_consistent":
        standing_split(pipeline, process, of)
    elif law == "order_invariant" and of is None:
        _source(pipeline, process)


def _asked(rtol: object, atol: object, examples: object, seconds: object) -> tuple[Tolerance, Effort]:
    tolerance = Tolerance(_checked("rtol", rtol), _checked("atol", atol))
    return tolerance, Effort(_checked("examples", examples), _checked("seconds", seconds))


def _checked(name: str, value: object) -> Any:
    number = NUMBERS[name].read(value)
    if number is None:
        raise LawError(refusal(name, NUMBERS[name].expected, value), key=name)
    return number


def _listed(keys: Iterable[str] | None) -> list[str] | None:
    return [keys] if isinstance(keys, str) else None if keys is None else list(keys)


def _source(pipeline: ExpandedPipeline, process: str) -> str:
    """Return whose rows are put in another order by default."""
    if pipeline.layers[process].data:
        return standing_split(pipeline, process, None)
    if splits_above(pipeline, process):
        return merged_split(pipeline, process, None)
    upstream = pipeline.pipeline.processes[process].upstream
    if len(upstream) != 1:
        listed = ", ".join(f"`{name}`" for name in upstream) or "no process"
        hint = "name with `of` the process whose rows are meant"
        raise LawError(f"the rows of which process? upstream of `{process}` is {listed}", process=process, hint=hint)
    return upstream[0]
