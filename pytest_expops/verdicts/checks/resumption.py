"""Whether a computation goes on after it was saved and loaded as if it had not been; if not, what was not restored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.errors import NotReproducible
from pytest_expops.execution.calls.checked_call import CheckedCall
from pytest_expops.execution.calls.resuming import (
    STATE,
    STREAMS,
    STREAMS_BEFORE,
    Run,
    Save,
    Start,
    run_from_saved,
    run_from_start,
)
from pytest_expops.execution.records import Outcome
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.values.comparison import Difference, compare
from pytest_expops.verdicts.checks.checker import Checker, first_run
from pytest_expops.wording import and_more, joined, short_place

MOST = 3
"""So many differences of one kind are shown."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A computation that can be saved.

    `start` makes its first state, `run` takes it so many steps on, `save` and `load` are given the path of a folder.
    """

    start: Start
    run: Run
    save: Save
    load: Callable[[str], Any]
    steps: int
    path: str

    @property
    def half(self) -> int:
        """How many steps are made before it is saved."""
        return self.steps // 2


class Interruption:
    """The runs of one computation, each with the random streams seeded alike at its start."""

    def __init__(self, checker: Checker, check: FunctionCheck, subject: Resumption) -> None:
        self._checker = checker
        self._check = check
        self._subject = subject

    def in_one_go(self) -> Mapping[str, Any]:
        """Run it here, from the start to the end."""
        return self._here([self._subject.steps], None)

    def saved(self) -> Mapping[str, Any]:
        """Run it here up to the point where it is saved, and save it."""
        os.makedirs(self._subject.path, exist_ok=True)
        return self._here([self._subject.half], self._subject.save)

    def in_two_goes(self) -> Mapping[str, Any]:
        """Run it here with a break where it would be saved, and is not."""
        return self._here([self._subject.half, self._subject.steps - self._subject.half], None)

    def loaded(self, steps: int) -> Mapping[str, Any]:
        """Load it in a fresh interpreter, and go on for so many steps.

        Raises:
            NotReproducible: that raised.
        """
        subject = self._subject
        call = CheckedCall(run_from_saved, (subject.load, subject.run, steps, subject.path), outputs=True)
        session = self._checker.opened(self._check, call)
        record = self._checker.elsewhere(session, self._check.name)
        if record.outcome is not Outcome.PASSED:
            said = record.failure.traceback if record.failure else record.outcome.value
            doing = f"run for {steps} more steps" if steps else "looked at"
            raise NotReproducible(
                f"not resumable: what was saved cannot be loaded in a fresh interpreter and {doing}:\n{said}"
            )
        return session.load(record)

    def _here(self, steps: list[int], save: Save) -> Mapping[str, Any]:
        __tracebackhide__ = True
        subject = self._subject
        call = CheckedCall(run_from_start, (subject.start, subject.run, steps, save, subject.path), outputs=True)
        return first_run(self._checker.opened(self._check, call), self._check.name)


def not_resumed(runs: Interruption, check: FunctionCheck, subject: Resumption) -> tuple[Any, str]:
    """Return the state after all steps in one go, and why it is another if it was interrupted; empty if it is not.

    Raises:
        NotReproducible: what was saved cannot be loaded, or not be run further.
    """
    __tracebackhide__ = True
    whole, saved = runs.in_one_go(), runs.saved()
    resumed = runs.loaded(subject.steps - subject.half)
    found = _apart(check, whole, resumed)
    if not found:
        return whole[STATE], ""
    head = (
        f"not resumable: {_gist(found)}\n\n"
        f"{check.name} was run for {subject.steps} steps in one go; and for {subject.half}, saved, loaded in a fresh\n"
        f"interpreter, and run for {subject.steps - subject.half} more, where the state is another:\n"
    )
    lines = [head, *_shown(found, "in one go", "resumed  ")]
    split = _apart(check, whole, runs.in_two_goes())
    if split:
        lines += ["", f"saving is not why, or not alone: run for {subject.half} and {subject.steps - subject.half}"]
        lines.append("steps without saving, the state is another than in one go, too:")
        lines += _shown(split, "in one go", "in two   ")
        return whole[STATE], "\n".join(lines)
    loaded = runs.loaded(0)
    missing = _apart(check, saved, loaded)
    used = {name: digest for name, digest in saved[STREAMS].items() if saved[STREAMS_BEFORE].get(name) != digest}
    streams = [name for name, digest in used.items() if loaded[STREAMS].get(name) != digest]
    if missing:
        lines += ["", "not restored by loading:", *_shown(missing, "saved ", "loaded")]
    if streams:
        of = joined(["Python's module `random`" if name == "python" else f"`{name}`" for name in streams])
        lines += ["", f"not restored by loading: the random streams of {of}", "fix: save their state, and set it again"]
    if not missing and not streams:
        lines += ["", "right after loading, the state and the random streams are as they were when it was saved: so it"]
        lines += ["depends on something that is in neither, as a module's variable, a file or a library's setting"]
    return whole[STATE], "\n".join(lines)


def _apart(check: FunctionCheck, one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Difference, ...]:
    return compare(one[STATE], other[STATE], rtol=check.rtol, atol=check.atol, path=STATE)


def _gist(found: tuple[Difference, ...]) -> str:
    first = found[0]
    return f"{short_place(first.path)}: {first.detail or f'{first.expected}, resumed {first.obtained}'}"


def _shown(found: tuple[Difference, ...], one: str, other: str) -> list[str]:
    lines = []
    for each in found[:MOST]:
        lines.append(f"  {short_place(each.path)}" + (f": {each.detail}" if each.detail else ""))
        lines += [f"      {one}: {each.expected}", f"      {other}: {each.obtained}"]
    more = and_more(len(found), MOST, "differences")
    return [*lines, *([f"  {more}"] if more else [])]
