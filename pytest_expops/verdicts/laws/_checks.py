"""What each law compares with what: the result it expects, and the result that a case of it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hypothesis import strategies as st

from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.execution.calls.partitioning import bounds, row_count
from pytest_expops.execution.results import Results
from pytest_expops.pipeline.expansion import expanded_name
from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.strategies.rows import partition_sizes
from pytest_expops.verdicts.laws._orders import RowOrder, orders, positions
from pytest_expops.verdicts.laws._subjects import LawError, Rows, Window, chosen, cut, joined

RunArguments = Mapping[str, Any]
"""Keyword arguments of `expops.run`."""
Compared = Mapping[str, Outputs]
"""Outputs by the name under which a difference shows them."""


class Check(Protocol):
    """One law, checked on one process. A `case` is what it varies: sizes, an order, a seed."""

    @property
    def process(self) -> str:
        """The process by base name."""
        ...

    @property
    def rows(self) -> Rows | None:
        """The rows of which some may suffice for a counterexample; None where the law does not vary rows."""
        ...

    def cases(self, window: Window | None) -> st.SearchStrategy[Any]:
        """Return all cases there are with these rows."""
        ...

    def expected(self, window: Window | None) -> Compared:
        """Return what every case is to give."""
        ...

    def obtained(self, window: Window | None, case: Any, expected: Compared) -> Compared:
        """Return what this case gives, of what is expected."""
        ...

    def arguments(self, window: Window | None, case: Any) -> RunArguments:
        """Return how the case is made with `expops.run`."""
        ...

    def outputs_written(self, window: Window | None, case: Any) -> str:
        """Return the `outputs` among the arguments as an expression that can be pasted; empty where there are none."""
        ...

    def words(self, window: Window | None, case: Any) -> tuple[str, str]:
        """Return how the expected result came about, and how the obtained one did."""
        ...


@dataclass(frozen=True)
class StatedLaw:
    """A law by name, what a process does that breaks it, and how to check that.

    `least_rows` are the fewest rows of a counterexample.
    """

    name: str
    claim: str
    check: Check
    least_rows: int


@dataclass(frozen=True)
class PartitionCheck:
    """Compares one partition with the rows of `rows` split as the case says."""

    expops: Results
    process: str
    rows: Rows
    keys: Iterable[str] | None
    max_partitions: int
    min_rows: int

    def cases(self, window: Window | None) -> st.SearchStrategy[Any]:
        return _sizes(self.rows, window, self.max_partitions, self.min_rows)

    def expected(self, window: Window | None) -> Compared:
        return self.obtained(window, 1, {})

    def obtained(self, window: Window | None, case: Any, expected: Compared) -> Compared:
        result = self.expops.run(self.process, **self.arguments(window, case))
        return chosen(result.outputs(self.process), self.keys, self.process)

    def arguments(self, window: Window | None, case: Any) -> RunArguments:
        return _given(partitions={self.rows.source: case}, outputs=self.rows.given(window) if window else {})

    def outputs_written(self, window: Window | None, case: Any) -> str:
        return self.rows.written(window) if window else ""

    def words(self, window: Window | None, case: Any) -> tuple[str, str]:
        return "in one partition", _in_partitions(case, window or self.rows.whole)


@dataclass(frozen=True)
class BatchCheck:
    """Compares all rows of a partitioned process at once with its results for each partition, put together."""

    expops: Results
    process: str
    rows: Rows
    keys: Iterable[str] | None
    max_partitions: int
    min_rows: int

    def cases(self, window: Window | None) -> st.SearchStrategy[Any]:
        return _sizes(self.rows, window, self.max_partitions, self.min_rows)

    def expected(self, window: Window | None) -> Compared:
        result = self.expops.run(self.process, **self.arguments(window, 1))
        rows = (window or self.rows.whole).rows
        found = {place: self._row_by_row(parts[0], rows) for place, parts in self._by_place(result).items()}
        if not any(found.values()):
            raise LawError(
                f"`{self.process}` returns nothing with {rows} rows for {rows} rows of `{self.rows.key}`",
                process=self.process,
                hint="name with `keys` the outputs that have a row for each row",
            )
        return found

    def obtained(self, window: Window | None, case: Any, expected: Compared) -> Compared:
        result = self.expops.run(self.process, **self.arguments(window, case))
        return {
            place: {key: joined([part[key] for part in parts if key in part]) for key in expected[place]}
            for place, parts in self._by_place(result).items()
        }

    def arguments(self, window: Window | None, case: Any) -> RunArguments:
        return _given(partitions={self.rows.source: case}, outputs=self.rows.given(window) if window else {})

    def outputs_written(self, window: Window | None, case: Any) -> str:
        return self.rows.written(window) if window else ""

    def words(self, window: Window | None, case: Any) -> tuple[str, str]:
        return "all rows at once", f"{_in_partitions(case, window or self.rows.whole)}, put together"

    def _row_by_row(self, outputs: Outputs, rows: int) -> Outputs:
        if self.keys is not None:
            return chosen({self.process: outputs}, self.keys, self.process)[self.process]
        return {key: value for key, value in outputs.items() if row_count(value) == rows}

    def _by_place(self, result: Results) -> dict[str, list[Outputs]]:
        """Return the outputs of the process by where it stands apart from the split, its partitions in order."""
        expanded = result.expanded(self.process)
        at = expanded.layers[self.process].data.index(self.rows.source)
        places: dict[str, list[Outputs]] = {}
        for each in expanded.of(self.process):
            place = [*each.partitions[:at], "*", *each.partitions[at + 1 :], *(f"seed{seed}" for seed in each.seeds)]
            places.setdefault("_".join([self.process, *map(str, place)]), []).append(result[each.name])
        return places


@dataclass(frozen=True)
class OrderCheck:
    """Compares the rows of `rows` as they are with the same in another order; in one partition if `unsplit`."""

    expops: Results
    process: str
    rows: Rows
    keys: Iterable[str] | None
    unsplit: bool

    def cases(self, window: Window | None) -> st.SearchStrategy[Any]:
        return orders((window or self.rows.whole).rows)

    def expected(self, window: Window | None) -> Compared:
        return self._outputs(self._run_arguments(self.rows.given(window or self.rows.whole)))

    def obtained(self, window: Window | None, case: Any, expected: Compared) -> Compared:
        return self._outputs(self.arguments(window, case))

    def arguments(self, window: Window | None, case: Any) -> RunArguments:
        window = window or self.rows.whole
        return self._run_arguments(self.rows.given(window, positions(case, window.rows)))

    def outputs_written(self, window: Window | None, case: Any) -> str:
        window = window or self.rows.whole
        order = case.written(window.rows) if isinstance(case, RowOrder) else repr(positions(case, window.rows))
        return self.rows.written(window, order)

    def words(self, window: Window | None, case: Any) -> tuple[str, str]:
        return "in their own order", case.words if isinstance(case, RowOrder) else f"in the order {cut(list(case))}"

    def _run_arguments(self, outputs: Mapping[str, Outputs]) -> RunArguments:
        return _given(partitions={self.rows.source: 1} if self.unsplit else {}, outputs=outputs)

    def _outputs(self, arguments: RunArguments) -> Compared:
        result = self.expops.run(self.process, **arguments)
        return chosen(result.outputs(self.process), self.keys, self.process)


@dataclass(frozen=True)
class SeedCheck:
    """Compares a process on the session's own inputs with the same inputs under another seed."""

    expops: Results
    process: str
    keys: Iterable[str] | None
    rows: Rows | None = None

    @property
    def fan(self) -> str | None:
        """The process that opens the innermost seed layer; None where it is the base seed that matters."""
        standing = self.expops.expanded(self.process).layers[self.process].seeds
        return standing[-1] if standing else None

    @property
    def seed(self) -> int:
        """The seed of the session's own results that are compared with."""
        pipeline = self.expops.expanded(self.process).pipeline
        split = pipeline.processes[self.fan].split_seeds if self.fan is not None else None
        return split.seeds[0] if split is not None else pipeline.base_seed

    def cases(self, window: Window | None) -> st.SearchStrategy[Any]:
        seed = self.seed
        return st.integers(0, 2**32 - 1).filter(lambda other: other != seed)

    def expected(self, window: Window | None) -> Compared:
        outputs = {self._place(each): self.expops[each.name] for each in self._duplicates()}
        return chosen(outputs, self.keys, self.process)

    def obtained(self, window: Window | None, case: Any, expected: Compared) -> Compared:
        result = self.expops.run(self.process, **self.arguments(window, case))
        outputs = {self._place(each): result[each.name] for each in result.expanded(self.process).of(self.process)}
        return chosen(outputs, self.keys, self.process)

    def arguments(self, window: Window | None, case: Any) -> RunArguments:
        """Return another seed; but what stands upstream is given as it is, so that only this process can notice."""
        given = {renamed: self.expops[name] for name, renamed in self._upstream(case).items()}
        return _given(outputs=given, **({"base_seed": case} if self.fan is None else {"seeds": {self.fan: [case]}}))

    def outputs_written(self, window: Window | None, case: Any) -> str:
        given = [f"{renamed!r}: expops[{name!r}]" for name, renamed in self._upstream(case).items()]
        return f"{{{', '.join(given)}}}" if given else ""

    def words(self, window: Window | None, case: Any) -> tuple[str, str]:
        return f"with the seed {self.seed}", f"with the seed {case}"

    def _duplicates(self) -> list[ExpandedProcess]:
        """Return the duplicates of the seed that is compared with."""
        duplicates = self.expops.expanded(self.process).of(self.process)
        return [each for each in duplicates if self.fan is None or each.seeds[-1] == self.seed]

    def _upstream(self, seed: int) -> dict[str, str]:
        """Return the upstream processes, each with its name under the other seed."""
        pipeline = self.expops.expanded(self.process)
        names = dict.fromkeys(name for each in self._duplicates() for name in each.upstream)
        return {name: self._renamed(pipeline[name], seed) for name in names}

    def _renamed(self, upstream: ExpandedProcess, seed: int) -> str:
        """Return the name of an upstream process under the other seed."""
        layers = self.expops.expanded(self.process).layers[upstream.process.name].seeds
        if self.fan is None or self.fan not in layers:
            return upstream.name
        at = layers.index(self.fan)
        seeds = (*upstream.seeds[:at], seed, *upstream.seeds[at + 1 :])
        return _name(upstream, seeds)

    def _place(self, each: ExpandedProcess) -> str:
        """Return a name without the seed that is varied."""
        return each.name if self.fan is None else _name(each, each.seeds[:-1])


def _name(each: ExpandedProcess, seeds: Iterable[int]) -> str:
    return expanded_name(each.process.name, each.partitions, tuple(seeds))


def _sizes(rows: Rows, window: Window | None, most: int, least: int) -> st.SearchStrategy[Any]:
    window = window or rows.whole
    if window.rows < 2 * max(least, 1):
        found = f"{window.rows} row{'s' if window.rows != 1 else ''} of `{rows.key}` of `{rows.source}`"
        raise LawError(f"{found} cannot be split into partitions of at least {least}", process=rows.source)
    several = partition_sizes(window.rows, max_partitions=most, min_rows=least)
    if not window.whole or rows.alike:
        return several.filter(lambda size: size != 1 and size != [window.rows])
    return st.integers(2, max(2, min(most, window.rows // max(least, 1))))


def _in_partitions(size: Any, window: Window) -> str:
    if not isinstance(size, int):
        return f"in partitions of {cut(list(size))} rows"
    counts = [stop - start for start, stop in bounds(window.rows, size)]
    return f"in {size} partitions of {cut(counts)} rows"


def _given(**words: Any) -> RunArguments:
    return {name: value for name, value in words.items() if value != {}}
