"""Whether a process keeps a law: case by case, first with all rows, then with the fewest that show the same."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pytest_expops.errors import CheckFailed, ExpopsError
from pytest_expops.execution.raised import trouble_in
from pytest_expops.pipeline.model import Tolerance
from pytest_expops.values.comparison import compare
from pytest_expops.values.differences import Difference
from pytest_expops.verdicts.laws._checks import Check, Compared, StatedLaw
from pytest_expops.verdicts.laws._search import Effort, smallest
from pytest_expops.verdicts.laws._subjects import Window
from pytest_expops.verdicts.laws._text import BrokenCase, Violation, message_of


class LawBroken(CheckFailed):
    """A process does not keep a law; `law`, `process`, and the case that shows it: `case`, `differences`, `error`."""

    def __init__(self, message: str, *, law: str, process: str, case: Any, violation: Violation) -> None:
        super().__init__(message)
        self.law = law
        self.process = process
        self.case = case
        self.differences: tuple[Difference, ...] = violation.differences
        self.error = violation.error


def hold(law: StatedLaw, case: Any | None, tolerance: Tolerance, effort: Effort) -> int:
    """Check a law with one case; without a case, with as many as the effort allows.

    Returns:
        How many cases were tried.

    Raises:
        LawBroken: a case breaks the law.
    """
    __tracebackhide__ = True
    judge = _Judge(law.check, tolerance)
    broken: list[BrokenCase] = []
    if case is not None:
        violation = judge.violation(None, case)
        if violation is not None:
            broken.append(judge.broken(None, case, violation))
    else:
        found = smallest(law.check.cases(None), lambda each: judge.violation(None, each), effort)
        if found is not None:
            broken.append(judge.broken(None, found.case, found.violation))
            broken += _with_fewer_rows(judge, found.violation, effort, max(2, law.least_rows))
    if not broken:
        return 1 if case is not None else effort.tried
    last = broken[-1]
    raise LawBroken(
        message_of(law, broken, effort.tried),
        law=law.name,
        process=law.check.process,
        case=last.case,
        violation=last.violation,
    ) from last.violation.error


def _with_fewer_rows(judge: _Judge, first: Violation, effort: Effort, least: int) -> list[BrokenCase]:
    """Return the smallest window of rows that breaks the law in the same way, where one is found."""
    rows = judge.check.rows
    if rows is None or rows.whole.rows <= least:
        return []
    count = rows.whole.rows

    def cases(window: Window) -> st.SearchStrategy[tuple[Window, Any]]:
        return st.tuples(st.just(window), judge.check.cases(window))

    def windows(length: int) -> st.SearchStrategy[Window]:
        return st.integers(0, count - length).map(lambda start: Window(start, start + length, count))

    def violation(drawn: tuple[Window, Any]) -> Violation | None:
        found = judge.violation(*drawn)
        return found if found is not None and found.alike(first) else None

    found = smallest(st.integers(least, count - 1).flatmap(windows).flatmap(cases), violation, effort)
    return [] if found is None else [judge.broken(*found.case, found.violation)]


class _Judge:
    """Compares what a case gives with what is expected; the latter is found once for each window of rows."""

    def __init__(self, check: Check, tolerance: Tolerance) -> None:
        self.check = check
        self.tolerance = tolerance
        self._expected: dict[Window | None, Compared | Exception] = {}

    def violation(self, window: Window | None, case: Any) -> Violation | None:
        """Return how a case breaks the law, if it does.

        Fewer rows than there are may be too few for a process; such a window says nothing.
        """
        if window not in self._expected:
            self._expected[window] = self._expect(window)
        expected = self._expected[window]
        if isinstance(expected, Exception):
            return None
        try:
            obtained = self.check.obtained(window, case, expected)
        except ExpopsError as error:
            if window is None or trouble_in(error):
                raise
            return None
        except Exception as error:
            if trouble_in(error):
                raise
            return Violation(error=error)
        differences = self._differences(expected, obtained)
        return Violation(differences) if differences else None

    def _expect(self, window: Window | None) -> Compared | Exception:
        try:
            return self.check.expected(window)
        except Exception as error:
            if window is None or trouble_in(error):
                raise
            return error

    def _differences(self, expected: Compared, obtained: Compared) -> tuple[Difference, ...]:
        found: list[Difference] = []
        for name in expected:
            path = "outputs" if len(expected) == 1 else f"{name}: outputs"
            rtol, atol = self.tolerance.rtol, self.tolerance.atol
            found += compare(expected[name], obtained[name], rtol=rtol, atol=atol, path=path)
        return tuple(found)

    def broken(self, window: Window | None, case: Any, violation: Violation) -> BrokenCase:
        """Return a case with what a message says of it."""
        arguments, outputs = self.check.arguments(window, case), self.check.outputs_written(window, case)
        return BrokenCase(window, case, self.check.words(window, case), arguments, outputs, violation)
