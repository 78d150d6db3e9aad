"""What a reviewer is to be told of a session, each thing once and at its line: for tools that annotate a change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import CheckKind, CheckResult, Report, SharedCause, ShownLine, Subject
from pytest_expops.wording import cut_middle, listed

LONGEST_TITLE = 250
LONGEST_MESSAGE = 4_000
MOST_NAMES = 3
_CHECKS: frozenset[CheckKind] = frozenset({"baseline", "split", "property", "stability"})
"""Checks whose failures are no cause, and no failure of a process."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to be told. `file` is relative to the repository, and empty where the line is in none of its files.

    `failed` is whether an item failed for it; one that was expected to fail does not. `sort` names the kind of thing,
    and `key` tells it from the others of this sort, in whatever session it is found.
    """

    sort: str
    title: str
    message: str
    file: str
    line: int
    failed: bool
    key: tuple[str, ...]


def remarks(report: Report, root: Path) -> list[Remark]:
    """Return what is to be told: causes, then failures of the user's code, then checks that failed.

    Args:
        report: the session.
        root: the folder of the repository.
    """
    places = _Places(report, root)
    told = [_of_cause(each, places) for each in report.causes if not each.declared]
    told += _of_failures(report.subjects, places)
    return told + list(_of_checks(report.checks, places))


def repository(directory: Path, workspace: str) -> Path:
    """Return the folder that a CI system's paths are relative to.

    Args:
        directory: where the session was started.
        workspace: where the CI system says that it put the repository; empty where it says nothing.
    """
    above = [directory, *directory.parents]
    if workspace and Path(workspace) in above:
        above = above[: above.index(Path(workspace)) + 1]
    # A repository may be in a folder of the workspace; of one in another, the outer one is meant.
    roots = [each for each in above if (each / ".git").exists()]
    return roots[-1] if roots else Path(workspace) if workspace else directory


class _Places:
    """Where in the repository something is: at a line of the user's, or else where the item stands that met it."""

    def __init__(self, report: Report, root: Path) -> None:
        self._directory = report.session.directory
        self._root = str(root)
        self._groups = {each.id: each.group for each in report.subjects}
        self._items: dict[str, list[CheckResult]] = {}
        for each in report.checks:
            for name in each.subjects:
                self._items.setdefault(name, []).append(each)

    def find(self, line: ShownLine | None, subject: str) -> tuple[str, int]:
        """Return the file, relative to the repository, and the line; nothing where neither is in it."""
        tried = [(line.file, line.line)] if line is not None else []
        tried += [(each.file, each.line) for each in self._items.get(subject, ())]
        return next(filter(None, (self._relative(*each) for each in tried)), ("", 0))

    def of(self, item: CheckResult) -> tuple[str, int]:
        """Return the place of an item."""
        return self._relative(item.file, item.line) or ("", 0)

    def _relative(self, file: str, line: int) -> tuple[str, int] | None:
        path = os.path.join(self._directory, file)
        for shown, root in ((path, self._root), (os.path.realpath(path), os.path.realpath(self._root))):
            relative = os.path.relpath(shown, root)
            if file and relative.split(os.sep)[0] != os.pardir:
                return Path(relative).as_posix(), line
        return None

    def groups(self, subjects: Iterable[str]) -> list[str]:
        """Return the processes, or tests, that some subjects are of."""
        return sorted({self._groups.get(each, each) for each in subjects})

    def failed(self, subjects: Iterable[str]) -> bool:
        """Return whether an item of one of these failed; one without an item fails those that depend on it."""
        results = [each.result for name in subjects for each in self._items.get(name, ())]
        return not results or "failed" in results or "error" in results


def _of_cause(cause: SharedCause, places: _Places) -> Remark:
    file, line = places.find(cause.where, cause.example)
    why = [part for each in cause.why for part in (each.evidence, f"fix: {each.fix}" if each.fix else "")]
    # The numbers are those of one of them.
    seen = f"{_names([cause.example])}: {cause.gist}" if cause.gist else ""
    again = f"to see it again: {cause.command}" if cause.command else ""
    where = cause.where or ShownLine("", 0)
    sources = [each.source for each in cause.why] or [cause.title]
    return Remark(
        "not-reproducible",
        _title(f"{_counted(cause.subjects, 'result is', 'results are')} not reproducible: {cause.title}"),
        _message([_names(cause.subjects), seen, *why, *cause.note, again]),
        file,
        line,
        places.failed(cause.subjects),
        (where.function, where.code, *sources, *(() if where.code else places.groups(cause.subjects))),
    )


def _of_failures(subjects: Sequence[Subject], places: _Places) -> Iterator[Remark]:
    """Yield one for each line of the user's and type of exception; without a line, for each process."""
    groups: dict[tuple[str, ...], list[Subject]] = {}
    for each in subjects:
        if each.outcome in (Outcome.FAILED, Outcome.CRASHED):
            at, kind = each.failed_at, each.failure.partition(":")[0]
            key = (at.file, str(at.line), at.code, kind) if at is not None else (each.config, each.group, kind)
            groups.setdefault(key, []).append(each)
    for group in groups.values():
        first, names = group[0], [each.id for each in group]
        file, line = places.find(first.failed_at, first.id)
        at, kind = first.failed_at, first.failure.partition(":")[0]
        yield Remark(
            "process-failed",
            _title(_with_first(f"{_counted(group, 'process', 'processes')} failed", [each.failure for each in group])),
            _message([_names(names), first.traceback]),
            file,
            line,
            places.failed(names),
            (at.code, kind) if at is not None and at.code else (first.group, kind),
        )


def _of_checks(checks: Sequence[CheckResult], places: _Places) -> Iterator[Remark]:
    """Yield one for each place at which checks of one kind failed."""
    groups: dict[tuple[str, str, int], list[CheckResult]] = {}
    for each in checks:
        if each.kind in _CHECKS and each.result in ("failed", "error"):
            groups.setdefault((each.kind, each.file, each.line), []).append(each)
    for (kind, _, _), group in groups.items():
        first = group[0]
        file, line = places.of(first)
        yield Remark(
            kind,
            _title(_with_first(f"{_counted(group, f'{kind} check')} failed", [each.gist for each in group])),
            _message([_names([each.id for each in group]), first.gist]),
            file,
            line,
            True,
            tuple(places.groups(first.subjects)),
        )


def _counted(group: Sequence[object], one: str, more: str = "") -> str:
    return f"1 {one}" if len(group) == 1 else f"{len(group)} {more or one + 's'}"


def _with_first(what: str, said: Sequence[str]) -> str:
    """Return what happened to some, and what the first of them said: which the others may not."""
    return f"{what}{': ' if len(set(said)) == 1 else '; the first: '}{said[0]}"


def _names(names: Sequence[str]) -> str:
    return listed([each.rpartition("::")[2] for each in names], MOST_NAMES)


def _title(text: str) -> str:
    return cut_middle(" ".join(text.split()), LONGEST_TITLE)


def _message(parts: Iterable[str]) -> str:
    return cut_middle(
        "\n".join(cut_middle(each.strip(), LONGEST_MESSAGE // 2) for each in parts if each.strip()), LONGEST_MESSAGE
    )
