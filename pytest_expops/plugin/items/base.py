"""What all items of a config have in common, and the skip or failure of one whose upstream did not pass."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.raised import first_user_frame, frames_before_ours, looking, user_traceback
from pytest_expops.execution.records import Failure, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.plugin.stash import STATE
from pytest_expops.plugin.state import SessionState
from pytest_expops.wording import cut_middle

LONGEST = 100_000
"""A report with more characters holds a text of somebody else, of which the middle is left out."""


class ConfigNode(pytest.File):
    """What an item needs of its file. The class of the file, which makes all items, is in `config_file`."""

    @property
    def state(self) -> SessionState:
        """What this pytest process knows of the configured pipelines."""
        return self.config.stash[STATE]

    @property
    def pipeline_session(self) -> PipelineSession:
        """The session of the pipeline in this file."""
        return self.state.sessions[self.path]


class OwnItem(pytest.Item):
    """What all items of a config have in common."""

    expops_kind: str
    """What it checks, for the report."""
    worked = True
    """False once the item has run, and found that its work was done already."""

    @property
    def state(self) -> SessionState:
        """What this pytest process knows of the configured pipelines."""
        return self.config.stash[STATE]

    @property
    def pipeline_session(self) -> PipelineSession:
        """The session of the pipeline that this item is of."""
        parent = self.parent
        assert isinstance(parent, ConfigNode)
        return parent.pipeline_session

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show our own errors as their message, and a user's exception with the user's frames, as for any test."""
        if isinstance(excinfo.value, ExpopsError) and not self.config.getoption("fulltrace", False):
            return self.shown(excinfo, cut_middle(str(excinfo.value), LONGEST))
        style = style or self.config.getoption("tbstyle", "auto")
        shown = looking(lambda: super(OwnItem, self).repr_failure(excinfo, style))
        return user_traceback(excinfo.value) if shown is None else shown

    def shown(self, excinfo: pytest.ExceptionInfo[BaseException], text: str) -> Any:
        """Return a failure with the report `text`, in short its first line, at its place in the config.

        (Of a plain text pytest's short summary would show all in CI, and so would a JUnit report.)
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
        cut = type(cut)(cut[: frames_before_ours(first)])
        return cut.filter(excinfo) or cut  # without frames that ask to be hidden, as those of `pytest.fail` do


class ExpopsItem(OwnItem):
    """What process items and the checks of one expanded process have in common."""

    def __init__(self, *, expanded: ExpandedProcess, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.expanded = expanded

    def expops_notes(self) -> dict[str, Any]:
        """Return what the report is to know of the item besides how it ended: the process it is of, plain data."""
        return {"config": str(self.path), "process": self.expanded.name}

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the place of the process in the config."""
        location = self.expanded.process.location
        return self.path, location.line - 1 if location else None, self.name


class RecordedFailure(ExpopsError):
    """A process failed in another place than its own item; the message is what its record keeps, in one line first."""

    def __init__(self, failure: Failure) -> None:
        alone = failure.traceback == failure.message
        super().__init__(failure.traceback if alone else f"{failure.summary}\n\n{failure.traceback}")
        self.failure = failure


def stop_for(config: pytest.Config, path: Path, roots: Sequence[RunRecord], prefix: str = "") -> NoReturn:
    """Skip, naming the root cause, if its own item is in this session and so says more; else fail, naming it (S6.3).

    `roots` are processes of the config `path`.
    """
    in_session = config.stash[STATE].item_names
    message = prefix + "; ".join(
        f"`{root.process}` {root.outcome.value}" + (f" ({root.failure.summary})" if root.failure else "")
        for root in roots
    )
    if all((path, root.process) in in_session for root in roots):
        raise pytest.skip.Exception(message, _use_item_location=True)
    # Duplicates of one process mostly fail alike; each traceback is shown once.
    details = "\n\n".join(dict.fromkeys(root.failure.traceback for root in roots if root.failure))
    pytest.fail(f"{message}\n{details}" if details else message, pytrace=False)


@functools.cache
def marker_of(name: str) -> pytest.MarkDecorator:
    """Return a marker, made once: given a name, `add_marker` would look it up again for each item."""
    marker: pytest.MarkDecorator = getattr(pytest.mark, name)
    return marker
