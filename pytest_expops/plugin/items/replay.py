"""The check `NAME[replay]`: does the process give the same again in a fresh interpreter?"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import pytest

from pytest_expops.errors import CheckFailed, NotVariedWarning, ReadBackWarning, ReplayError
from pytest_expops.execution.records import Outcome
from pytest_expops.plugin.items.base import ExpopsItem, marker_of, stop_for
from pytest_expops.plugin.items.telling import EVERYTHING, teller_of
from pytest_expops.plugin.reports.found import note_verdicts
from pytest_expops.plugin.reuse import REUSED
from pytest_expops.verdicts.replay import ReplayStatus, Verdict
from pytest_expops.verdicts.replay_text import explain, found_by, refer


class ReplayDiffered(ReplayError, CheckFailed):
    """A replay gave other results than the first run."""

    def __init__(self, verdict: Verdict, text: str) -> None:
        super().__init__(text, process=verdict.process)
        self.verdict = verdict


class ReplayItem(ExpopsItem):
    """Passes if the process gives the same again; a strict xfail where it is declared nondeterministic (S7.3)."""

    expops_kind = "replay"

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._shown_again = ""
        self.add_marker(marker_of("expops_replay"))
        reason = self.expanded.process.nondeterministic
        if reason is not None:
            self.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=ReplayDiffered))

    def __repr__(self) -> str:
        return f"<Replay {self.name}>"

    def runtest(self) -> None:
        """Replay the process, and fail if a replay differs."""
        session, name = self.pipeline_session, self.expanded.name
        record = session.record(name)
        if record.outcome is not Outcome.PASSED:
            stop_for(self.config, self.path, session.roots(record), "nothing to replay: ")
        verdict = self.state.verdict(session, name)
        sys.stdout.write(verdict.printed)
        self.user_properties.append(("expops_replays", verdict.replays))
        if verdict.earlier:
            self.worked = False
            self.user_properties.append((REUSED, True))
        differed = verdict.status is ReplayStatus.DIFFERED
        self._shown_again = self._command(verdict) if differed else ""
        declared = self.expanded.process.nondeterministic is not None
        note_verdicts(self, [verdict], declared=declared, command=self._shown_again)
        if differed:
            raise ReplayDiffered(verdict, self._why(verdict))
        if verdict.unvaried:
            self.warn(NotVariedWarning(f"{name} was replayed with its files as they are: {verdict.unvaried}"))
        for line in found_by(verdict, self.config.invocation_params.dir):
            self.add_report_section("call", "expops", line)
            self.user_properties.append(("expops_read_back", line))
            self.warn(ReadBackWarning(line))

    def expops_notes(self) -> dict[str, Any]:
        """Return what the report is to know; also what shows a difference again."""
        return {**super().expops_notes(), "command": self._shown_again}

    def _why(self, verdict: Verdict) -> str:
        """Return what was found: in full where no other item has told it, or all are to."""
        directory = self.config.invocation_params.dir
        told = teller_of(self.state, self.pipeline_session, verdict)
        if told is None or self.config.get_verbosity() >= EVERYTHING:
            return explain(verdict, self._shown_again, directory)
        return refer(verdict, told.verdict, told.name, directory)

    def _command(self, verdict: Verdict) -> str:
        """Return the command that reproduces just this verdict, with the options that matter and no others."""
        options, path = self.state.options, os.path.relpath(self.path, self.config.invocation_params.dir)
        words = ["pytest", "--expops-config", path]
        if options.replay != self.config.getini("expops_replay"):
            words.append(f"--expops-replay={options.replay}")
        if verdict.attempt > 1:
            words.append(f"--expops-replays={verdict.attempt}")
        if verdict.varied:
            words.append(f"--expops-vary={','.join(verdict.varied)}")
        command = shlex.join([*words, f"{path}::{self.name}"])
        own = verdict.reproducing_hash_seed
        return command if own is None else f"PYTHONHASHSEED={own} {command}"
