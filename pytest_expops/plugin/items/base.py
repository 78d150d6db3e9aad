"""What all items of a config have in common, and the skip or failure of one whose upstream did not pass."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pytest_expops.errors import ExpopsError
from pytest_expops.execution.calls.functions import first_user_frame
from pytest_expops.execution.records import Failure, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import ExpandedProcess
from pytest_expops.plugin.stash import STATE
from pytest_expops.plugin.state import SessionState


class ConfigNode(pytest.File):
    """What an item knows of the file that it is of. The file's class, which makes all items, is in `config_file`."""

    @property
    def state(self) -> SessionState:
        return self.config.stash[STATE]

    @property
    def pipeline_session(self) -> PipelineSession:
        return self.state.sessions[self.path]


class OwnItem(pytest.Item):
    """What all items of a config have in common."""

    worked = True
    """False once the item has run, and found that its work was done already."""

    @property
    def state(self) -> SessionState:
        return self.config.stash[STATE]

    @property
    def pipeline_session(self) -> PipelineSession:
        parent = self.parent
        assert isinstance(parent, ConfigNode)
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


class RecordedFailure(ExpopsError):
    """A process failed in another place than its own item; the message is what its record keeps, in one line first."""

    def __init__(self, failure: Failure) -> None:
        told = (
            failure.traceback if failure.traceback == failure.message else f"{failure.summary}\n\n{failure.traceback}"
        )
        super().__init__(told)
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
    """Made once: given a name, `add_marker` would look it up among those registered, item by item."""
    marker: pytest.MarkDecorator = getattr(pytest.mark, name)
    return marker
