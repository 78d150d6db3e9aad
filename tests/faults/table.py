"""What was tried, and each fault that was found: a table of counts, and below it how to repeat every case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What can go wrong: the columns of the table, all of which must be 0."""

    HUNG = "hung"
    TWICE = "run twice"
    LOST = "lost"
    LEFT = "left behind"
    TRACEBACK = "tracebacks of ours"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong in the case `case`; `what` is what was seen."""

    kind: Kind
    case: str
    what: str


@dataclass
class Row:
    """One part of the proof: how many cases were tried, and what went wrong in them; `note` says more of them."""

    part: str
    tried: int = 0
    faults: list[Fault] = field(default_factory=list)
    note: str = ""

    def add(self, faults: Iterable[Fault]) -> None:
        """One more case was tried, with these faults."""
        self.tried += 1
        self.faults.extend(faults)


def render(rows: Iterable[Row]) -> str:
    """The table as Markdown, which can be pasted into a document."""
    lines = [
        f"| | tried | {' | '.join(kind.value for kind in Kind)} |",
        f"|---|{'---:|' * (len(Kind) + 1)}",
    ]
    for row in rows:
        # A case with several faults of one kind is one case.
        cases = Counter(kind for kind, _ in {(fault.kind, fault.case) for fault in row.faults})
        counts = " | ".join(f"{cases[kind]:,}" for kind in Kind)
        name = f"{row.part} ({row.note})" if row.note else row.part
        lines.append(f"| {name} | {row.tried:,} | {counts} |")
    return "\n".join(lines)


def explained(rows: Iterable[Row]) -> str:
    """Every fault, with the command that repeats its case; an empty text if there is none."""
    return "\n\n".join(
        f"{fault.kind.value}: {row.part}: {fault.what}\nrepeat it with: python -m tests.faults --case {fault.case}"
        for row in rows
        for fault in row.faults
    )
