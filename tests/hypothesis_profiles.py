"""How hard Hypothesis tries: `dev` by default, the same examples every time in CI, and `thorough` for a long evening.

Choose one with `HYPOTHESIS_PROFILE=thorough` or `--hypothesis-profile=thorough`.
"""

from __future__ import annotations

import os

from hypothesis import settings

# Examples are not timed: these machines are busy.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def examples(count: int) -> int:
    """So many examples, and ten times as many in the profile `thorough`."""
    return max(1, count * settings.default.max_examples // 100)
