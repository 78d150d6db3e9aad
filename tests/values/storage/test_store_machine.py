"""The store under concurrent puts and gets and the deaths of its writers, driven at random by Hypothesis.

A model knows what has been put. Whatever happens, each artifact gives its value, and no file is there but whole ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pytest_expops.errors import StoreError
from pytest_expops.values.storage.codec import Encoded
from pytest_expops.values.storage.store import Artifact, ArtifactStore
from tests.hypothesis_profiles import examples

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are killed after a fork")

Described = tuple[int, int]
"""A value in short: how many numbers, and the first of them."""
# Inline, in one file, and in a file that is mapped.
described = st.tuples(st.sampled_from([10, 2_000, 200_000]), st.integers(0, 3))


def value_of(what: Described) -> dict[str, Any]:
    return {"numbers": np.arange(what[0], dtype="float64") + what[1], "first": what[1]}


class TornStore(ArtifactStore):
    """Writes in place, as a store that was written in a hurry might."""

    def _write(self, encoded: Encoded, artifact: Artifact) -> None:
        # Not truncated first, which would end this interpreter by a signal where the file is mapped.
        descriptor = os.open(self.path_of(artifact), os.O_WRONLY | os.O_CREAT)
        try:
            for piece in encoded.pieces:
                rest = memoryview(piece)
                while rest.nbytes:
                    rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


class StoreMachine(RuleBasedStateMachine):
    """Two stores on one folder, as two workers have them."""

    kind: type[ArtifactStore] = ArtifactStore
    artifacts = Bundle("artifacts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [self.kind(self.folder / "store") for _ in range(2)]
        self.known: dict[str, tuple[Artifact, Described]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _remember(self, artifact: Artifact, what: Described) -> Artifact:
        assert self.known.setdefault(artifact.digest, (artifact, what)) == (artifact, what)
        return artifact

    @rule(target=artifacts, what=described, worker=st.integers(0, 1))
    def put(self, what: Described, worker: int) -> Artifact:
        return self._remember(self.stores[worker].put(value_of(what)), what)

    @rule(artifact=artifacts, worker=st.integers(0, 1))
    def get_and_change(self, artifact: Artifact, worker: int) -> None:
        value = self.stores[worker].get(artifact)
        expected = value_of(self.known[artifact.digest][1])
        assert value["first"] == expected["first"]
        assert np.array_equal(value["numbers"], expected["numbers"])
        value["numbers"][:] = -1.0  # the next reader must not see it

    @rule(values=st.lists(described, min_size=2, max_size=4), existing=st.lists(artifacts, max_size=2))
    def put_and_get_at_once(self, values: list[Described], existing: list[Artifact]) -> None:
        together = Barrier(len(values) + len(existing))

        def put(what: Described) -> Artifact:
            value = value_of(what)
            together.wait()
            return self.stores[what[1] % 2].put(value)

        def get(artifact: Artifact) -> float:
            together.wait()
            return float(self.stores[0].get(artifact)["numbers"][-1])

        with ThreadPoolExecutor(len(values) + len(existing)) as pool:
            putting, getting = (
                [pool.submit(put, each) for each in values],
                [pool.submit(get, each) for each in existing],
            )
        for what, done in zip(values, putting, strict=True):
            self._remember(done.result(), what)
        for artifact, read in zip(existing, getting, strict=True):
            assert read.result() == value_of(self.known[artifact.digest][1])["numbers"][-1]

    @rule(what=described, writes=st.integers(0, 4))
    def put_by_a_writer_that_is_killed(self, what: Described, writes: int) -> None:
        """It dies before write number `writes`, each of which takes a part only, or before the file gets its name."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking where other threads run
            child = os.fork()
        if child == 0:
            try:
                _die_while_writing(self.stores[0], value_of(what), writes)
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    @invariant()
    def every_file_is_whole(self) -> None:
        for path in self.stores[0].root.iterdir():
            if not path.name.startswith("."):
                assert xxhash.xxh3_128_hexdigest(path.read_bytes()) == path.name

    @invariant()
    def all_that_was_put_is_there(self) -> None:
        for artifact, what in self.known.values():
            if what[0] < 100_000:
                assert self.stores[1].get(artifact, verify=True)["numbers"][-1] == what[0] - 1 + what[1]


def _die_while_writing(store: ArtifactStore, value: object, writes: int) -> None:
    write, left = os.write, [writes]

    def part(descriptor: int, data: Any) -> int:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return write(descriptor, memoryview(data)[: max(1, len(data) // 2)])

    os.write = part
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    store.put(value)


machine_settings = settings(max_examples=examples(12), stateful_step_count=15, deadline=None)


def test_values_survive_whatever_workers_do() -> None:
    run_state_machine_as_test(StoreMachine, settings=machine_settings)  # type: ignore[no-untyped-call]


def test_a_store_that_writes_in_place_is_found_out() -> None:
    """The machine can fail: half of a file stands under a name that promises the whole."""

    class TornMachine(StoreMachine):
        kind = TornStore

    quiet = settings(max_examples=200, stateful_step_count=15, deadline=None, phases=[Phase.generate])
    with pytest.raises((AssertionError, StoreError)):
        run_state_machine_as_test(TornMachine, settings=quiet)  # type: ignore[no-untyped-call]
