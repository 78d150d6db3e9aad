"""Lets tox find every Python that pyenv has installed, also those that are not made global."""

from __future__ import annotations

import os
from pathlib import Path

_versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
_folders = [str(each / "bin") for each in sorted(_versions.glob("3.*"))]
os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *_folders])
