"""What is to be other than configured in one run of a pipeline: partitions, seeds, parameters, outputs given."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from pytest_expops.bounds import NUMBERS
from pytest_expops.errors import ExpopsError
from pytest_expops.execution.calls.inputs import Outputs
from pytest_expops.pipeline.model import Pipeline, Process
from pytest_expops.wording import did_you_mean, listed, shown

EVERY = "*"
"""In place of a process: the parameters that all processes get."""

Sizes = int | Sequence[int]
"""As `data_parallelism.size`: a number of partitions, or the row count of each."""

T = TypeVar("T")


class VariationError(ExpopsError, ValueError):
    """A variation that the pipeline cannot have: it names no such process, or one that does not split."""


@dataclass(frozen=True)
class Variation:
    """A variation in plain terms, checked as far as that goes without a pipeline.

    All maps are by base name of a process; of `outputs` also by expanded name, and of `parameters` also by `EVERY`.
    """

    partitions: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: Mapping[str, Outputs] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base_seed: int | None = None

    @classmethod
    def of(
        cls,
        *,
        partitions: Mapping[str, Sizes] | None = None,
        seeds: Mapping[str, int | Iterable[int]] | None = None,
        outputs: Mapping[str, Outputs] | None = None,
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        base_seed: int | None = None,
    ) -> Variation:
        """Return a variation from what a test passes.

        Raises:
            VariationError: sizes, seeds or parameters are not what a config could give (S3.1, S4.1).
        """
        return cls(
            {name: _sizes(name, each) for name, each in (partitions or {}).items()},
            {name: _seeds(name, each) for name, each in (seeds or {}).items()},
            dict(outputs or {}),
            {name: _parameters(name, each) for name, each in (parameters or {}).items()},
            None if base_seed is None else _seed(base_seed, "base_seed"),
        )

    def over(self, earlier: Variation) -> Variation:
        """This variation on top of another one."""
        parameters = {
            name: {**earlier.parameters.get(name, {}), **self.parameters.get(name, {})}
            for name in {**earlier.parameters, **self.parameters}
        }
        return Variation(
            {**earlier.partitions, **self.partitions},
            {**earlier.seeds, **self.seeds},
            {**earlier.outputs, **self.outputs},
            parameters,
            earlier.base_seed if self.base_seed is None else self.base_seed,
        )

    @property
    def mentioned(self) -> tuple[str, ...]:
        """Every process that it names, expanded or not."""
        named = [*self.partitions, *self.seeds, *self.outputs, *self.parameters]
        return tuple(dict.fromkeys(name for name in named if name != EVERY))

    def applied_to(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline so varied; `outputs` aside, which are no part of a config.

        Raises:
            VariationError: it names a process that there is not, or new partitions or seeds of one that has none.
        """
        splitters = [each.name for each in pipeline.processes.values() if each.split_data]
        fans = [each.name for each in pipeline.processes.values() if each.split_seeds]
        for name in self.partitions:
            _check(name, "partitions", pipeline.processes, splitters, "data_parallelism")
        for name in self.seeds:
            _check(name, "seeds", pipeline.processes, fans, "seed_parallelism")
        for name in self.parameters:
            if name != EVERY:
                _check(name, "parameters", pipeline.processes, pipeline.processes, "")
        return replace(
            pipeline,
            base_seed=pipeline.base_seed if self.base_seed is None else self.base_seed,
            parameters={**pipeline.parameters, **self.parameters.get(EVERY, {})},
            processes={name: self._process(each) for name, each in pipeline.processes.items()},
        )

    def _process(self, process: Process) -> Process:
        if process.name in self.partitions and process.split_data is not None:
            process = replace(process, split_data=replace(process.split_data, size=self.partitions[process.name]))
        if process.name in self.seeds and process.split_seeds is not None:
            process = replace(process, split_seeds=replace(process.split_seeds, seeds=self.seeds[process.name]))
        if process.name in self.parameters:
            process = replace(process, parameters={**process.parameters, **self.parameters[process.name]})
        return process

    def call(self, upto: str | None = None, outputs: str = "") -> str:
        """Return the call of `expops.run` that makes this variation.

        Args:
            upto: the process up to which it runs, if that is said.
            outputs: an expression for the outputs that are given, if any are.
        """
        words = [] if upto is None else [f"upto={upto!r}"]
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "outputs":
                words += [f"outputs={outputs}"] if outputs else []
            elif value is not None and value != {}:
                words.append(f"{each.name}={_plain(value)!r}")
        return f"expops.run({', '.join(words)})"


def _plain(value: Any) -> Any:
    """Tuples as lists, as they are mostly written."""
    if isinstance(value, Mapping):
        return {key: list(each) if isinstance(each, tuple) else each for key, each in value.items()}
    return value


def unknown_process(name: str, known: Collection[str], where: str) -> VariationError:
    """Return the error for a name that no process has."""
    return VariationError(
        f"`{where}` names `{name}`, and no process is called so",
        process=name,
        key=where,
        hint=did_you_mean(name, known, most=3) or f"there are: {listed(known, 8, quote='`')}",
    )


def _check(name: str, where: str, known: Collection[str], able: Collection[str], needed: str) -> None:
    if name not in known:
        error = unknown_process(name, able or known, where)
        if where == "parameters":
            error.hint = f"{error.hint}; give parameters for all processes under {EVERY!r}"
        raise error
    if name not in able:
        instead = f"name {' or '.join(f'`{each}`' for each in able)} instead, or " if able else ""
        raise VariationError(
            f"`{where}` names `{name}`, which has no `{needed}` to vary",
            process=name,
            key=where,
            hint=f"{instead}give `{name}` a `{needed}` in the config",
        )


def _sizes(name: str, given: object) -> int | tuple[int, ...]:
    key = f"partitions[{name!r}]"
    if isinstance(given, str) or not isinstance(given, Iterable):
        number = _integer(given, key)
        if NUMBERS["partitions"].read(number) is None:
            raise _wrong(key, given, f"{NUMBERS['partitions'].expected}, or a list of row counts")
        return number
    counts = tuple(_integer(each, key) for each in given)
    if not counts or any(NUMBERS["rows"].read(each) is None for each in counts):
        raise _wrong(key, given, f"row counts, at least one of them, each {NUMBERS['rows'].expected}")
    return counts


def _seeds(name: str, given: object) -> tuple[int, ...]:
    key = f"seeds[{name!r}]"
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (_seed(given, key),)
    found = tuple(_seed(each, key) for each in given)
    if not found or len(set(found)) < len(found):
        raise _wrong(key, list(found), "at least one seed, and none of them twice")
    return found


def _parameters(name: str, given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        written = f"{{{name!r}: {shown(given)}}}"
        hint = f"give parameters by process: parameters={{'train': {written}}}, or under {EVERY!r} for all"
        raise VariationError(
            f"`parameters[{name!r}]` is {shown(given)}; expected a dict of parameter names to values",
            key="parameters",
            hint=hint,
        )
    return dict(given)


def _seed(given: Any, key: str) -> int:
    seed = _integer(given, key)
    if NUMBERS["seed"].read(seed) is None:
        raise _wrong(key, given, NUMBERS["seed"].expected)
    return seed


def _integer(given: Any, key: str) -> int:
    if isinstance(given, bool):
        raise _wrong(key, given, "whole numbers")
    try:
        return operator.index(given)
    except TypeError:
        raise _wrong(key, given, "whole numbers") from None


def _wrong(key: str, given: object, expected: str) -> VariationError:
    return VariationError(f"`{key}` is {shown(given)}; expected {expected}", key=key)


def by_expanded_name(outputs: Mapping[str, T], names: Callable[[str], Iterable[str]]) -> dict[str, T]:
    """Return what is given by base or expanded name, by expanded name; what is given for one duplicate goes first.

    `names` gives the expanded names that a name stands for.
    """
    return {each: outputs.get(each, value) for name, value in outputs.items() for each in names(name)}
