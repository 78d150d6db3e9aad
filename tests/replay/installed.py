"""A project beside a library that is installed in a folder of its own."""

from __future__ import annotations

import os
import textwrap

import pytest

from pytest_expops.replay.pool import ReplicaPool
from tests.conftest import Project


class Installed:
    """The library `name` with this text, and a pool of interpreters that find it."""

    def __init__(self, project: Project, patch: pytest.MonkeyPatch, name: str, text: str) -> None:
        self.project = project
        self.name = name
        self.installed = project.root / "env" / "site-packages"
        self.installed.mkdir(parents=True)
        patch.syspath_prepend(str(self.installed))
        patch.setenv("PYTHONPATH", str(self.installed), prepend=os.pathsep)
        self.library(text)
        self.pool = ReplicaPool(dict(os.environ), 4)  # before a script sets another variable

    def library(self, text: str, name: str = "") -> None:
        """Write the library, or another of that name beside it."""
        (self.installed / f"{name or self.name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
