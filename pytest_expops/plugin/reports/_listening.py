"""Has those told of each check in a test that want to know, and notes with the test what the check gave."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_expops.verdicts.checks.listening import CheckListener, listening

if TYPE_CHECKING:
    from pytest_expops.execution.session import PipelineSession
    from pytest_expops.pipeline.model import FunctionCheck
    from pytest_expops.verdicts.replay import Verdict


class ChecksOfItems:
    """To be registered where items are run; loads nothing before a check was made."""

    def __init__(self, *others: CheckListener) -> None:
        self._others = others
        self._item: pytest.Item | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Listen while an item runs."""
        self._item = item
        with listening(self, *self._others):
            return (yield)

    def checked(self, session: PipelineSession, check: FunctionCheck, verdicts: Sequence[Verdict]) -> None:
        """Note what came of a check that the running item has made."""
        from pytest_expops.plugin.reports.found import note_verdicts
        from pytest_expops.verdicts.checks.text import in_words_of_a_check, in_words_of_a_test

        assert self._item is not None
        if check.what == "test":
            # What the test itself raises is in what it gives: any other exception kept it from being run again.
            verdicts = [in_words_of_a_test(each) for each in verdicts if not each.traceback]
        note_verdicts(self._item, [in_words_of_a_check(each) for each in verdicts])
