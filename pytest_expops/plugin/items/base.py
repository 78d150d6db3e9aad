"""A config is a file of items: one per expanded process, and one per check on it."""

from __future__ import annotations

import functools
import os
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pytest_expops.errors import ConfigWarning, ExpopsError, ReplayError, ScriptError
from pytest_expops.execution.calls.functions import first_user_frame
from pytest_expops.execution.records import Failure, Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess, Kind
from pytest_expops.plugin.items.replay_text import explain
from pytest_expops.plugin.state import RUN, Run
from pytest_expops.verdicts.replay import Status, Verdict


class ReplayDiffered(ReplayError):
    """A replay gave other results than the first run."""

    def __init__(self, verdict: Verdict, command: str, directory: Path) -> None:
        super().__init__(explain(verdict, command, directory), process=verdict.process)
        self.verdict = verdict


class RecordedFailure(ExpopsError):
    """A process failed in another place than its own item; the message is what its record keeps, in one line first."""

    def __init__(self, failure: Failure) -> None:
        told = (
            failure.traceback if failure.traceback == failure.message else f"{failure.summary}\n\n{failure.traceback}"
        )
        super().__init__(told)
        self.failure = failure


class ConfigFile(pytest.File):
    """One pipeline config. It bears the marker `expops` for all its items."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops"))

    @property
    def run(self) -> Run:
        return self.config.stash[RUN]

    @property
    def pipeline_session(self) -> PipelineSession:
        return self.run.sessions[self.path]

    def collect(self) -> Iterator[OwnItem]:
        """Check that every function is there, then yield each process with its checks, in topological order.

        Raises:
            CollectError: a script or a function is missing, or a script raises on import; all of them.
        """
        self._warn()
        self.run.remember_environment()
        self._check_functions()
        from pytest_expops.plugin.items.baseline import baseline_items, stale_items
        from pytest_expops.plugin.items.chart import process_item
        from pytest_expops.plugin.items.properties import property_items, split_items
        from pytest_expops.plugin.items.stability import stability_items

        over_seeds, laws = stability_items(self), property_items(self)
        mode = self.run.options.replay
        for each in self.pipeline_session.expanded.processes.values():
            yield self._item(process_item(each), each, each.name)
            replays = mode == "all" or (mode == "seeded" and each.seeds)
            if replays and each.process.kind is not Kind.CHART:
                yield self._item(ReplayItem, each, f"{each.name}[replay]")
            yield from split_items(self, each)
            yield from baseline_items(self, each)
            yield from over_seeds.get(each.name, ())
            yield from laws.get(each.name, ())
        yield from stale_items(self)

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
        problems: dict[str, None] = {}
        for process in self.pipeline_session.expanded.pipeline.processes.values():
            if process.kind is not Kind.CHART:
                try:
                    self.pipeline_session.runner.callee(process)
                except ScriptError as error:
                    where = f"{process.code.location or process.location or self.path}: "
                    # One broken script is one problem, not one per process.
                    problems.setdefault(str(error) if error.user_traceback else f"{where}{error}")
        if problems:
            raise self.CollectError("\n".join(problems))


class OwnItem(pytest.Item):
    """What all items of a config have in common."""

    worked = True
    """False once the item has run, and found that its work was done already."""

    @property
    def run_state(self) -> Run:
        return self.config.stash[RUN]

    @property
    def pipeline_session(self) -> PipelineSession:
        parent = self.parent
        assert isinstance(parent, ConfigFile)
        return parent.pipeline_session

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Our own errors as their message; a user's exception with the user's frames, as for any test."""
        if isinstance(excinfo.value, ExpopsError) and not self.config.getoption("fulltrace", False):
            return self.told(excinfo, str(excinfo.value))
        return super().repr_failure(excinfo, style or self.config.getoption("tbstyle", "auto"))

    def told(self, excinfo: pytest.ExceptionInfo[BaseException], text: str) -> Any:
        """`text`, of which the first line is enough where pytest tells in short what failed; the place is the config's.

        (Of a mere text pytest's short summary tells all in CI, and so does a JUnit report.)
        """
        found = excinfo.getrepr(style="value", chain=False)
        found.reprtraceback.reprentries[-1].lines = text.split("\n")
        if found.reprcrash is not None:
            path, line, _ = self.reportinfo()
            found.reprcrash.path, found.reprcrash.lineno = os.fspath(path), 1 if line is None else line + 1
            found.reprcrash.message = text.partition("\n")[0]
        return found

    def _traceback_filter(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        if self.config.getoption("fulltrace", False):
            return excinfo.traceback
        first = first_user_frame(excinfo.tb)
        cut = type(excinfo.traceback)(first) if first is not None else excinfo.traceback
        return cut.filter(excinfo) or cut  # without frames that ask to be hidden, as those of `pytest.fail` do


class ExpopsItem(OwnItem):
    """What process items and the checks of one expanded process have in common."""

    def __init__(self, *, expanded: ExpandedProcess, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.expanded = expanded

    def reportinfo(self) -> tuple[Path, int | None, str]:
        location = self.expanded.process.location
        return self.path, location.line - 1 if location else None, self.name


class ProcessItem(ExpopsItem):
    """Runs one expanded process, or finds that it has been run, and passes if it passed."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_process"))

    def __repr__(self) -> str:
        upstream = _listed(self.expanded.upstream)
        return f"<Process {self.name}{f' <- {upstream}' if upstream else ''}>"

    def runtest(self) -> None:
        session = self.pipeline_session
        self.worked = session.known(self.expanded.name) is None
        record = session.record(self.expanded.name)
        self._report(record)
        if record.outcome is Outcome.PASSED:
            return
        if record.outcome is Outcome.BLOCKED:
            stop_for(self.config, self.path, session.roots(record))
        error = session.errors.pop(record.process, None)
        if error is not None:
            raise error
        assert record.failure is not None
        raise RecordedFailure(record.failure)

    def _report(self, record: RunRecord) -> None:
        """Say in the JUnit report how long the process itself took, where it ran, and what it logged."""
        self.user_properties.append(("expops_duration", round(record.duration, 6)))
        self.user_properties.append(("expops_worker", record.worker))
        for metric in record.metrics:
            source = f"{metric.source}/" if metric.source else ""
            step = f"[{metric.step}]" if metric.step is not None else ""
            self.user_properties.append((f"expops_metric:{source}{metric.name}{step}", _simple(metric.value)))


class ReplayItem(ExpopsItem):
    """Passes if the process gives the same again; a strict xfail where it is declared nondeterministic (S7.3)."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.add_marker(marker_of("expops_replay"))
        reason = self.expanded.process.nondeterministic
        if reason is not None:
            self.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=ReplayDiffered))

    def __repr__(self) -> str:
        return f"<Replay {self.name}>"

    def runtest(self) -> None:
        session, name = self.pipeline_session, self.expanded.name
        record = session.record(name)
        if record.outcome is not Outcome.PASSED:
            stop_for(self.config, self.path, session.roots(record), "nothing to replay: ")
        verdict = self.run_state.verdict(session, name)
        sys.stdout.write(verdict.printed)
        self.user_properties.append(("expops_replays", verdict.replays))
        if verdict.status is Status.DIFFERED:
            raise ReplayDiffered(verdict, self._command(verdict), self.config.invocation_params.dir)

    def _command(self, verdict: Verdict) -> str:
        """What reproduces just this verdict: only the options that matter, in the shell's own spelling."""
        options, path = self.run_state.options, os.path.relpath(self.path, self.config.invocation_params.dir)
        words = ["pytest", "--expops-config", path]
        if self.expanded.seeds == () or options.replay == "all":
            words.append("--expops-replay=all")
        if verdict.attempt > 1:
            words.append(f"--expops-replays={verdict.attempt}")
        if verdict.varied:
            words.append(f"--expops-vary={','.join(verdict.varied)}")
        command = shlex.join([*words, f"{path}::{self.name}"])
        own = verdict.reproducing_hash_seed
        return command if own is None else f"PYTHONHASHSEED={own} {command}"


def stop_for(config: pytest.Config, path: Path, roots: Sequence[RunRecord], prefix: str = "") -> NoReturn:
    """Skip, naming the root cause, if its own item is in this session and so says more; else fail, naming it (S6.3).

    `roots` are processes of the config `path`.
    """
    in_session = config.stash[RUN].item_names
    message = prefix + "; ".join(
        f"`{root.process}` {root.outcome.value}" + (f" ({root.failure.summary})" if root.failure else "")
        for root in roots
    )
    if all((path, root.process) in in_session for root in roots):
        raise pytest.skip.Exception(message, _use_item_location=True)
    # Duplicates of one process mostly fail alike; each traceback is shown once.
    details = "\n\n".join(dict.fromkeys(root.failure.traceback for root in roots if root.failure))
    pytest.fail(f"{message}\n{details}" if details else message, pytrace=False)


def process_names(items: Iterable[pytest.Item]) -> set[tuple[Path, str]]:
    """Config and expanded name of every process item among `items`."""
    return {(item.path, item.name) for item in items if isinstance(item, ProcessItem)}


def put_in_order(items: list[pytest.Item]) -> None:
    """Put items of ours before the tests, which may ask for their results, and drop those that stand a second time.

    (They do when a config is given and its folder is collected too.)
    """
    own = {item.nodeid: item for item in items if isinstance(item, OwnItem)}
    items[:] = [*own.values(), *(item for item in items if not isinstance(item, OwnItem))]


@functools.cache
def marker_of(name: str) -> pytest.MarkDecorator:
    """Made once: given a name, `add_marker` would look it up among those registered, item by item."""
    marker: pytest.MarkDecorator = getattr(pytest.mark, name)
    return marker


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _simple(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else str(value)
