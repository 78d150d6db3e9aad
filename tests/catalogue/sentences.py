"""The sentences of a failure that the labels of the catalogue contradict."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_expops.verdicts.replay_gist import title
from pytest_expops.verdicts.replay_text import HELD_WHERE
from tests.catalogue.cases import NOT_ATTRIBUTED, Case

_HELD = re.compile(r"held fixed without effect, [a-z ]+: (.*)")
_WHY = re.compile(r"^\s*why: +(.*)")


def untrue(text: str, case: Case) -> tuple[str, ...]:
    """Return each sentence of the report `text` on `case` that is not so, as it was printed.

    That is one which says that a cause of the case was held fixed without effect, or which names as the cause what is
    none. (Of what is drawn natively it may be said that it was held for Python code.)
    """
    right = {title(each) for each in case.causes if each != NOT_ATTRIBUTED}
    held = set() if case.natively and HELD_WHERE in text else right
    return tuple(dict.fromkeys(_untrue(text, right, held)))


def _untrue(text: str, right: set[str], held: set[str]) -> Iterator[str]:
    for line in text.splitlines():
        if found := _HELD.search(line):
            if held & set(found[1].split(", ")):
                yield line.strip()
        # Behind the comma stands who left something, or what else is known.
        elif (found := _WHY.match(line)) and found[1].partition(", ")[0] not in {*right, "not attributed"}:
            yield line.strip()
