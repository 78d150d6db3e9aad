"""What ran before in the same interpreter: other processes, whose modules are kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pytest_expops.execution.conditions.base import Mode, Setting, Source, Watcher
from pytest_expops.execution.records import Outcome, RunRecord

MOST = 3
"""So many other processes are run first."""
SECONDS = 10.0
"""They take no longer than this together, going by their first runs."""


class Order(Source):
    """Varied by `Request.before`; naturally nothing runs before a replay on the same modules."""

    name: ClassVar[str] = "order"
    title: ClassVar[str] = "what ran before"
    catches: ClassVar[str] = "what an earlier process leaves in a module, a global or a library's settings"
    remedy: ClassVar[str] = "keep state in outputs, not in modules; set a library's options where they are used"
    can_hold: ClassVar[bool] = False

    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        return nullcontext()


def unrelated(name: str, base: str, records: Mapping[str, RunRecord], bases: Mapping[str, str]) -> tuple[str, ...]:
    """The processes to run before a replay of `name` that varies the order, from those that passed, quick ones first.

    One duplicate of the same base process, whose caches are the likeliest to be hit, and else one of each other.

    :param records: of the processes that may be chosen.
    :param bases: the base name of each.
    """
    candidates = [
        (record.duration, each)
        for each, record in records.items()
        if each != name and record.outcome is Outcome.PASSED and record.duration <= SECONDS
    ]
    chosen: dict[str, str] = {}
    total = 0.0
    for duration, each in sorted(candidates, key=lambda pair: (bases[pair[1]] != base, pair)):
        if bases[each] not in chosen and len(chosen) < MOST and total + duration <= SECONDS:
            chosen[bases[each]] = each
            total += duration
    return tuple(chosen.values())


def is_varied(setting: Setting | None) -> bool:
    """Whether other processes are to run first."""
    return setting is not None and setting.mode is Mode.VARIED
