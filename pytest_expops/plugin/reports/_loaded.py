"""Which libraries a process that ran items has loaded."""

from __future__ import annotations

import importlib.metadata
import sys


def loaded_versions() -> dict[str, str]:
    """Return the versions of the installed distributions of which a module is loaded here, by name."""
    distributions = importlib.metadata.packages_distributions()
    tops = {each.partition(".")[0] for each in sys.modules}
    names = sorted({name for top in tops for name in distributions.get(top, ())}, key=str.lower)
    return {name: importlib.metadata.version(name) for name in names}
