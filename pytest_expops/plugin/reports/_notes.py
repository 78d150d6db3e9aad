"""What an item notes for the report: with its own report it goes to the controller, from whatever worker.

Under GitHub Actions every session has this, so it loads nothing until something is checked.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_expops.plugin.reports._loaded import loaded_versions
from pytest_expops.plugin.reports._places import place_of

if TYPE_CHECKING:
    from pytest_expops.execution.session import PipelineSession
    from pytest_expops.pipeline.model import FunctionCheck
    from pytest_expops.verdicts.replay import Verdict

LOADED = "expops_loaded"
"""The key of a worker's `workeroutput` under which it says which libraries it has loaded."""
ATTRIBUTE = "expops"
"""Of pytest's own report of an item: the notes, as plain data."""
_MakesReport = Generator[None, pytest.TestReport, pytest.TestReport]


class ItemNotes:
    """To be registered where items are run."""

    def __init__(self) -> None:
        self._checks: list[dict[str, Any]] = []
        self._noted = False

    def checked(self, session: PipelineSession, check: FunctionCheck, verdicts: Sequence[Verdict]) -> None:
        """Note what came of a check that the running test has made."""
        from pytest_expops.pipeline.check import names_of
        from pytest_expops.verdicts.checks.text import in_words_of_a_check, in_words_of_a_test

        subjects = []
        if check.what == "test":
            verdicts = [in_words_of_a_test(each) for each in verdicts]
        for name, verdict in zip(names_of(check), verdicts, strict=True):
            record = session.record(name).to_json()
            for output in record["outputs"].values():
                if output["artifact"] is not None:
                    output["artifact"].pop("inline", None)
            subjects.append([record, in_words_of_a_check(verdict).to_json()])
        seeds = list(map(str, check.seeds)) or [""]
        self._checks.append({"name": check.name, "what": check.what, "seeds": seeds, "subjects": subjects})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """What is told from now on is of another item."""
        self._checks.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> _MakesReport:
        """Attributes of a report reach the controller with it."""
        report = yield
        if call.when == "call" or not report.passed:
            notes = self._notes(item)
            if notes is not None:
                self._noted = True
                setattr(report, ATTRIBUTE, notes)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Say what was loaded, in a worker whose items have noted something."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None and self._noted:
            output[LOADED] = loaded_versions()

    def _notes(self, item: pytest.Item) -> dict[str, Any] | None:
        kind = getattr(item, "expops_kind", None)
        if kind is None and not self._checks:
            return None
        file, line = place_of(item)
        notes = {"kind": kind or self._checks[0]["what"], "file": file, "line": line, "checks": [*self._checks]}
        return {**notes, **getattr(item, "expops_notes", dict)()}
