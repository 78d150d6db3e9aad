"""What an expanded process is made from, and what of that is not as it was when its entry was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.execution.seen import Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.verdicts.baseline.changes import Change, Kept, changes_between, is_elsewhere, kept_of
from pytest_expops.verdicts.baseline.lock_file import PACKAGES, READS, Lock, LockEntry


class Origins:
    """What each process that `session` has run is made from, and what by `lock` it was made from before."""

    def __init__(self, session: PipelineSession, lock: Lock) -> None:
        self._expanded = session.expanded
        self._lock = lock
        self._provenance = Provenance(session)
        self._as_recorded: dict[str, bool] = {}

    def libraries(self, name: str, modules: tuple[str, ...] = ()) -> frozenset[str]:
        """Return the top-level modules that the project's code imports, and that are not its own.

        Those that `modules` import count too, which were seen to be imported for `name`.
        """
        return self._provenance.libraries(self._expanded[name].process, modules)

    def of(self, name: str, seen: Seen | None) -> LockEntry:
        """Return an entry for `name`, still without environment and results; `seen` is what it was seen to use."""
        each, provenance = self._expanded[name], self._provenance
        modules = seen.modules if seen is not None else ()
        entry = self._without_inputs(name, modules)
        return replace(
            entry,
            inputs=provenance.inputs(each),
            files=dict(sorted({**entry.files, **provenance.files_read(each, seen)}.items())),
            modules=provenance.modules(each.process, modules),
            covers=(PACKAGES, READS) if seen is not None else (PACKAGES,),
        )

    def changes(
        self, name: str, recorded: LockEntry, environment: Mapping[str, Any]
    ) -> tuple[tuple[Change, ...], Kept]:
        """Return what is not as it was when `name` was recorded, and what is."""
        accounted_for = self._accounted_for(name) if is_elsewhere(recorded, environment) else frozenset()
        inputs = self._provenance.inputs(self._expanded[name])
        present = replace(self._present(name, recorded), inputs=inputs, environment=environment)
        # A file of an upstream entry is perhaps its own: that it changed is told, and not that it is as it was.
        changes = changes_between(*self._with_files_of_upstream(name, recorded, present), accounted_for)
        without_file = self._provenance.without_file(self._expanded[name].process)
        return changes, kept_of(recorded, present, changes, without_file)

    def _with_files_of_upstream(
        self, name: str, recorded: LockEntry, present: LockEntry
    ) -> tuple[LockEntry, LockEntry]:
        """Return both with those files of upstream entries that it may read too, since a parameter names them."""
        now = self._provenance.files_named(self._expanded[name])
        before = {
            path: digest
            for each in sorted(self._expanded.ancestors(name))
            for path, digest in self._lock.entries.get(each, recorded).files.items()
            if path in now
        }
        return replace(recorded, files={**before, **recorded.files}), replace(
            present, files={**{path: now[path] for path in before}, **present.files}
        )

    def _accounted_for(self, name: str) -> frozenset[str]:
        """Return the direct upstream processes that, with all before them, are made from just what their entries say.

        In another environment they may still give other last digits, of which that environment is the reason.
        """
        above = self._expanded.ancestors(name)
        for each in self._expanded.processes:
            if each in above and each not in self._as_recorded:
                before = (self._as_recorded[upstream] for upstream in self._expanded[each].upstream)
                self._as_recorded[each] = all(before) and self._is_made_as_recorded(each)
        direct = self._expanded[name].upstream
        names = {self._expanded[each].process.name for each in direct}
        return frozenset(names - {self._expanded[each].process.name for each in direct if not self._as_recorded[each]})

    def _is_made_as_recorded(self, name: str) -> bool:
        """Return whether it has an entry, from the same code, parameters, seeds and files, whatever its inputs are."""
        entry = self._lock.entries.get(name)
        return entry is not None and not changes_between(
            replace(entry, inputs={}, environment={}), self._present(name, entry)
        )

    def _present(self, name: str, recorded: LockEntry) -> LockEntry:
        """Return what would be recorded of the very things that an entry has, still without inputs."""
        present = self._without_inputs(name, recorded.modules)
        return replace(present, files={**present.files, **self._provenance.files_again(recorded.files)})

    def _without_inputs(self, name: str, modules: tuple[str, ...]) -> LockEntry:
        each, provenance = self._expanded[name], self._provenance
        return LockEntry(
            environment={},
            outputs={},
            code=provenance.code(each.process, modules),
            parameters=provenance.parameters(each.process),
            files=provenance.files(each),
            seeds=each.seeds,
            base_seed=None if each.seeds else self._expanded.pipeline.base_seed,
            partitions=each.partitions,
            rows=provenance.rows(each),
        )
