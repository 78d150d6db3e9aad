"""What the phases of a diagnosis have found, put together as one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pytest_expops.pipeline.model import Checked
from pytest_expops.replay.nondeterminism.base import Site
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.diagnosis._advice import against_files
from pytest_expops.verdicts.diagnosis._attribution import Search
from pytest_expops.verdicts.diagnosis._control import Control
from pytest_expops.verdicts.diagnosis._leftovers import Leftover, changing
from pytest_expops.verdicts.diagnosis._remedies import WhatIsRun, remedy
from pytest_expops.verdicts.diagnosis._trials import Trials
from pytest_expops.verdicts.findings import FIRST_APART, Cause, CodeLine, Diagnosis, Place, ReadBack
from pytest_expops.wording import joined, listed, short_place

_NOT_TAKEN_OVER = (
    "what was changed in this interpreter before, by `monkeypatch` or a fixture, say, a fresh one does not have"
)

_NOT_WATCHED = "no line is named: a replay that is watched gives something else here than one that is not"


@dataclass(slots=True)
class Findings:
    """What the phases have found so far, in the order in which they come."""

    control: Control | None = None
    search: Search | None = None
    leftover: Leftover | None = None
    causes: list[Cause] = field(default_factory=list)
    place: Place | None = None
    stopped: str = ""
    alerts: tuple[Site, ...] = ()

    @property
    def files(self) -> bool:
        """Whether files are why replays do not agree with the first run."""
        return any(cause.source == "files" for cause in self.causes)


def conclude(trials: Trials, findings: Findings) -> Diagnosis:
    """Return what is known so far as one diagnosis."""
    search = findings.search
    check = trials.session.expanded.pipeline.check
    what = check.what if check is not None else None
    return Diagnosis(
        findings.place,
        _with_remedies(trials, findings),
        tuple(search.tried) if search is not None else (),
        trials.runs,
        note=_note(findings, what),
        hash_seed=_differing_hash_seed(trials, findings),
        read_back=_unproved_files(findings),
        threads=findings.control.threads if findings.control is not None else {},
        unheld=search.unheld() if search is not None else (),
        alerts=tuple(map(CodeLine.at, findings.alerts)),
        file_remedy=against_files(what),
    )


def _with_remedies(trials: Trials, findings: Findings) -> tuple[Cause, ...]:
    """Return the causes, each with what helps at the lines that drew from it."""
    each = trials.session.expanded[trials.name]
    session, code = trials.session, each.process.code
    file = str(session.runner.project.file(code.script) or "")
    check = session.expanded.pipeline.check
    if check is None:
        subject = WhatIsRun(file, code.function, has_settings=bool(each.seeds))
    else:
        subject = WhatIsRun(file, code.function, check.what, check.seed_names)
    return tuple(replace(cause, remedy=remedy(cause, findings.place, subject)) for cause in findings.causes)


def _note(findings: Findings, what: Checked | None) -> str:
    """Return what is known besides causes: that the difference is rare, or what is left without a cause.

    Of a function or test, the first run was made here, beside others; a program had an interpreter of its own.
    """
    control = findings.control
    if control is None:
        return ""
    notes = _of_causes(findings, control, what)
    return "\n        ".join(filter(None, [notes, "" if control.watched else _NOT_WATCHED]))


def _of_causes(findings: Findings, control: Control, what: Checked | None) -> str:
    search = findings.search
    if not control.apart and not control.behind:
        return f"{len(control.made)} more replays gave what the first run gave: it differs rarely"
    if control.behind and findings.leftover is None and not findings.files:
        also = f"\n        {_NOT_TAKEN_OVER}" if what in ("function", "test") and not findings.causes else ""
        return f"{len(control.made)} {FIRST_APART}{also}"
    notes = [findings.stopped] if findings.stopped else []
    if search is not None and search.remaining:
        if findings.causes:
            remaining = map(short_place, sorted(search.remaining))
            notes.append(f"not attributed: {listed(remaining, 3, quote='`')}")
        unsure = [SOURCES[source].title for source in search.unsure if source not in search.found]
        if unsure:
            notes.append(f"replays agreed with {joined(unsure)} fixed, but more of them did not tell it from chance")
    return "; ".join(notes)


def _unproved_files(findings: Findings) -> tuple[ReadBack, ...]:
    """Return the files that may be the cause; none where all that differs has a proved one.

    Where replays differ from one another, these are only the files that they did not all find alike.
    """
    control, search = findings.control, findings.search
    if control is None:
        return ()
    unexplained = bool(control.behind) and findings.leftover is None and not findings.files
    rare = not control.apart and not control.behind
    if unexplained or rare:
        return control.read_back
    remaining = search is not None and bool(search.remaining)
    return changing(control.read_back, control.made) if remaining else ()


def _differing_hash_seed(trials: Trials, findings: Findings) -> int | None:
    """Return one under which results differ from those of the first control, which has the hash seed of replay 1."""
    if findings.control is None:
        return None
    paths = next((frozenset(cause.paths) for cause in findings.causes if cause.source == "hashseed"), frozenset())
    one, *others = findings.control.made
    for other in others:
        if other.replay.hash_seed != one.replay.hash_seed and trials.differing(one, other) & paths:
            return other.replay.hash_seed
    return None
