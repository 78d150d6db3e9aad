"""The check `test_auc[replay]` of a test: does it end the same, and record the same, in a fresh interpreter?"""

from __future__ import annotations

import os
import shlex
import sys
import unittest
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_expops.errors import CheckError, ExpopsError, NotReproducible, NotVariedWarning, ReplayError
from pytest_expops.execution import scratch
from pytest_expops.execution.calls.checked_call import CheckedCall
from pytest_expops.execution.records import Outcome
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.plugin.items.telling import EVERYTHING
from pytest_expops.plugin.node_ids import split_node_id
from pytest_expops.plugin.stash import ENVIRONMENT, OPTIONS
from pytest_expops.plugin.whole_tests._imported import rewritten, test_files
from pytest_expops.plugin.whole_tests._neighbours import arguments_of, latest, near, nodeid_of, run_before
from pytest_expops.plugin.whole_tests._rerun import Rerun, argument_of, rerun_of, rerun_test
from pytest_expops.plugin.whole_tests._watching import OUTCOME, RUN, SKIPPED, RunWatcher, TestRun
from pytest_expops.plugin.whole_tests.marks import WATCHER, Wanted, wanted
from pytest_expops.plugin.whole_tests.summary import CAUSE, DIFFERED, MATCHED, NOT_REPLAYED, REPLAYED
from pytest_expops.reproducible import current_checker
from pytest_expops.verdicts.checks.checker import Thoroughness, sources
from pytest_expops.verdicts.checks.text import in_words_of_a_check, in_words_of_a_test, tell
from pytest_expops.verdicts.findings import FIRST_APART
from pytest_expops.verdicts.replay import ReplayStatus, Verdict
from pytest_expops.verdicts.replay_gist import cause_of
from pytest_expops.verdicts.replay_text import refer
from pytest_expops.wording import joined

_NOT_THE_REPLAYS = frozenset({"xfail", "skip", "skipif", "timeout", "flaky", "usefixtures", "parametrize"})
"""Markers that say how a test is to end, or how it is run: its replay is not marked with these."""
_APART = "only the first run differs"
_ELSEWHERE = " (its first run was made in a fresh interpreter, too)"


class TestReplay(pytest.Item):
    """Passes if the test ends the same, and records the same, when it is run again."""

    __test__ = False
    expops_kind = "test"

    def __init__(
        self, *, test: pytest.Function, asked: Wanted, by_option: bool, watcher: RunWatcher, **keywords: Any
    ) -> None:
        super().__init__(**keywords)
        self._test = test
        self._asked = asked
        self._by_option = by_option
        self._watcher = watcher
        self._rerun: Rerun = rerun_of(test, nodeid_of(test), watcher.folder / "again")
        self.own_markers[:] = [each for each in test.own_markers if each.name not in _NOT_THE_REPLAYS]
        self.keywords.update({each.name: each for each in self.own_markers})

    @property
    def test(self) -> pytest.Function:
        """The test that is replayed."""
        return self._test

    @property
    def vary(self) -> tuple[str, ...]:
        """What is varied besides the hash seed."""
        return sources(self.config.stash[OPTIONS].vary if self._asked.vary is None else self._asked.vary)

    def keep_files(self) -> None:
        """Copy the project as it is now, if that has not been done."""
        current_checker().keep_files(str(self.config.rootpath), str(self.config.invocation_params.dir))

    def iter_markers_with_node(self, name: str | None = None) -> Iterator[tuple[Any, pytest.Mark]]:
        """Leave out what concerns the test alone, also where its class or module has it."""
        for node, mark in super().iter_markers_with_node(name):
            if mark.name not in _NOT_THE_REPLAYS:
                yield node, mark

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the place of the test."""
        path, line, _ = self._test.reportinfo()
        return path, line, self.name

    def runtest(self) -> None:
        """Run the test again, and fail if something differs."""
        checker, options = current_checker(), self.config.stash[OPTIONS]
        vary = self.vary
        if "files" in vary:
            self.keep_files()
        replays = self._asked.replays or options.replays
        before = run_before(self._test, self._watcher)
        others = near(self, self._test, before) if "order" in vary else []
        vary = tuple(each for each in vary if each != "order" or others)
        earlier = latest(before, self._watcher, options.diagnose_timeout / 4)
        check = self._check(arguments_of(earlier), arguments_of(others))
        arguments = {**self._rerun.arguments, **arguments_of([*earlier, *others])}
        rerun = replace(self._rerun, arguments=arguments)
        session = checker.opened(check, CheckedCall(rerun_test, (rerun,), outputs=True, name_parameter="process"))
        environment = self.config.stash.get(ENVIRONMENT, None)
        run = self._test.stash.get(RUN, None)
        if run is not None:
            record = session.given(check.name, run.outputs, started=run.started, duration=run.duration)
            session.began = run.started  # what was written since then, a replay is seen to read
        else:
            record = session.adopt(checker.elsewhere(session, check.name, environment))
            if record.outcome is not Outcome.PASSED:
                raise _not_replayed(check, record.failure.summary if record.failure else record.outcome.value)
        outcome = str(session.load(record)[OUTCOME])
        if outcome.startswith(SKIPPED):
            raise pytest.skip.Exception(f"nothing to replay: {outcome}", _use_item_location=True)
        how = Thoroughness(replays, vary, options.diagnose, options.diagnose_timeout)
        (verdict,) = checker.verdicts(session, check, how, environment)
        sys.stdout.write(verdict.printed)
        self._conclude(verdict, check, run, len(before))

    def _check(self, earlier: Iterable[str], others: Iterable[str]) -> FunctionCheck:
        directory = str(self.config.invocation_params.dir)
        return FunctionCheck(
            name=self._test.name,
            function=self._test.originalname,
            source=str(self._test.path),
            folders=(str(self.config.rootpath),),
            directory=directory,
            seed=None,  # it is seeded while it runs, and not while it is imported
            rtol=self._asked.rtol,
            atol=self._asked.atol,
            what="test",
            test_files=test_files(self._test),
            rewritten=rewritten(self.config),
            earlier=tuple(earlier),
            others=tuple(others),
        )

    def _conclude(self, verdict: Verdict, check: FunctionCheck, run: TestRun | None, earlier: int) -> None:
        self.user_properties.append(("expops_replays", verdict.replays))
        if verdict.status is ReplayStatus.MATCHED:
            self.user_properties.append((REPLAYED, MATCHED))
            if verdict.unvaried:
                self.warn(
                    NotVariedWarning(f"{check.name} was run again with its files as they are: {verdict.unvaried}")
                )
            return
        if verdict.traceback:  # the test's own exceptions are in its outcome
            raise _not_replayed(check, verdict.differences[0].obtained)
        self.user_properties.append((REPLAYED, DIFFERED))
        self.user_properties.append((CAUSE, _cause(verdict)))
        how = (" with the same seed" if self._asked.seeds else "") + (_ELSEWHERE if run is None else "")
        directory, told = self.config.invocation_params.dir, in_words_of_a_test(verdict)
        teller = self._watcher.teller_of(self.nodeid, told)
        if teller is not None and self.config.get_verbosity() < EVERYTHING:
            raise NotReproducible(
                refer(in_words_of_a_check(told), teller.verdict, teller.name, directory), process=check.name
            )
        text = tell([told], self._command(verdict, check), directory, how)
        if "order" in verdict.varied:
            text += f"\n\nthe tests before it there: {joined(check.others)}"
        if run is not None and earlier and _cause(verdict) == _APART:
            noun = "test had been" if earlier == 1 else "tests had been"
            text += f"\n\nbefore the first run, {earlier} other {noun} run in its interpreter; in a replay, none"
        raise NotReproducible(text, process=check.name)

    def _command(self, verdict: Verdict, check: FunctionCheck) -> str:
        words = ["pytest", *(["--expops-replay-tests"] if self._by_option else [])]
        if verdict.attempt > 1 and self._asked.replays is None:
            words.append(f"--expops-replays={verdict.attempt}")
        if verdict.varied and self._asked.vary is None:
            words.append(f"--expops-vary={','.join(verdict.varied)}")
        causes = verdict.diagnosis.causes if verdict.diagnosis is not None else ()
        left = [name for cause in causes if cause.source == "state" for name in cause.left_by]
        selected = [argument_of(self, self.nodeid)]
        if left:  # they must be run, and the test itself after them
            test = self._rerun.arguments[self._rerun.nodeid]
            selected = [*map(self._argument, left), test, *(selected if test.endswith("]") else [])]
        elif "order" in verdict.varied:  # they must be there to be run
            selected += map(self._argument, check.others)
        return shlex.join([*words, *selected])

    def _argument(self, nodeid: str) -> str:
        path, name = split_node_id(nodeid, lambda path: (self.config.rootpath / path).is_file())
        return f"{os.path.relpath(self.config.rootpath / path, self.config.invocation_params.dir)}::{name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show our own errors as their message."""
        if isinstance(excinfo.value, ExpopsError) and not self.config.getoption("fulltrace", False):
            found: Any = excinfo.getrepr(style="value", chain=False)
            found.reprtraceback.reprentries[-1].lines = str(excinfo.value).split("\n")
            if found.reprcrash is not None:
                path, line, _ = self.reportinfo()
                found.reprcrash.path, found.reprcrash.lineno = os.fspath(path), (line or 0) + 1
                found.reprcrash.message = str(excinfo.value).partition("\n")[0]
            return found
        return super().repr_failure(excinfo, style or self.config.getoption("tbstyle", "auto"))


def _not_replayed(check: FunctionCheck, reason: str) -> ReplayError:
    return ReplayError(f"{check.name} could not be run again in a fresh interpreter: {reason}", process=check.name)


def _cause(verdict: Verdict) -> str:
    diagnosis = verdict.diagnosis
    if diagnosis is not None and not diagnosis.causes and FIRST_APART in diagnosis.note:
        return _APART
    return cause_of(in_words_of_a_test(verdict).diagnosis)


def add_replays(config: pytest.Config, report: pytest.CollectReport, *, every: bool) -> None:
    """Put a replay after each test in a report that is marked, or after `every` test."""
    try:
        report.result = _with_replays(config, report.result or (), every=every)
    except CheckError as error:  # as if it could not be collected
        report.outcome, report.longrepr, report.result = "failed", str(error), []


def _with_replays(config: pytest.Config, found: Iterable[Any], *, every: bool) -> list[Any]:
    result = []
    for node in found:
        result.append(node)
        asked = wanted(node) if isinstance(node, pytest.Item) else None
        if isinstance(node, pytest.Function) and (asked is not None or every):
            result.append(_replay(config, node, asked))
        elif isinstance(node, pytest.Item) and every:
            node.user_properties.append((NOT_REPLAYED, f"no test function, but a {type(node).__name__}"))
    return result


def _replay(config: pytest.Config, test: pytest.Function, asked: Wanted | None) -> TestReplay:
    if asked is not None and asked.seeds and issubclass(test.cls or object, unittest.TestCase):
        raise CheckError(f"{test.nodeid}: methods of unittest.TestCase cannot be run under several seeds")
    watcher: RunWatcher | None = config.pluginmanager.get_plugin(WATCHER)
    if watcher is None:
        folder = scratch.new_folder("tests")
        config.add_cleanup(lambda: scratch.remove(folder))
        watcher = RunWatcher(folder)
        config.pluginmanager.register(watcher, WATCHER)
    watcher.watch(test)
    parametrized = hasattr(test, "callspec")
    name = f"{test.name[:-1]}-replay]" if parametrized and test.name.endswith("]") else f"{test.name}[replay]"
    assert test.parent is not None
    nodeid = f"{test.parent.nodeid}::{name}"  # parsed as the cache of the last failures is
    replay: TestReplay = TestReplay.from_parent(
        test.parent,
        name=name,
        nodeid=nodeid,
        test=test,
        asked=asked or Wanted(),
        by_option=asked is None,
        watcher=watcher,
    )
    if "files" in replay.vary:
        watcher.prepare = replay.keep_files
    return replay


def put_behind_tests(items: list[pytest.Item]) -> None:
    """Put each replay right behind its test, wherever other plugins have moved that; others stay where they are."""
    behind: dict[pytest.Item, TestReplay] = {}
    here = set(items)
    for item in items:
        if isinstance(item, TestReplay) and item.test in here:
            behind[item.test] = item
    moved = set(behind.values())
    items[:] = [each for item in items if item not in moved for each in (item, behind.get(item)) if each is not None]
