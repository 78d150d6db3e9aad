"""Is the result still what was recorded? An expanded process against its entry in the lock file."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pytest_expops.execution.provenance.environments import Environment, environment_of
from pytest_expops.execution.records import JsonFolder, Outcome, RunRecord
from pytest_expops.execution.seen import Seen
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.comparison import Difference
from pytest_expops.values.showing import ABSENT
from pytest_expops.values.sketches.sketch import LEAVES, sketch
from pytest_expops.verdicts.baseline._origins import Origins
from pytest_expops.verdicts.baseline._sketch_comparison import sketch_differences
from pytest_expops.verdicts.baseline._sketches import KeptSketches, Sketches, label
from pytest_expops.verdicts.baseline.changes import Change, Kept, as_far_as_recorded, is_elsewhere
from pytest_expops.verdicts.baseline.lock_file import Lock, LockEntry
from pytest_expops.verdicts.replay import EXACT, series_differences, series_of

ELSEWHERE = Tolerance(rtol=1e-6, atol=1e-9)
"""How far results may differ in another environment than the recorded one, by default."""
MOST_KEPT = 20
"""How many differences of one process are kept."""
A_VALUE = "a value"
_SIDES = ("the baseline", "this run")


class Agreement(enum.Enum):
    """How an expanded process compares with its entry."""

    SAME = "same"
    """Every fingerprint and every metric is the recorded one."""
    WITHIN = "within"
    """Metrics and sketches agree within the tolerance."""
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """What came of comparing one expanded process with its entry.

    `elsewhere`: this environment is not the recorded one, so that a tolerance was granted. `differences` are the first
    `MOST_KEPT` of the `count`; where there are any, `upstream` names the processes that differ already before this
    one, `changes` what else is not as it was, and `kept` what is.
    """

    process: str
    agreement: Agreement
    elsewhere: bool = False
    differences: tuple[Difference, ...] = ()
    count: int = 0
    upstream: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    kept: Kept = field(default_factory=Kept)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        changed: dict[str, Any] = {"changes": [each.to_json() for each in self.changes], "kept": asdict(self.kept)}
        plain = {name: getattr(self, name) for name in ("process", "elsewhere", "count", "upstream")}
        changed["agreement"] = self.agreement.value
        return {**plain, "differences": [asdict(each) for each in self.differences], **changed}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BaselineComparison:
        """Return what `to_json` was called on."""
        return cls(
            data["process"],
            Agreement(data["agreement"]),
            data["elsewhere"],
            tuple(Difference(**each) for each in data["differences"]),
            data["count"],
            tuple(data["upstream"]),
            tuple(Change.from_json(each) for each in data["changes"]),
            Kept.from_json(data["kept"]),
        )


class Baseline:
    """One pipeline's lock, and the session that is compared with it, as seen by one worker."""

    def __init__(
        self,
        session: PipelineSession,
        lock: Lock,
        tolerance: Tolerance = ELSEWHERE,
        kept: KeptSketches = lambda _: {},
    ) -> None:
        self.lock = lock
        self._session = session
        self._tolerance = tolerance
        self._origins = Origins(session, lock)
        self._environments: dict[frozenset[str], Environment] = {}
        self._sketches = Sketches(session, kept)
        self._kept = JsonFolder(session.folder / "baseline")
        self._proposed = JsonFolder(session.folder / "proposed")

    def environment(self, name: str, modules: tuple[str, ...] = ()) -> Environment:
        """Return the one in which this session runs.

        Args:
            name: a process.
            modules: those whose libraries count because they were seen to be imported for it.
        """
        libraries = self._origins.libraries(name, modules)
        if libraries not in self._environments:
            self._environments[libraries] = environment_of(libraries)
        return self._environments[libraries]

    @property
    def stale(self) -> tuple[str, ...]:
        """The entries of processes that the config no longer has."""
        return tuple(name for name in self.lock.entries if name not in self._session.expanded.processes)

    def entry(self, name: str, seen: Seen | None = None) -> LockEntry:
        """Return what would be recorded of `name`, which has passed; `seen` is what replays of it were seen to use."""
        record = self._session.record(name)
        seen = record.seen | (seen or Seen()) if record.seen is not None else seen
        entry = self._origins.of(name, seen)
        return replace(entry, **self._given(record), environment=self.environment(name, entry.modules))

    def propose(self, name: str, seen: Seen | None = None) -> None:
        """Keep what would be recorded of `name`, as `entry` returns it, until the end of the session."""
        self._proposed.write(name, [name, self.entry(name, seen).to_json()])

    def proposals(self) -> dict[str, LockEntry]:
        """Return what any worker has proposed, in topological order."""
        found = dict(self._proposed.all())
        return {name: LockEntry.from_json(found[name]) for name in self._session.expanded.processes if name in found}

    def compare(self, name: str) -> BaselineComparison:
        """Compare `name`, which has passed, with its entry; done once, by whichever worker comes first.

        Raises:
            KeyError: the lock has no entry for it.
            StorageTrouble: it differs, and what it was made from is not as it was stored.
        """
        known = self._kept.read(name)
        if known is not None:
            return BaselineComparison.from_json(known)
        recorded, record = self.lock.entries[name], self._session.record(name)
        environment = self.environment(name, recorded.modules)
        elsewhere = is_elsewhere(recorded, environment)
        exactly = self._differences(name, recorded, record, elsewhere=False, exact=True)
        if not exactly:
            found = BaselineComparison(name, Agreement.SAME, elsewhere)
        else:
            differences = self._differences(name, recorded, record, elsewhere=elsewhere, exact=False)
            found = BaselineComparison(name, Agreement.WITHIN, elsewhere)
            if differences:
                self._session.verify(name)
                changes, kept = self._origins.changes(name, recorded, environment)
                found = BaselineComparison(
                    name,
                    Agreement.DIFFERS,
                    elsewhere,
                    tuple(differences[:MOST_KEPT]),
                    len(differences),
                    self._differing_upstream(name),
                    changes,
                    kept,
                )
        self._kept.write(name, found.to_json())
        return found

    def sketches(self, name: str) -> Mapping[str, Any]:
        """Return the sketches that comparing `name`, which has passed, takes, to be kept with its result; as JSON."""
        recorded, record = self.lock.entries.get(name), self._session.record(name)
        if recorded is None:
            return {}
        with suppress(Exception):  # which the comparison tells of
            for key, digest in recorded.outputs.items():
                if key in record.outputs and record.outputs[key].digest != digest:
                    self._sketches.of(record, key)
        return self._sketches.made(name)

    def comparisons(self) -> dict[str, BaselineComparison]:
        """Return all comparisons made so far, by any worker, in topological order."""
        found = {data["process"]: BaselineComparison.from_json(data) for data in self._kept.all()}
        return {name: found[name] for name in self._session.expanded.processes if name in found}

    def _given(self, record: RunRecord) -> dict[str, Any]:
        """Return the results of a run: fingerprints, metrics, sketches."""
        outputs = self._session.load(record)
        with self._session.runner.project.entered():
            leaves = {path: leaf for key in outputs for path, leaf in sketch(outputs[key], label(key)).items()}
        return {
            "outputs": {key: output.digest for key, output in record.outputs.items()},
            "metrics": _in_order(series_of(record)),
            "sketch": leaves,
        }

    def _differences(
        self, name: str, recorded: LockEntry, record: RunRecord, *, elsewhere: bool, exact: bool
    ) -> list[Difference]:
        """Return where a run differs from its entry; if `exact`, bit by bit, whatever tolerance is granted."""

        def tolerance(key: str | None) -> Tolerance:
            return EXACT if exact else self._granted(name, key, elsewhere)

        found = series_differences(recorded.metrics, _in_order(series_of(record)), tolerance(None), _SIDES)
        for key in dict.fromkeys([*recorded.outputs, *record.outputs]):
            path = f"outputs[{key!r}]"
            if key not in record.outputs or key not in recorded.outputs:
                expected, obtained = (
                    "a value" if key in each else ABSENT for each in (recorded.outputs, record.outputs)
                )
                found.append(Difference(path, expected, obtained, "key in one of the two only"))
            elif record.outputs[key].digest != recorded.outputs[key]:
                if exact:
                    return [Difference(path, recorded.outputs[key], record.outputs[key].digest, "")]
                found += self._in_output(recorded, record, key, tolerance(key), elsewhere)
        return found

    def _in_output(
        self, recorded: LockEntry, record: RunRecord, key: str, tolerance: Tolerance, elsewhere: bool
    ) -> list[Difference]:
        """Return where an output of another fingerprint differs from the recorded sketch."""
        of, path = label(key), f"outputs[{key!r}]"
        obtained = self._sketches.of(record, key)
        expected = {place: leaf for place, leaf in recorded.sketch.items() if _is_of(place, of)}
        if expected.keys() != obtained.keys():
            # Which parts are in a sketch depends on how many there are: so those that the recorded one has.
            all_of_it = expected.get(of)
            whole = not isinstance(all_of_it, Mapping) or "parts" not in all_of_it
            more = self._sketches.larger(record, key, 10 * LEAVES)
            kept = {place: leaf for place, leaf in more.items() if whole or place in expected}
            obtained = kept if whole else {**kept, of: obtained[of]}
        present = replace(recorded, environment=self.environment(record.process, recorded.modules))
        present = as_far_as_recorded(recorded, present)
        libraries = [each.environment.get("libraries") for each in (recorded, present)]
        found = sketch_differences(expected, obtained, tolerance, same_libraries=libraries[0] == libraries[1])
        found = [replace(each, path=path + each.path.removeprefix(of)) for each in found]
        if not found and tolerance.exact and not elsewhere:
            detail = "the fingerprints differ; what differs is not in the sketch"
            return [Difference(path, recorded.outputs[key], record.outputs[key].digest, detail)]
        return found

    def _granted(self, name: str, key: str | None, elsewhere: bool) -> Tolerance:
        """Return what the config, or the ini file, grants the process; else, in another environment, the default."""
        declared = self._session.expanded[name].process.tolerances
        found = declared.get(key, declared.get(None))
        if found is not None:
            return found
        return self._tolerance if elsewhere else EXACT

    def _differing_upstream(self, name: str) -> tuple[str, ...]:
        """Return the processes upstream that differ from their entries while nothing before them does."""
        processes, above = self._session.expanded.processes, self._session.expanded.ancestors(name)
        differing: set[str] = set()
        first = []
        for each in processes:
            if each not in above:
                continue
            if any(upstream in differing for upstream in processes[each].upstream):
                differing.add(each)
            elif self._differs(each):
                differing.add(each)
                first.append(each)
        return tuple(first)

    def _differs(self, name: str) -> bool:
        recorded, record = self.lock.entries.get(name), self._session.known(name)
        if recorded is None or record is None or record.outcome is not Outcome.PASSED:
            return False
        if not self._differences(name, recorded, record, elsewhere=False, exact=True):
            return False
        elsewhere = is_elsewhere(recorded, self.environment(name, recorded.modules))
        return bool(self._differences(name, recorded, record, elsewhere=elsewhere, exact=False))


def _is_of(place: str, of: str) -> bool:
    return place.startswith(of) and place[len(of) :][:1] in ("", ".", "[")


def _in_order(metrics: Mapping[str, Mapping[int | None, Any]]) -> dict[str, dict[int | None, Any]]:
    """Return readings by step; what has no step goes last."""
    return {
        name: dict(sorted(readings.items(), key=lambda each: (each[0] is None, each[0] or 0)))
        for name, readings in metrics.items()
    }
