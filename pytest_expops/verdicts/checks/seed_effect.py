"""Whether a seed reaches what a function returns."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_expops.execution.calls.checked_call import SEED_NAMES, CheckedCall
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import FunctionCheck
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.verdicts.checks.text import shown_path
from pytest_expops.verdicts.replay import differences_between
from pytest_expops.wording import joined, listed, short_place

MOST_PARTS = 8
"""So many parts of what a function returns are named."""


def never_changing(session: PipelineSession, names: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of the outputs, if none of them differs between any of these runs; nothing if one does."""
    first, *others = (session.record(name) for name in names)
    if any(differences_between(session, names[0], first, other) for other in others):
        return ()
    found = session.load(first)
    return tuple(leaf.path for key, value in found.items() for leaf in fingerprint(value, key).leaves)


def seed_text(check: FunctionCheck, call: CheckedCall, unmoved: Sequence[str]) -> str:
    """Return why a function failed whose results do not depend on the seed."""
    seeds = joined([str(seed) for seed in check.seeds])
    reached = "the global generators of Python, NumPy and other libraries that are imported"
    if call.seed_parameter is not None:
        reached = f"its parameter `{call.seed_parameter}`, and {reached}"
        none = ""
    else:
        none = f" (it has no free parameter {joined([f'`{name}`' for name in SEED_NAMES], last='or')})"
    parts = listed([f"`{short_place(shown_path(path))}`" for path in unmoved], MOST_PARTS)
    return (
        f"the seed does not matter: {check.name} gives the same under the seeds {seeds}\n\n"
        f"these never change: {parts}\n"
        f"the seed was given to {reached}{none}\n"
        "fix: use the seed where random numbers are drawn, as by `numpy.random.default_rng(seed)`"
    )
