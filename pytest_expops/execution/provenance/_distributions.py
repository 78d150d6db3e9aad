"""The distribution that an imported module is of, and whether it was installed from a folder of the user's."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "cv2": "opencv-python", "PIL": "pillow", "skimage": "scikit-image"}
"""The distribution of a module, where it is called otherwise and common enough to save a long search."""

_OURS = frozenset({"pytest_expops", "expops", "mlops"})


@cache
def distribution_of(module: str) -> str | None:
    """Return the distribution of a module; None for the standard library, this package, and what is no package.

    A module without a distribution (found on `PYTHONPATH`, say) has no version.
    """
    if module in sys.stdlib_module_names or module in _OURS:
        return None
    guess = _DISTRIBUTIONS.get(module, module)
    try:
        importlib.metadata.version(guess)
    except importlib.metadata.PackageNotFoundError:
        owners = importlib.metadata.packages_distributions().get(module, ())
        return normal(owners[0]) if owners else None
    return normal(guess)


def is_without_file(module: str) -> bool:
    """Return whether a module has been imported that is no distribution's and in no file: it was made at run time."""
    found = sys.modules.get(module)
    if found is None or module in sys.stdlib_module_names or module in _OURS:
        return False
    has_place = getattr(found, "__file__", None) or list(getattr(found, "__path__", ()))
    return not has_place and distribution_of(module) is None


def normal(requirement: str) -> str:
    """Return the normalized name at the beginning of a requirement (PEP 503)."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement


@cache
def source_folder(module: str) -> Path | None:
    """Return the folder from which the distribution of a module was installed; None where it came from elsewhere.

    ``pip install -e .`` and ``pip install ./package`` write it down (PEP 610). So do builders of Conda packages, of a
    folder that is on another machine: a folder that is not there is none.
    """
    name = distribution_of(module)
    if name is None:
        return None
    try:
        found = json.loads(importlib.metadata.distribution(name).read_text("direct_url.json") or "{}")
        url = urlsplit(found["url"])
        if url.scheme != "file" or "dir_info" not in found:
            return None
        folder = Path(unquote(url.path))
        return folder if folder.is_dir() else None
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return None
