"""The checks `NAME[split]` and `NAME[LAW]`: are partitions exactly the rows that were split, and do properties hold?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.errors import CheckFailed, ExpopsError
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.raised import user_traceback
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.results import Results
from pytest_expops.pipeline.model import ExpandedProcess, Property
from pytest_expops.plugin.items.base import ConfigNode, ExpopsItem, marker_of, stop_for


class SplitBroken(ExpopsError, CheckFailed):
    """Partitions are not the rows of what was split."""


class SplitItem(ExpopsItem):
    """Reads every partition as downstream processes do, and compares them with the whole (S3.3)."""

    expops_kind = "split"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_split"))

    def __repr__(self) -> str:
        return f"<Split {self.name}>"

    def runtest(self) -> None:
        from pytest_expops.verdicts.splitting import complaints

        session, name, process = self.pipeline_session, self.expanded.name, self.expanded.process
        record = session.record(name)
        if record.outcome is not Outcome.PASSED:
            stop_for(self.config, self.path, session.roots(record), "nothing to split: ")
        split = process.split_data
        assert split is not None
        artifact = record.outputs[split.data_name].artifact
        assert artifact is not None
        with session.runner.project.entered():
            whole = session.store.get(artifact)
            wanted = [Partition(process.name, split, index) for index in range(split.count)]
            found = complaints(whole, split, [session.reader.partition(artifact, each) for each in wanted])
        if found:
            listed = "\n".join(f"  {each}" for each in found)
            raise SplitBroken(
                f"the partitions of `{split.data_name}` of `{name}` are not its rows:\n{listed}",
                process=name,
                key=split.data_name,
                hint=f"a slice of a {type(whole).__name__} must hold just these rows, as they are",
            )


class PropertyItem(ExpopsItem):
    """Checks a property of a configured process, of all its duplicates at once."""

    expops_kind = "property"

    def __init__(self, *, asked: Property, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.asked = asked
        self.add_marker(marker_of("expops_property"))

    def __repr__(self) -> str:
        return f"<Property {self.name}>"

    def expops_notes(self) -> dict[str, Any]:
        """Return what the report is to know: it is of all duplicates of a process."""
        return {"config": str(self.path), "group": self.expanded.process.name}

    def reportinfo(self) -> tuple[Path, int | None, str]:
        location = self.asked.location
        return (self.path, location.line - 1, self.name) if location else super().reportinfo()

    def runtest(self) -> None:
        from pytest_expops.verdicts.laws.laws import LAWS

        self._wait_for()
        law, process = LAWS[self.asked.law], self.expanded.process.name
        tried = law(Results([self.pipeline_session]), process, **self.asked.options)
        self.user_properties.append(("expops_examples", tried))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from pytest_expops.laws import LawBroken

        error = excinfo.value
        if not isinstance(error, LawBroken) or self.config.getoption("fulltrace", False):
            return super().repr_failure(excinfo, style)
        return self.shown(excinfo, str(error) if error.error is None else f"{error}\n\n{user_traceback(error.error)}")

    def _wait_for(self) -> None:
        """Run what has not been run; if anything did not pass, stop (S6.3)."""
        session, roots = self.pipeline_session, dict[str, RunRecord]()
        for each in session.expanded.of(self.expanded.process.name):
            record = session.record(each.name)
            if record.outcome is not Outcome.PASSED:
                roots.update((root.process, root) for root in session.roots(record))
        if roots:
            stop_for(self.config, self.path, list(roots.values()), f"`{self.asked.law}` was not checked: ")


def split_items(file: ConfigNode, each: ExpandedProcess) -> Iterator[SplitItem]:
    """Yield the check on the partitions of a process, if it makes any."""
    if each.process.split_data is not None:
        name = f"{each.name}[split]"
        yield SplitItem.from_parent(file, name=name, nodeid=f"{file.nodeid}::{name}", expanded=each)


def property_items(file: ConfigNode) -> dict[str, list[PropertyItem]]:
    """Return the checks of properties, by the expanded process after which they are collected: the last of their own.

    Raises:
        CollectError: A property cannot be checked on its process; all such problems.
    """
    expanded = file.pipeline_session.expanded
    last = {each.process.name: each for each in expanded.processes.values() if each.process.properties}
    if not last:
        return {}
    from pytest_expops.verdicts.laws.laws import LawError, check_applicable

    problems = []
    for each in last.values():
        for asked in each.process.properties:
            try:
                check_applicable(asked.law, expanded, each.process.name, asked.options.get("of"))
            except LawError as error:
                problems.append(f"{asked.location or file.path}: {error}")
    if problems:
        raise file.CollectError("\n".join(problems))
    return {each.name: [_item(file, each, asked) for asked in each.process.properties] for each in last.values()}


def _item(file: ConfigNode, last: ExpandedProcess, asked: Property) -> PropertyItem:
    name = f"{last.process.name}[{asked.law}]"
    item: PropertyItem = PropertyItem.from_parent(
        file, name=name, nodeid=f"{file.nodeid}::{name}", expanded=last, asked=asked
    )
    return item
