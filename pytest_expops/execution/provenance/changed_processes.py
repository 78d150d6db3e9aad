"""Which processes of a pipeline may give something else than at another revision, and which depend on them.

The old state is read as text, as the new one is: no code of either is imported. What a process is made from is found
as for a baseline: the code that its function leads to, what the config says of it, and the files that its parameters,
the `data` of the config and its code name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pytest_expops.errors import ConfigError
from pytest_expops.execution.provenance._process_sources import ProjectSources
from pytest_expops.execution.provenance._requirement_names import says_what_is_installed
from pytest_expops.execution.provenance.names_of_files import NamedFiles, is_path
from pytest_expops.execution.provenance.revision import Revision
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.differences import config_differences, form
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.graph import downstream_of
from pytest_expops.pipeline.model import ExpandedPipeline, Process
from pytest_expops.wording import listed

_DOCUMENTATION = (".adoc", ".md", ".rst")
_ABOUT = ("AUTHORS", "CITATION", "CODEOWNERS", "CONTRIBUTORS", "LICENCE", "LICENSE", "NOTICE")
_MOST = 3
"""So many names are in one reason."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs of one pipeline; processes are expanded ones, by name.

    `everything` is why all count, where that is so. `unread` are files that differ and that no process is known to
    read, and `ignored` those that processes are known to read and of which git, that ignores them, has no old state.
    """

    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    downstream: tuple[str, ...] = ()
    everything: str = ""
    unread: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def differences(now: ExpandedPipeline, revision: Revision, session_file: Path | None = None) -> Differences:
    """Return which processes may give something else than at a revision, and which depend on those.

    Args:
        now: the pipeline as it is, with nothing added to what its config says.
        revision: what is compared with, of the repository that the config is in.
        session_file: a file that says how the session is run.

    Raises:
        RevisionError: git cannot read what it has listed.
    """
    everything = _why_everything(now, revision, session_file)
    if not everything:
        try:
            old = expand(load_config(now.pipeline.path, revision.then()))
        except ConfigError as error:
            first = error.problems[0].message if error.problems else str(error)
            everything = f"the config cannot be read as it was: {first}"
    if everything:
        return Differences(dict.fromkeys(now.processes, (everything,)), everything=everything)
    return _ChangedProcesses(old, now, revision).found()


def _why_everything(now: ExpandedPipeline, revision: Revision, session_file: Path | None) -> str:
    config = revision.path_of(now.pipeline.path)
    if config is None or not revision.is_known(config):
        return "git ignores the config, so that what it was is not known"
    if not revision.had(config):
        return "the config did not exist"
    root = revision.path_of(now.pipeline.root) or ""
    installed = [each for each in sorted(revision.changed) if says_what_is_installed(each, root)]
    if installed:
        return f"{listed(installed)} changed, and with it perhaps what is installed"
    if session_file is not None and revision.path_of(session_file) in revision.changed:
        return f"{session_file.name} changed, which has options of the session"
    if revision.links:
        return f"{listed(revision.links)} changed: behind a link or a submodule nothing is compared"
    return ""


class _ChangedProcesses:
    """Two states of one pipeline."""

    def __init__(self, old: ExpandedPipeline, new: ExpandedPipeline, revision: Revision) -> None:
        self._new = new
        self._revision = revision
        self._said = config_differences(old, new)
        self._before = ProjectSources(old.pipeline, revision.then())
        self._after = ProjectSources(new.pipeline, revision.now())
        names = [each for each in new.pipeline.processes if each in old.pipeline.processes]
        self._pairs = {name: (self._before.of(name), self._after.of(name)) for name in names}
        self._sources = {
            path
            for file in (*self._before.files(), *self._after.files())
            for each in (file, Path(os.path.realpath(file)))
            if (path := revision.path_of(each)) is not None
        }
        self._bases = (new.pipeline.working_directory, new.pipeline.root, new.pipeline.workspace)
        self._files = NamedFiles(revision.changed, revision.top, self._bases, self._sources)
        self._named: set[str] = set()

    def found(self) -> Differences:
        """Compare every process."""
        own = {name: tuple(self._own(process)) for name, process in self._new.pipeline.processes.items()}
        reasons: dict[str, tuple[str, ...]] = {}
        for name, each in self._new.processes.items():
            if found := tuple(dict.fromkeys([*self._said[name], *own[each.process.name]])):
                reasons[name] = found
        downstream = tuple(each for each in _all_downstream(self._new, reasons) if each not in reasons)
        return Differences(reasons, downstream, unread=tuple(self._unread()), ignored=tuple(self._ignored()))

    def _own(self, process: Process) -> Iterator[str]:
        """Yield why a process may give something else, apart from what the config says of it alone."""
        if process.name not in self._pairs:
            self._named |= self._files.named_by(self._after.of(process.name).texts)
            return
        old, new = self._pairs[process.name]
        digests = {**old.code, **new.code}
        changed = sorted(key for key in digests if old.code.get(key) != new.code.get(key))
        if changed:
            yield f"code {listed(changed, _MOST)}"
        if (old.reads_config or new.reads_config) and form(self._before.config) != form(self._after.config):
            yield "the config, which its code reads as a whole"
        elif (old.reads_data or new.reads_data) and form(self._before.data) != form(self._after.data):
            yield "what the config says of `data`"
        files = self._files.named_by(old.texts | new.texts)
        self._named |= files
        if files:
            yield f"files {listed(sorted(files), _MOST)}"
        modules = sorted(self._possible_modules(old.libraries | new.libraries))
        self._named |= {*modules}
        if modules:
            yield f"files {listed(modules, _MOST)}, which its imports may lead to"

    def _possible_modules(self, libraries: Collection[str]) -> Iterator[str]:
        """Yield source files that differ, that nothing was seen to lead to, and that have the name of a library."""
        for path in self._revision.changed - self._sources:
            parts = PurePosixPath(path)
            if parts.suffix == ".py" and (parts.parent.name if parts.stem == "__init__" else parts.stem) in libraries:
                yield path

    def _unread(self) -> Iterator[str]:
        config = self._revision.path_of(self._new.pipeline.path)
        for path in sorted(self._revision.changed - self._named - self._sources - {config}):
            name = PurePosixPath(path).name
            if not name.endswith(_DOCUMENTATION) and name.partition(".")[0].upper() not in _ABOUT:
                yield path

    def _ignored(self) -> Iterator[str]:
        """Yield the files of the repository that a process is known to read, and that git keeps no state of."""
        texts = {text for name in self._new.pipeline.processes for text in self._after.of(name).texts if is_path(text)}
        named = (base / text for text in texts for base in self._bases)
        files = {*self._after.files(), *(each for each in named if self._revision.now().is_file(each))}
        paths = {path for file in files if (path := self._revision.path_of(Path(os.path.realpath(file)))) is not None}
        yield from sorted(each for each in paths if not self._revision.is_known(each))


def _all_downstream(expanded: ExpandedPipeline, names: Collection[str]) -> Iterator[str]:
    """Yield all that depend on some processes, near and far, in topological order."""
    downstream = downstream_of({name: each.upstream for name, each in expanded.processes.items()})
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        for each in downstream[waiting.pop()]:
            if each not in found:
                found.add(each)
                waiting.append(each)
    yield from (name for name in expanded.processes if name in found)
