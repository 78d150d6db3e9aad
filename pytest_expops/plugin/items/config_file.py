"""A config is a file of items: one per expanded process, and one per check on it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import ConfigWarning, ScriptError
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.plugin.items._baseline import baseline_items, stale_items
from pytest_expops.plugin.items._process import ProcessItem, process_item
from pytest_expops.plugin.items._properties import property_items, split_items
from pytest_expops.plugin.items._stability import stability_items
from pytest_expops.plugin.items.base import ConfigNode, ExpopsItem, OwnItem, marker_of
from pytest_expops.plugin.items.replay import ReplayItem
from pytest_expops.verdicts.replay import why_not_replayed


class ConfigFile(ConfigNode):
    """One pipeline config. It bears the marker `expops` for all its items."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops"))

    def collect(self) -> Iterator[OwnItem]:
        """Check that every function is there, then yield each process with its checks, in topological order.

        Raises:
            CollectError: a script or a function is missing, or a script raises on import; all of them.
        """
        self._warn()
        self.state.remember_environment()
        self._check_functions()
        over_seeds, laws = stability_items(self), property_items(self)
        mode, reused = self.state.options.replay, self._reused
        for each in self.pipeline_session.expanded.processes.values():
            yield self._item(process_item(each), each, each.name)
            passes = each.process.kind is Kind.PASS_THROUGH
            # Of a split without a function nothing is ever kept.
            has_function = passes and (each.name in reused or self._has_function(each))
            if why_not_replayed(each, mode, has_function=has_function) is None:
                yield self._item(ReplayItem, each, f"{each.name}[replay]")
            yield from split_items(self, each)
            yield from baseline_items(self, each)
            yield from over_seeds.get(each.name, ())
            yield from laws.get(each.name, ())
        yield from stale_items(self)

    @functools.cached_property
    def _reused(self) -> Container[str]:
        """The expanded processes whose results are kept, by this very code: it is imported for those alone that run."""
        return self.state.reuse.kept(self.pipeline_session)

    def _has_function(self, each: ExpandedProcess) -> bool:
        return self.pipeline_session.runner.callee(each.process) is not None

    def _item(self, kind: type[ExpopsItem], each: ExpandedProcess, name: str) -> ExpopsItem:
        # The node id is given besides the name: pytest 9.2 would otherwise take the brackets for those of a
        # parametrized function, and `--lf` would not know the item again.
        item: ExpopsItem = kind.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", expanded=each)
        return item

    def _warn(self) -> None:
        """Warn of what is odd in the config, at its place there; once, and not by every worker."""
        if self.pipeline_session.worker not in ("main", "gw0"):
            return
        expanded = self.pipeline_session.expanded
        for problem in (*expanded.pipeline.warnings, *expanded.warnings):
            text = f"{problem.message}\n  {problem.hint}" if problem.hint else problem.message
            line = problem.location.line if problem.location else 1
            try:
                warnings.warn_explicit(ConfigWarning(text), None, str(self.path), line)
            except ConfigWarning as error:
                # The user asked for warnings to be errors.
                raise self.CollectError(f"{problem.location or self.path}: {error}") from None

    def _check_functions(self) -> None:
        problems: dict[str, str] = {}
        expanded = self.pipeline_session.expanded
        to_run = {each.process.name for name, each in expanded.processes.items() if name not in self._reused}
        for process in expanded.pipeline.processes.values():
            if process.kind is not Kind.CHART and process.name in to_run:
                try:
                    self.pipeline_session.runner.callee(process)
                except ScriptError as error:
                    where = f"{process.code.location or process.location or self.path}: "
                    # One broken script is one problem, not one per process.
                    text = str(error) if error.user_traceback else f"{where}{error}"
                    problems.setdefault(text, f"{where}{error}" if process.code.module else text)
        if problems:
            raise self.CollectError("\n".join(problems.values()))


def process_names(items: Iterable[pytest.Item]) -> set[tuple[Path, str]]:
    """Return config and expanded name of every process item among `items`."""
    return {(item.path, item.name) for item in items if isinstance(item, ProcessItem)}


def put_in_order(items: list[pytest.Item]) -> None:
    """Put items of ours before the tests, which may ask for their results, and drop those that are there a second time.

    (They do when a config is given and its folder is collected too.)
    """
    own = {item.nodeid: item for item in items if isinstance(item, OwnItem)}
    items[:] = [*own.values(), *(item for item in items if not isinstance(item, OwnItem))]
