"""Items of processes that differ from a revision, and of what is downstream of them, are selected; others are not.

The controller compares, and leaves the names in the session's folder: all workers select by these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_expops.errors import RevisionError
from pytest_expops.execution.provenance.changed_processes import Differences, differences
from pytest_expops.execution.provenance.revision import Revision
from pytest_expops.execution.records import JsonFolder
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import ExpandedPipeline
from pytest_expops.plugin.items.base import ExpopsItem
from pytest_expops.plugin.options.changed import LATEST, asked_revision
from pytest_expops.plugin.options.given import Given
from pytest_expops.plugin.state import SessionState
from pytest_expops.wording import joined, short_path

_FOLDER, _SELECTED = "changed", "selected"
_MOST = 10
"""So many files are named in a line of the header, without `-v`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of the comparison of one config."""

    revision: Revision
    found: Differences
    expanded: ExpandedPipeline


def register_changed(config: pytest.Config, state: SessionState) -> None:
    """Have what does not differ deselected, if that is asked for.

    Raises:
        pytest.UsageError: It cannot be compared with that revision.
        StorageTrouble: The session's folder cannot be written, or read.
    """
    asked = asked_revision(config)
    if asked is None:
        return
    folder = JsonFolder(state.folder / _FOLDER)
    if state.owns_folder:
        compared = {path: _compare(asked, path, config) for path in state.sessions}
        names = {str(path): [*each.found.reasons, *each.found.downstream] for path, each in compared.items()}
        folder.write(_SELECTED, names)
        config.pluginmanager.register(ChangedHeader(asked, compared, config.invocation_params.dir), "expops-compared")
    selected: Mapping[str, list[str]] = folder.read(_SELECTED) or {}
    config.pluginmanager.register(ChangedSelection(state, selected), "expops-changed")


def _compare(asked: Given, path: Path, config: pytest.Config) -> Compared:
    # As the config has it: tolerances of the ini file, which the session's pipeline has too, were perhaps others.
    expanded = expand(load_config(path))
    try:
        revision = Revision(asked.value, path)
        return Compared(revision, differences(expanded, revision, config.inipath), expanded)
    except RevisionError as error:
        problem = error.message
        if (config.invocation_params.dir / asked.value).exists():
            problem += f"; if it is a path to collect, write --expops-changed={LATEST} before it"
        raise asked.refused(problem) from None


class ChangedSelection:
    """Deselects items of processes that neither differ nor depend on one that does."""

    def __init__(self, state: SessionState, selected: Mapping[str, Collection[str]]) -> None:
        self._state = state
        self._selected = {path: frozenset(selected.get(str(path), ())) for path in state.sessions}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave tests alone, and what is of no process."""
        left = [item for item in items if isinstance(item, ExpopsItem) and not self._is_selected(item)]
        if left:
            gone = {*left}
            config.hook.pytest_deselected(items=left)
            items[:] = [item for item in items if item not in gone]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """That nothing differs is no failure."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not any(self._selected.values()):
            session.exitstatus = pytest.ExitCode.OK

    def _is_selected(self, item: ExpopsItem) -> bool:
        selected, expanded = self._selected[item.path], self._state.sessions[item.path].expanded
        if "group" in item.expops_notes():  # it is of all duplicates of a process
            return any(each.name in selected for each in expanded.of(item.expanded.process.name))
        return item.expanded.name in selected


class ChangedHeader:
    """Says what was compared with, and what came of it."""

    def __init__(self, asked: Given, compared: Mapping[Path, Compared], directory: Path) -> None:
        self._asked = asked
        self._compared = compared
        self._directory = directory

    def pytest_report_header(self, config: pytest.Config) -> list[str]:
        """Say it before anything runs."""
        return self._lines(verbose=config.option.verbose > 0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Say it at the end where there is no header, so that nothing is left out silently."""
        if config.option.verbose < 0 or config.getoption("no_header", False):
            for line in self._lines(verbose=False):
                terminalreporter.write_line(line)

    def _lines(self, *, verbose: bool) -> list[str]:
        """Return one line for each config, where `verbose` also what differs, and then what was not compared."""
        lines = []
        for path, each in self._compared.items():
            name = f"{short_path(path, self._directory)}: " if len(self._compared) > 1 else ""
            lines.append(f"{name}--expops-changed={self._asked.value} ({each.revision.title}): {_summary(each)}")
            if verbose:
                lines += _details(each)
        most = None if verbose else _MOST
        all_compared = not any(each.found.everything for each in self._compared.values())
        process = "process" if all_compared else "process that was compared"
        for text, paths in (
            (f"not taken into account: {{}} (no {process} is known to read {{}})", self._unread()),
            ("not compared: {} (git keeps no state of {})", self._ignored()),
        ):
            if paths:
                lines.append(text.format(joined(paths, most), "it" if len(paths) == 1 else "them"))
        return [f"expops: {line}".encode("utf-8", "backslashreplace").decode() for line in lines]

    def _unread(self) -> list[str]:
        """Return what no process reads, of any config that was compared."""
        found = [each.found for each in self._compared.values() if not each.found.everything]
        return [path for path in (found[0].unread if found else ()) if all(path in each.unread for each in found)]

    def _ignored(self) -> list[str]:
        return list(dict.fromkeys(path for each in self._compared.values() for path in each.found.ignored))


def _summary(compared: Compared) -> str:
    found, total = compared.found, len(compared.expanded)
    if found.everything:
        return f"all {total} processes are selected: {found.everything}"
    differ, downstream = len(found.reasons), len(found.downstream)
    text = f"{differ} of {total} processes {'differs' if differ == 1 else 'differ'}"
    text += f", {downstream} {'is' if downstream == 1 else 'are'} downstream"
    kinds = Counter(kind for reasons in found.reasons.values() for kind in {_kind(each) for each in reasons})
    return f"{text}; what differs: {joined(f'{kind} of {count}' for kind, count in kinds.items())}" if kinds else text


def _kind(reason: str) -> str:
    """Return the kind of a reason for the header, where there is room for a word."""
    first = reason.partition(" ")[0]
    return first if first in ("code", "parameters", "files") else "config"


def _details(compared: Compared) -> Iterator[str]:
    """Yield what differs, one line for the duplicates of a process that differ alike, and what is downstream."""
    expanded, found = compared.expanded, compared.found
    if found.everything:
        return
    alike = Counter((expanded[name].process.name, reasons) for name, reasons in found.reasons.items())
    totals = Counter(each.process.name for each in expanded.processes.values())
    for (base, reasons), count in alike.items():
        share = f" ({count} of {totals[base]})" if totals[base] > 1 else ""
        yield f"  {base}{share}: {'; '.join(reasons)}"
    bases = Counter(expanded[name].process.name for name in found.downstream)
    if bases:
        named = (f"{base} ({count} of {totals[base]})" if totals[base] > 1 else base for base, count in bases.items())
        yield f"  downstream: {joined(named)}"
