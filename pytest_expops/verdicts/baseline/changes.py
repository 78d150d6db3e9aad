"""What else is not as it was when an entry was recorded: code, parameters, seeds, data, libraries, the machine."""

from __future__ import annotations

import enum
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_expops.verdicts.baseline.lock_file import PACKAGES, LockEntry
from pytest_expops.verdicts.baseline.lock_file_text import encode

ABSENT = "none"


class Aspect(enum.Enum):
    """What a change is a change of."""

    CODE = "code"
    PLACE = "place"
    """From where a package is imported: as the user's own code, or as an installed library."""
    PARAMETER = "parameter"
    SEED = "seed"
    SIZE = "size"
    INPUT = "input"
    FILE = "file"
    LIBRARY = "library"
    MACHINE = "machine"

    @property
    def around(self) -> bool:
        """Whether it is of the environment, rather than of the project."""
        return self in (Aspect.LIBRARY, Aspect.MACHINE)


@dataclass(frozen=True, slots=True)
class Change:
    """`what` (a name: of a function, parameter, upstream process, library, ...) was `before` and is `after`."""

    subject: Aspect
    what: str
    before: str = ""
    after: str = ""

    def to_json(self) -> list[str]:
        """Return plain data, the inverse of `from_json`."""
        return [self.subject.value, self.what, self.before, self.after]

    @classmethod
    def from_json(cls, data: Any) -> Change:
        """Return what `to_json` was called on."""
        return cls(Aspect(data[0]), *data[1:])


@dataclass(frozen=True, slots=True)
class Kept:
    """What of an entry was compared and found as it was: `subjects`, of which `files` are named.

    `covers` is what the entry covers, `names_files` says whether it has any, and `without_file` names modules of which
    there is nothing to record.
    """

    subjects: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    without_file: tuple[str, ...] = ()
    names_files: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kept:
        """Return what `dataclasses.asdict` was called on, once it has been JSON."""
        subjects, files, covers, modules = (
            tuple(data[name]) for name in ("subjects", "files", "covers", "without_file")
        )
        return cls(subjects, files, covers, modules, data["names_files"])


def kept_of(
    recorded: LockEntry, present: LockEntry, changes: Collection[Change], without_file: tuple[str, ...] = ()
) -> Kept:
    """Return what is recorded in an entry, and is as it was: not among the changes, and no input that is another."""
    recorded_of = {
        Aspect.CODE: recorded.code,
        Aspect.PARAMETER: recorded.parameters,
        Aspect.SEED: True,
        Aspect.SIZE: recorded.rows is not None,
        Aspect.INPUT: recorded.inputs and recorded.inputs == present.inputs,
        Aspect.FILE: recorded.files,
        Aspect.LIBRARY: recorded.environment.get("libraries"),
        Aspect.MACHINE: _machine(recorded.environment),
    }
    changed = {Aspect.CODE if change.subject is Aspect.PLACE else change.subject for change in changes}
    gone = {change.what for change in changes if change.subject is Aspect.FILE}
    files = tuple(
        f"{path} (by its size)" if digest.endswith(" bytes") else path
        for path, digest in recorded.files.items()
        if path not in gone
    )
    subjects = [each for each, there in recorded_of.items() if there and each not in changed | {Aspect.FILE}]
    if files:
        subjects.append(Aspect.FILE)
    return Kept(
        tuple(each.value for each in Aspect if each in subjects),
        files,
        recorded.covers,
        without_file,
        bool(recorded.files),
    )


def changes_between(
    recorded: LockEntry, present: LockEntry, accounted_for: Collection[str] = frozenset()
) -> tuple[Change, ...]:
    """Return what is not as it was, in the order in which it is likely to be the reason.

    Args:
        recorded: the entry in the lock file.
        present: what would be recorded now.
        accounted_for: upstream processes whose results nothing else than the changes found here can have changed: in
            another environment, their last digits. What is received from them is no change of its own.
    """
    return tuple(_changes(recorded, as_far_as_recorded(recorded, present), accounted_for))


def is_elsewhere(recorded: LockEntry, environment: Mapping[str, Any]) -> bool:
    """Return whether `environment` is another than that of an entry, as far as that was recorded."""
    present = as_far_as_recorded(recorded, replace(recorded, environment=environment))
    return present.environment != recorded.environment


def as_far_as_recorded(recorded: LockEntry, present: LockEntry) -> LockEntry:
    """Return `present` without what an entry of an early version does not tell of: that is no change.

    Such an entry has the code of scripts and of what lies beside them, and the libraries that these import.
    """
    if PACKAGES in recorded.covers:
        return present
    files = {_file_of(label) for label in recorded.code}
    code = {label: digest for label, digest in present.code.items() if _file_of(label) in files}
    before = recorded.environment.get("libraries", {})
    after = present.environment.get("libraries", {})
    libraries = {name: after.get(name, before[name]) for name in before}
    environment = {**present.environment, "libraries": libraries} if libraries else present.environment
    return replace(present, code=code, environment=environment)


def _file_of(label: str) -> str:
    """Return the file of ``path/of/file.py:name``."""
    return label.partition(":")[0]


def _changes(recorded: LockEntry, present: LockEntry, accounted_for: Collection[str]) -> Iterator[Change]:
    moved = _moved(recorded, present)
    for label in _differing(recorded.code, present.code):
        if label in moved:
            continue
        yield Change(Aspect.CODE, label, _presence(recorded.code, label), _presence(present.code, label))
    for name, is_library in dict(moved.values()).items():
        yield Change(Aspect.PLACE, name, *(("own code", "library") if is_library else ("library", "own code")))
    yield from _each(Aspect.PARAMETER, recorded.parameters, present.parameters)
    if (recorded.seeds, recorded.base_seed) != (present.seeds, present.base_seed):
        yield Change(Aspect.SEED, "seed", _seed(recorded), _seed(present))
    if recorded.rows != present.rows:
        yield Change(Aspect.SIZE, "rows", _text(recorded.rows), _text(present.rows))
    for path in _differing(recorded.files, present.files):
        yield Change(Aspect.FILE, path, _presence(recorded.files, path), _presence(present.files, path))
    for name in _differing(recorded.inputs, present.inputs):
        if name not in accounted_for:
            yield Change(Aspect.INPUT, name, _presence(recorded.inputs, name), _presence(present.inputs, name))
    before, after = recorded.environment, present.environment
    yield from _each(Aspect.LIBRARY, before.get("libraries", {}), after.get("libraries", {}))
    yield from _each(Aspect.MACHINE, _machine(before), _machine(after))


def _moved(recorded: LockEntry, present: LockEntry) -> dict[str, tuple[str, bool]]:
    """Return the labels of code that one entry has while the other has its package as a library, which has no code.

    By label the name of the package, and whether it is a library now.
    """
    found = {}
    for one, other, is_library in ((recorded, present, True), (present, recorded, False)):
        libraries = other.environment.get("libraries", {}).keys() - one.environment.get("libraries", {}).keys()
        for label in one.code.keys() - other.code.keys() if libraries else ():
            name = next((part for part in _file_of(label).split("/") if part in libraries), None)
            if name is not None:
                found[label] = (name, is_library)
    return found


def _each(subject: Aspect, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in _differing(before, after):
        yield Change(subject, name, _text(before.get(name, ABSENT)), _text(after.get(name, ABSENT)))


def _machine(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of an environment but the libraries."""
    return {name: value for name, value in environment.items() if name != "libraries"}


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ as text, in which 1 is not 1.0, NaN is NaN, and no map has an order."""
    names = dict.fromkeys([*before, *after])
    return [name for name in names if _canonical(before, name) != _canonical(after, name)]


def _canonical(found: Mapping[str, Any], name: str) -> str:
    return json.dumps(encode(found[name]), sort_keys=True) if name in found else ABSENT


def _presence(found: Mapping[str, str], name: str) -> str:
    return found.get(name, ABSENT)


def _seed(entry: LockEntry) -> str:
    if entry.seeds:
        return " ".join(map(str, entry.seeds))
    return f"base seed {entry.base_seed}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
