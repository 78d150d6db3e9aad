"""Allure's results of items: labels, an identity for each check, and what replays gave, attached.

Only what Allure documents is used. Loaded where a session writes such results.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator

import allure
import pytest

from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.plugin.reports.found import noted
from pytest_expops.wording import short_path

CHECK = "check"
"""The parameter by which a check of a process, or the replay of a test, is another test than this itself."""


class AllureHooks:
    """To be registered where items are run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Say what the item is of; Allure makes the identity of a test from its name up to a bracket."""
        if not hasattr(item, "expops_kind"):
            return
        check = item.name.partition("[")[2].removesuffix("]")
        if check:
            allure.dynamic.parameter(CHECK, check)
        for name, value in _labels(item):
            allure.dynamic.label(name, value)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach what replays gave that differed."""
        report = yield
        for each in noted(item) if call.when == "call" else ():
            if each.differed:
                text = json.dumps(each.plain(), indent=1)
                allure.attach(each.explanation, f"{each.subject}: explanation", allure.attachment_type.TEXT)
                allure.attach(text, f"{each.subject}: differences", allure.attachment_type.JSON)
        return report


def _labels(item: pytest.Item) -> Iterator[tuple[str, str]]:
    expanded: ExpandedProcess | None = getattr(item, "expanded", None)
    if expanded is None:
        return
    yield "pipeline", short_path(item.path, item.config.invocation_params.dir)
    yield "process", expanded.process.name
    notes = item.expops_notes()  # type: ignore[attr-defined]
    if "process" not in notes:  # it is of all partitions and seeds
        return
    for name, layers in (("partition", expanded.partitions), ("seed", expanded.seeds)):
        if layers:
            yield name, ", ".join(map(str, layers))
