"""A broken law in words: what depends on what, the smallest rows and sizes that show it, and how to see it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_expops.execution.variations.variation import Variation
from pytest_expops.values.differences import Difference
from pytest_expops.values.showing import show
from pytest_expops.verdicts.laws._checks import StatedLaw
from pytest_expops.verdicts.laws._subjects import Rows, Window
from pytest_expops.wording import and_more, first_of, short_place

MOST_ROWS = 10
MOST_DIFFERENCES = 5


@dataclass(frozen=True)
class Violation:
    """How one case breaks a law: where its result differs from the expected one, or what was raised instead."""

    differences: tuple[Difference, ...] = ()
    error: Exception | None = field(default=None, compare=False)

    def alike(self, other: Violation) -> bool:
        """Return whether both are of one kind: results that differ, or the same type of exception."""
        return type(self.error) is type(other.error)

    @property
    def summary(self) -> str:
        """One line."""
        if self.error is not None:
            first = str(self.error).partition("\n")[0]
            return f"it raises {type(self.error).__name__}{f': {first}' if first else ''}"
        first_found = self.differences[0]
        return first_of(f"{short_place(first_found.path)}: {first_found.detail}", len(self.differences))


@dataclass(frozen=True)
class BrokenCase:
    """A case that breaks a law. `window` is None where all rows were used, or rows do not matter.

    `words` say how the expected result came about, and how the obtained one did; `arguments` are those of `expops.run`,
    and `outputs` is an expression for the one of that name, which holds values.
    """

    window: Window | None
    case: Any
    words: tuple[str, str]
    arguments: Mapping[str, Any]
    outputs: str
    violation: Violation


def message_of(law: StatedLaw, broken: Sequence[BrokenCase], tried: int) -> str:
    """Return the message of a law that is broken; of several cases the last is the smallest."""
    last = broken[-1]
    expected, obtained = last.words
    process, rows = law.check.process, law.check.rows
    lines = [f"{law.name}: `{process}` {law.claim}", ""]
    lines.append(f"{_which(rows, last.window)}{obtained}: not as {expected}")
    lines += _differences(last.violation, expected, obtained)
    if rows is not None and last.window is not None:
        lines += ["", *_rows(rows, last.window)]
    for each in broken[:-1]:
        lines += ["", f"with all rows, {each.words[1]}: {each.violation.summary}"]
    lines += ["", f"to see it again: {Variation.of(**last.arguments).call(process, last.outputs)}"]
    if tried > 1:
        lines.append(f"({tried} runs were tried to find it)")
    return "\n".join(lines)


def _which(rows: Rows | None, window: Window | None) -> str:
    if rows is None or window is None:
        return ""
    noun = "row" if window.rows == 1 else "rows"
    return f"{window.rows} {noun} of `{rows.key}` of `{rows.source}` ({window.start} to {window.stop - 1}), "


def _differences(violation: Violation, expected: str, obtained: str) -> list[str]:
    if violation.error is not None:
        return [f"  {violation.summary}"]
    lines = []
    for each in violation.differences[:MOST_DIFFERENCES]:
        lines.append(f"  {short_place(each.path)}: {each.detail}")
        lines.append(f"      {expected}: {each.expected}")
        lines.append(f"      {obtained}: {each.obtained}")
    more = and_more(len(violation.differences), MOST_DIFFERENCES)
    return [*lines, f"  ... {more}"] if more else lines


def _rows(rows: Rows, window: Window) -> list[str]:
    shown = rows.shown(window)
    if hasattr(shown, "to_string") and window.rows <= MOST_ROWS:
        return [f"    {line}" for line in shown.to_string(max_cols=8).splitlines()]
    return [f"    {show(shown)}"]
