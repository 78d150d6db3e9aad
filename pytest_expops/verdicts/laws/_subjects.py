"""What a law is about: a process, the rows above it that can be varied, and runs on some of these rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.calls.partitioning import row_count, take
from pytest_expops.execution.results import Results
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.wording import listed


class LawError(ExpopsError):
    """A law that cannot be checked on this process."""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows `start` up to `stop`, of `of` rows in all."""

    start: int
    stop: int
    of: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def whole(self) -> bool:
        return self.rows == self.of


@dataclass(frozen=True)
class Rows:
    """What the process `source` returns under `key`: rows that a law splits, orders, or takes some of."""

    expops: Results
    source: str
    key: str

    @cached_property
    def outputs(self) -> dict[str, Outputs]:
        """The outputs of the source in this session, by expanded name."""
        return self.expops.outputs(self.source)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many rows each duplicate of the source returns.

        Raises:
            LawError: one of them returns no rows.
        """
        counts = []
        for name, outputs in self.outputs.items():
            count = row_count(outputs[self.key]) if self.key in outputs else None
            if count is None:
                raise LawError(
                    f"`{name}` returns no rows under `{self.key}`; it returns {_listed(outputs)}",
                    process=self.source,
                    key=self.key,
                    hint="name with `key` the output whose rows are meant",
                )
            counts.append(count)
        return tuple(counts)

    @property
    def whole(self) -> Window:
        """All rows; of the duplicate with the fewest, where there are several."""
        count = min(self.counts)
        return Window(0, count, count)

    @property
    def alike(self) -> bool:
        """Whether all duplicates of the source have as many rows, so that one list of row counts fits all."""
        return len(set(self.counts)) == 1

    def given(self, window: Window, order: Sequence[int] | None = None) -> dict[str, Outputs]:
        """Return `outputs` for `expops.run`: the source's own, with only the rows of the window, in this order.

        Nothing where that is what the source returns anyway, so that the session's own outputs are used.
        """
        if window.whole and self.alike and order is None:
            return {}
        given = {}
        for name, outputs in self.outputs.items():
            part = take(outputs[self.key], window.start, window.stop)
            given[name] = {**outputs, self.key: part if order is None else reordered(part, order)}
        return given

    def written(self, window: Window, order: str = "") -> str:
        """Return what `given` returns as an expression, in which `expops` is the fixture; empty where it is nothing.

        Args:
            window: the rows to take.
            order: an expression for their positions in another order, if there is one.
        """
        if window.whole and self.alike and not order:
            return ""
        value = next(iter(self.outputs.values()))[self.key]
        framed = hasattr(value, "iloc")
        rows = f"each[{self.key!r}]{'.iloc' if framed else ''}[{window.start}:{window.stop}]"
        if order and (framed or hasattr(value, "shape")):
            rows = f"{rows}{'.iloc' if framed else ''}[{order}]"
        elif order:
            rows = f"{type(value).__name__}({rows}[position] for position in {order})"
        taken = f"{{**each, {self.key!r}: {rows}}}"
        return f"{{name: {taken} for name, each in expops.outputs({self.source!r}).items()}}"

    def shown(self, window: Window) -> Any:
        """Return the rows of the window, of the first duplicate."""
        return take(next(iter(self.outputs.values()))[self.key], window.start, window.stop)


def reordered(rows: Any, order: Sequence[int]) -> Any:
    """Return the rows at the positions `order`, in their own type.

    Raises:
        LawError: the type has no way to take rows by position.
    """
    if hasattr(rows, "iloc"):
        return rows.iloc[np.asarray(order, dtype=np.intp)]
    if isinstance(rows, list | tuple):
        return type(rows)([rows[position] for position in order])
    if hasattr(rows, "shape"):
        return rows[np.asarray(order, dtype=np.intp)]
    raise LawError(
        f"rows of type {type(rows).__name__} cannot be put in another order; expected a frame, array or list"
    )


def joined(parts: Sequence[Any]) -> Any:
    """Return the results of partitions as one, in order, in their own type."""
    first = parts[0]
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts)
    if isinstance(first, list | tuple):
        return type(first)([row for part in parts for row in part])
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    raise LawError(f"results of type {type(first).__name__} cannot be put together; expected frames, arrays or lists")


def splits_above(pipeline: ExpandedPipeline, process: str) -> list[str]:
    """Return the data splits upstream of a process, in topological order."""
    above: set[str] = set()
    stack = [*pipeline.pipeline.processes[process].upstream]
    while stack:
        name = stack.pop()
        if name not in above:
            above.add(name)
            stack += pipeline.pipeline.processes[name].upstream
    ordered = dict.fromkeys(each.process.name for each in pipeline.processes.values())
    return [name for name in ordered if name in above and pipeline.pipeline.processes[name].split_data]


def merged_split(pipeline: ExpandedPipeline, process: str, of: str | None) -> str:
    """Return the split whose partitions are merged again where `process` stands: the one it merges itself, if any.

    Raises:
        LawError: there is none, or it is not clear which.
    """
    standing = pipeline.layers[process].data
    merged = [name for name in splits_above(pipeline, process) if name not in standing]
    if of is not None:
        if of in merged:
            return of
        inside = of in standing
        why = "each of its partitions has a result of its own there" if inside else "it is no data split above it"
        raise LawError(
            f"`{process}` cannot be independent of how `{of}` splits: {why}",
            process=process,
            key="of",
            hint=_instead(merged) if merged else "check it on a process that merges the partitions, or comes after it",
        )
    if len(merged) == 1:
        return merged[0]
    itself = pipeline.incoming[process].data
    if pipeline.pipeline.processes[process].aggregates.data and itself:
        return itself[-1]
    found = f"{len(merged)} splits are merged above it: {_listed(merged)}" if merged else "no split is merged above it"
    raise LawError(
        f"of which split should `{process}` be independent? {found}",
        process=process,
        key="of",
        hint="name one with `of`" if merged else "check it on a process that merges partitions, or comes after one",
    )


def standing_split(pipeline: ExpandedPipeline, process: str, of: str | None) -> str:
    """Return the split in whose partitions a process stands; the innermost, if none is named.

    Raises:
        LawError: it stands in none, or not in this one.
    """
    standing = pipeline.layers[process].data
    if of is None and standing:
        return standing[-1]
    if of is not None and of in standing:
        return of
    where = f"the partitions of `{of}`" if of is not None else "any partition"
    raise LawError(
        f"`{process}` does not stand in {where}, so it has no results by partition",
        process=process,
        key="of",
        hint=_instead(standing) if standing else "check it on a process between a data split and its aggregation",
    )


def rows_of(expops: Results, process: str, of: str, key: str | None) -> Rows:
    """Return the rows that the process `of` returns: under its `data_name` if it splits, else as its only rows.

    Raises:
        LawError: it is not clear which output is meant.
    """
    split = expops.expanded(process).pipeline.processes[of].split_data
    if key is None and split is not None:
        key = split.data_name
    if key is None:
        outputs = next(iter(expops.outputs(of).values()))
        able = [name for name, value in outputs.items() if row_count(value) is not None]
        if len(able) != 1:
            found = f"{_listed(able)} have rows" if able else "none has rows"
            hint = "name the one that is meant with `key`" if able else "name another process with `of`"
            raise LawError(f"which output of `{of}` is meant? {found}", process=process, key="key", hint=hint)
        key = able[0]
    return Rows(expops, of, key)


def chosen(outputs: Mapping[str, Outputs], keys: Iterable[str] | None, process: str) -> dict[str, Outputs]:
    """Return the outputs of each duplicate, only those under `keys` if these are given.

    Raises:
        LawError: a duplicate has no such output.
    """
    if keys is None:
        return dict(outputs)
    wanted = [keys] if isinstance(keys, str) else list(keys)
    for name, each in outputs.items():
        for key in wanted:
            if key not in each:
                raise LawError(f"`{name}` returns no `{key}`; it returns {_listed(each)}", process=process, key=key)
    return {name: {key: each[key] for key in wanted} for name, each in outputs.items()}


def _instead(names: Iterable[str]) -> str:
    return f"name {' or '.join(f'`{name}`' for name in names)} with `of`"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"


def cut(numbers: list[int], most: int = 12) -> str:
    """Return a list as text, without its end where it is long."""
    return f"[{listed(map(str, numbers), most)}]"
