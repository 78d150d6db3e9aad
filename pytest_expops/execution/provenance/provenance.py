"""What the result of an expanded process is made from: code, parameters, seeds, and the data that it receives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import xxhash

from pytest_expops.errors import ScriptError
from pytest_expops.execution.calls.inputs import Outputs, receive
from pytest_expops.execution.calls.partitioning import Partition, bounds, row_count
from pytest_expops.execution.provenance._code_used import CodeReader, CodeUsed
from pytest_expops.execution.provenance._data_files import DataFiles
from pytest_expops.execution.provenance._distributions import is_without_file
from pytest_expops.execution.provenance._source_files import Sources
from pytest_expops.execution.provenance.texts import texts_in
from pytest_expops.execution.seen import Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.differences import merged_parameters
from pytest_expops.pipeline.expansion import expanded_name
from pytest_expops.pipeline.model import ExpandedProcess, Kind, Process
from pytest_expops.values.fingerprint import fingerprint


class Provenance:
    """Asked for what `session` has run; what is common to several processes is found once."""

    def __init__(self, session: PipelineSession) -> None:
        self._session = session
        self._expanded = session.expanded
        self._pipeline = session.expanded.pipeline
        self._reader = CodeReader(Sources(session.runner.project))
        self._own: dict[str, CodeUsed] = {}
        self._data = DataFiles(session)
        self._code: dict[tuple[str, tuple[str, ...]], CodeUsed] = {}
        self._cuts: dict[str, tuple[tuple[int, int], ...]] = {}

    def code(self, process: Process, modules: tuple[str, ...] = ()) -> Mapping[str, str]:
        """Return digests by ``file:name`` of the process's function and of what it uses of the user's own.

        Whatever happens upstream may hand it instances of the project's classes, so those count too, and so do
        `modules` that were seen to be imported for it.
        """
        return self._code_used(process, modules).digests

    def modules(self, process: Process, seen: tuple[str, ...]) -> tuple[str, ...]:
        """Return those modules, of all that were seen to be imported, that count only because they were."""
        return tuple(sorted(self._code_used(process, seen).modules))

    def _code_used(self, process: Process, modules: tuple[str, ...]) -> CodeUsed:
        key = (process.name, modules)
        if key not in self._code:
            classes = {each for name in self._above(process) for each in self._own_code(name).classes}
            found = self._read(process, classes, modules)
            self._code[key] = replace(found, digests=dict(sorted(found.digests.items())))
        return self._code[key]

    def libraries(self, process: Process | None = None, modules: tuple[str, ...] = ()) -> frozenset[str]:
        """Return the top-level modules that the project's code imports, and that are not its own.

        With a process, also those that `modules` import, which were seen to be imported for it.
        """
        found = {library for name in self._pipeline.processes for library in self._own_code(name).libraries}
        if process is not None and modules:
            found |= self._code_used(process, modules).libraries
        return frozenset(found)

    def without_file(self, process: Process) -> tuple[str, ...]:
        """Return the top-level modules that its code imports and that are in no file: made at run time."""
        with self._session.runner.project.entered():
            return tuple(sorted(name for name in self._own_code(process.name).libraries if is_without_file(name)))

    def parameters(self, process: Process) -> Mapping[str, Any]:
        """Return the global parameters updated by the process's own, as plain data, by name in order."""
        merged = merged_parameters(self._pipeline, process)
        return {name: plain(merged[name]) for name in sorted(merged)}

    def inputs(self, each: ExpandedProcess) -> Mapping[str, str]:
        """By base name of each direct upstream process, a digest (16 hex digits) of what was received of it."""
        known: dict[int, tuple[Any, str]] = {}

        def load(name: str, partition: Partition | None = None, /) -> Outputs:
            record = self._session.record(name)
            outputs = self._session.load(record)
            known.update({id(value): (value, record.outputs[key].digest) for key, value in outputs.items()})
            if partition is None:
                return outputs
            key = partition.split.data_name
            return {**outputs, key: partition.of(outputs[key])}

        def digest(value: Any) -> str:
            # What is handed on whole has the digest that it was recorded with; a partition has one of its own.
            return known[id(value)][1] if id(value) in known else fingerprint(value).digest

        found = {}
        with self._session.runner.project.entered():
            for received in receive(each, self._expanded, load):
                parts = [
                    f"{'/'.join(path)} {key} {digest(value)}"
                    for path, outputs in sorted(received.parts.items())
                    for key, value in sorted(outputs.items())
                ]
                found[received.upstream] = xxhash.xxh3_64_hexdigest("\n".join(parts).encode("utf-8", "surrogatepass"))
        return found

    def files(self, each: ExpandedProcess) -> Mapping[str, str]:
        """Return the files that its own parameters name, and without upstream global ones and the config's `data`.

        Path -> digest; paths are relative to the project's root. A file that has been written since this process, or
        the first upstream of it, began is a result, and left out.
        """
        named = [*texts_in(plain(each.process.parameters))]
        if not each.upstream:
            named += [*texts_in(self.parameters(each.process)), *texts_in(self._pipeline.document.get("data"))]
        return self._data.named(each, named)

    def files_named(self, each: ExpandedProcess) -> Mapping[str, str]:
        """As `files`, of all parameters that the process gets, whatever is upstream."""
        return self._data.named(each, texts_in(self.parameters(each.process)))

    def files_read(self, each: ExpandedProcess, seen: Seen | None) -> Mapping[str, str]:
        """Return the data files that the process was seen to read, and those that its code names; path -> digest."""
        texts = [*texts_in(self.parameters(each.process)), *texts_in(self._pipeline.document.get("data"))]
        return self._data.read(each, self._own_code(each.process.name).texts, texts, seen)

    def paths_named(self, each: ExpandedProcess) -> tuple[str, ...]:
        """Return the files that its parameters, its code, or the config's `data` name, of the project or absolute."""
        named = {*texts_in(self.parameters(each.process)), *texts_in(self._pipeline.document.get("data"))}
        return self._data.paths({*named, *self._own_code(each.process.name).texts})

    def files_again(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Return files that have been recorded as they are now; path -> digest, of those that are there."""
        return self._data.again(paths)

    def rows(self, each: ExpandedProcess) -> int | None:
        """Return how many rows the partition of a process has; None for a process without partitions."""
        layers = self._expanded.layers[each.process.name].data
        if not each.partitions or not layers:
            return None
        splitter = self._pipeline.processes[layers[-1]]
        own = self._expanded.layers[splitter.name]
        name = expanded_name(splitter.name, each.partitions[: len(own.data)], each.seeds[: len(own.seeds)])
        if name not in self._cuts:
            split = splitter.split_data
            assert split is not None
            rows = row_count(self._session.load(self._session.record(name))[split.data_name])
            assert rows is not None  # it has been split
            self._cuts[name] = bounds(rows, split.size)
        start, stop = self._cuts[name][each.partitions[-1] - 1]
        return stop - start

    def _own_code(self, name: str) -> CodeUsed:
        if name not in self._own:
            self._own[name] = self._read(self._pipeline.processes[name], set())
        return self._own[name]

    def _read(self, process: Process, classes: set[tuple[str, str]], modules: tuple[str, ...] = ()) -> CodeUsed:
        if process.kind is not Kind.FUNCTION and not self._has_function(process):
            return CodeUsed()
        return self._reader.used_by(process.code.script, process.code.function, classes, modules)

    def _has_function(self, process: Process) -> bool:
        """Return whether a chart or a split has a function. Its script is imported only if the text does not tell."""
        if process.kind is Kind.CHART and process.component is None:
            return process.chart is None or not process.chart.dynamic  # what is JavaScript has none
        if process.kind is Kind.PASS_THROUGH:
            told = self._reader.defines(process.code.script, process.code.function)
            if told is not None:
                return told
        try:
            return self._session.runner.callee(process) is not None
        except ScriptError:  # as whoever is to run it will be told
            return False

    def passes_on(self, process: Process) -> bool:
        """Return whether a split has no function and passes on what it gets, as far as the text of its script tells."""
        if process.kind is not Kind.PASS_THROUGH or process.component is not None:
            return False
        has_script = process.code.script in self._pipeline.scripts or bool(process.code.module)
        return not has_script or self._reader.defines(process.code.script, process.code.function) is False

    def _above(self, process: Process) -> Iterator[str]:
        """Yield every process upstream of this one, by base name."""
        seen, stack = set(), [*process.upstream]
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                stack += self._pipeline.processes[name].upstream
                yield name


def plain(value: Any) -> Any:
    """Return a value of a config as JSON can hold it: what is neither number, text, list nor map, as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
