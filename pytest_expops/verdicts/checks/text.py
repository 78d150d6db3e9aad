"""The words for a function, test or program that gave something else when it was run again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_expops.execution.calls.checked_call import ARGUMENT, OWN_OBJECT
from pytest_expops.execution.programs import STATUS
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.check import names_of
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.values.comparison import Difference
from pytest_expops.verdicts.findings import Cause
from pytest_expops.verdicts.replay import ReplayStatus, Verdict
from pytest_expops.verdicts.replay_gist import LEFT_BY_TESTS, ORDER_OF_TESTS
from pytest_expops.verdicts.replay_text import SAME, explain, refer
from pytest_expops.wording import joined

_KEY = re.compile(r"outputs\['((?:[^'\\]|\\.)*)'\]")
_CALLS = ("state", "order")
"""The causes which say that it matters what was called before: here it is the same function."""
_ARGUMENT = re.compile(rf"{ARGUMENT}(\w+)")


def tell(verdicts: Sequence[Verdict], command: str, directory: Path, how: str = SAME) -> str:
    """Return why a check failed: the first seed that differed in full, others in short where they differ alike.

    `how` says what was the same in both runs.
    """
    differed = [in_words_of_a_check(each) for each in verdicts if each.status is ReplayStatus.DIFFERED]
    told: dict[str, Verdict] = {}
    texts = []
    for verdict in differed:
        finding = verdict.diagnosis.finding if verdict.diagnosis is not None else ""
        first = told.setdefault(finding, verdict) if finding else verdict
        if first is not verdict:
            texts.append(f"{verdict.process}: {refer(verdict, first, first.process, directory)}")
            continue
        own = verdict.reproducing_hash_seed
        again = command if own is None or not command else f"PYTHONHASHSEED={own} {command}"
        texts.append(explain(verdict, again, directory, how))
    changed = changed_arguments(verdicts)
    note = [f"{joined([f'`{name}`' for name in changed])} {'is' if len(changed) == 1 else 'are'} changed in place"]
    return "\n\n".join([*texts, *(note if changed else [])])


def changed_arguments(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the arguments that differ after the call, and so are changed in place by it."""
    paths = (each.path for verdict in verdicts for each in verdict.differences)
    return list(dict.fromkeys(found[1] for path in paths if (found := _ARGUMENT.search(path))))


def changed_in_place(session: PipelineSession, check: FunctionCheck) -> list[str]:
    """Return the arguments that the first calls have changed in place, besides the object of a bound method."""
    outputs = (key for name in names_of(check) for key in session.record(name).outputs)
    found = (key.removeprefix(ARGUMENT) for key in outputs if key.startswith(ARGUMENT))
    return [name for name in dict.fromkeys(found) if name != OWN_OBJECT]


def in_words_of_a_check(verdict: Verdict) -> Verdict:
    """Return a verdict whose paths begin with what the user knows: ``returned[0]``, ``argument x``."""
    differences = tuple(_shown(replace(each, path=shown_path(each.path))) for each in verdict.differences)
    diagnosis = verdict.diagnosis
    if diagnosis is not None:
        causes = tuple(replace(each, source="calls") if each.source in _CALLS else each for each in diagnosis.causes)
        files = tuple(
            replace(each, writer="call") if each.writer == "process" else each for each in diagnosis.read_back
        )
        diagnosis = replace(diagnosis, note=shown_path(diagnosis.note), causes=causes, read_back=files)
    varied = tuple("calls" if each == "order" else each for each in verdict.varied)
    return replace(verdict, differences=differences, diagnosis=diagnosis, varied=varied)


def in_words_of_a_test(verdict: Verdict) -> Verdict:
    """Return a verdict that speaks of tests where it would of processes."""
    verdict = replace(verdict, varied=tuple(ORDER_OF_TESTS if each == "order" else each for each in verdict.varied))
    found = verdict.diagnosis
    if found is None:
        return verdict
    causes = tuple(replace(each, source=_source_for_a_test(each)) for each in found.causes)
    return replace(verdict, diagnosis=replace(found, causes=causes))


def _source_for_a_test(cause: Cause) -> str:
    """Return the source of a cause; what other processes leave behind is what other tests do."""
    return {"order": ORDER_OF_TESTS, "state": LEFT_BY_TESTS}.get(cause.source, cause.source)


def _shown(difference: Difference) -> Difference:
    """Return a difference with what is to be said of it: how far two exit statuses are apart means nothing."""
    if difference.path != STATUS:
        return difference
    return replace(difference, detail=f"{difference.expected} in the first run, {difference.obtained} in the replay")


def shown_path(path: str) -> str:
    """Return ``returned[0]`` for ``outputs['returned'][0]``."""
    return _KEY.sub(r"\1", path)
