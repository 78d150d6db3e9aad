"""What ran before in the same interpreter: other processes, whose modules are kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from pytest_expops.pipeline.model import ExpandedPipeline, Kind
from pytest_expops.replay.nondeterminism.base import Setting, Source, Watcher

MOST = 3
"""So many other processes are run first."""


class EarlierProcesses(Source):
    """Varied by `Request.before`; naturally nothing runs before a replay on the same modules."""

    name: ClassVar[str] = "order"
    title: ClassVar[str] = "what ran before"
    catches: ClassVar[str] = "what an earlier process leaves in a module, a global or a library's settings"
    remedy: ClassVar[str] = "keep state in outputs, not in modules; set a library's options where they are used"
    can_hold: ClassVar[bool] = False

    def apply(self, setting: Setting, watcher: Watcher) -> AbstractContextManager[object]:
        """Do nothing: the request says what runs before."""
        return nullcontext()


def unrelated(name: str, expanded: ExpandedPipeline) -> tuple[str, ...]:
    """The processes to run before a replay of `name` that varies the order; the same in every session.

    First another duplicate of its process, whose caches are the likeliest to be hit; then, one of each other process,
    those that need no more than `name` has needed: inputs that are there when it has run. A call that a test hands over
    is made twice; of a test, it was settled which others are run.
    """
    check = expanded.pipeline.check
    if check is not None:
        return check.others if check.test_files else (name,)
    own = expanded[name].process.name
    needed = {name, *expanded.ancestors(name)}
    chosen: dict[str, str] = {}
    for each in expanded.processes.values():
        base = each.process.name
        if each.name == name or base in chosen or each.process.kind is Kind.CHART:
            continue
        if base == own or (each.name not in needed and needed.issuperset(each.upstream)):
            chosen[base] = each.name
    ordered = sorted(chosen, key=lambda base: base != own)
    return tuple(chosen[base] for base in ordered[:MOST])
