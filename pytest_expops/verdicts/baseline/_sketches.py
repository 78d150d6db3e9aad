"""The sketches of outputs: each is made once in a session, or was kept by an earlier one with the output itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.records import JsonFolder, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.values.sketches.sketch import LEAVES, Leaf, sketch
from pytest_expops.verdicts.baseline.lock_file_text import decode, encode

KeptSketches = Callable[[str], Mapping[str, Any]]
"""Gives what `Sketches.made` gave when the result of a process was kept; empty where this session has run it."""


class Sketches:
    """Of the outputs of one session. They are written to its folder, for its other workers."""

    def __init__(self, session: PipelineSession, kept: KeptSketches) -> None:
        self._session = session
        self._kept = kept
        self._folder = JsonFolder(session.folder / "sketches")

    def made(self, name: str) -> Mapping[str, Any]:
        """Return the sketches of the outputs of a process that are known, by key, as strict JSON."""
        found: Mapping[str, Any] | None = self._folder.read(name)
        return self._kept(name) if found is None else found

    def of(self, record: RunRecord, key: str) -> dict[str, Leaf]:
        """Return the sketch of an output, whose paths begin with its `label`.

        Raises:
            FingerprintError: something within has no sound form.
            StorageTrouble, StoreError: the output cannot be read.
        """
        made = self.made(record.process)
        if key not in made:
            found = self.larger(record, key, LEAVES)
            with suppress(ExpopsError):  # one that nests too deeply is made again
                made = {**made, key: encode(found)}
                self._folder.write(record.process, made)
            return found
        kept: dict[str, Leaf] = decode(made[key])
        return kept

    def larger(self, record: RunRecord, key: str, leaves: int) -> dict[str, Leaf]:
        """Return a sketch of at most so many leaves; raises as `of`."""
        artifact = record.outputs[key].artifact
        assert artifact is not None
        with self._session.runner.project.entered():
            return sketch(self._session.store.get(artifact), label(key), leaves=leaves)


def label(key: str) -> str:
    """Return how the paths of a sketch begin: with the key of the output, or ``['odd key']``."""
    return key if key.isidentifier() else f"[{key!r}]"
