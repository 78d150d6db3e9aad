"""What one state of a project has that each process is made from, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_expops.execution.provenance._code_used import CodeReader, CodeUsed
from pytest_expops.execution.provenance._source_files import Sources
from pytest_expops.execution.provenance.texts import texts_in
from pytest_expops.execution.user_code.places import ProjectPlaces
from pytest_expops.pipeline.differences import merged_parameters
from pytest_expops.pipeline.files import Disk
from pytest_expops.pipeline.model import Kind, Pipeline, Process

_WHOLE_CONFIG = frozenset({"document", "global_config"})
"""The attributes of a context by which a process reads the whole config."""
_DATA = frozenset({"data_paths", "inputs"})
"""Those by which it reads what the config says of `data`."""


@dataclass(frozen=True, slots=True)
class ProcessSources:
    """Of one process: digests of its code, as in `CodeUsed`, the libraries that this imports, and texts.

    The texts stand in its code, its parameters, and, where it may read that, in what the config says of `data`.
    """

    code: Mapping[str, str]
    libraries: frozenset[str]
    texts: frozenset[str]
    reads_config: bool
    reads_data: bool


class ProjectSources:
    """The sources of a project in one state; each process is looked at once."""

    def __init__(self, pipeline: Pipeline, files: Disk) -> None:
        self._pipeline = pipeline
        self._sources = Sources(ProjectPlaces(pipeline), files)
        self._reader = CodeReader(self._sources)
        self._known: dict[str, ProcessSources] = {}

    @property
    def config(self) -> Any:
        """The whole config, as a process may read it."""
        return self._pipeline.document

    @property
    def data(self) -> Any:
        """What the config says of `data`."""
        return self._pipeline.document.get("data")

    def files(self) -> set[Path]:
        """Return the source files that were read so far."""
        return self._sources.paths()

    def of(self, name: str) -> ProcessSources:
        """Return what there is of a process, by its name in the config."""
        if name not in self._known:
            self._known[name] = self._look(self._pipeline.processes[name])
        return self._known[name]

    def _look(self, process: Process) -> ProcessSources:
        digests: dict[str, str] = {}
        libraries: set[str] = set()
        words: set[str] = set()
        texts = {*texts_in(merged_parameters(self._pipeline, process))}
        for used in self._code(process):
            digests |= used.digests
            libraries |= used.libraries
            texts |= used.texts
            words |= used.texts | used.attributes
        reads_config = not _WHOLE_CONFIG.isdisjoint(words)
        reads_data = reads_config or not process.upstream or process.component is not None
        reads_data = reads_data or not _DATA.isdisjoint(words)
        if reads_data:
            texts |= {*texts_in(self.data)}
        return ProcessSources(digests, frozenset(libraries), frozenset(texts), reads_config, reads_data)

    def _code(self, process: Process) -> Iterator[CodeUsed]:
        """Yield what its function uses, and the functions of its declared metrics."""
        if process.component is None and process.kind is not Kind.CALL:
            optional = process.kind is Kind.PASS_THROUGH
            yield self._reader.used_by(process.code.script, process.code.function, optional=optional)
        for metric in process.metrics:
            module, dot, function = (metric.function or "").rpartition(".")
            script = f"{module}:" if dot else process.code.script or next(iter(self._pipeline.scripts), "")
            if function:
                yield self._reader.used_by(script, function, optional=True)
