"""Where, when and how a session runs: versions, machine, commit, options, the command to repeat it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.provenance.environments import environment_of
from pytest_expops.report.model import SessionFacts
from pytest_expops.unpatched import UNPATCHED
from pytest_expops.urls import shown_url

_GIT_SECONDS = 5.0


class FactsOfSession:
    """What is known from the start is read once; the session `began` at that time, if not now."""

    def __init__(self, config: pytest.Config, began: float | None = None) -> None:
        self._began = UNPATCHED.time() if began is None else began
        self._directory = config.invocation_params.dir
        self._command = shlex.join(["pytest", *(shown_url(str(each)) for each in config.invocation_params.args)])
        environment = dict(environment_of(()))
        for name in ("libraries", "fingerprints"):
            environment.pop(name, None)
        self._versions = {"Python": environment.pop("python")}
        self._machine = {name: str(value) for name, value in environment.items()}
        self._options = _options(config)
        self._commit, self._changed = _commit(self._directory)
        self.workers = 0

    def loaded(self, versions: Mapping[str, str]) -> None:
        """Take note of the libraries that a process which ran items has loaded, by distribution."""
        self._versions |= versions

    def now(self, state: str, why: str) -> SessionFacts:
        """Return the facts as they are.

        Args:
            state: one of `pytest_expops.report.model.State`.
            why: what ended the session, if anything did.
        """
        return SessionFacts(
            state=state,  # type: ignore[arg-type]
            began=self._began,
            seconds=UNPATCHED.time() - self._began,
            directory=str(self._directory),
            command=self._command,
            versions=self._versions,
            machine=self._machine,
            options=self._options,
            commit=self._commit,
            changed=self._changed,
            workers=self.workers,
            why=why,
        )


def _options(config: pytest.Config) -> dict[str, str]:
    """Return the options of this plugin that have a value, from the command line or else the ini file."""
    names = [name for name in vars(config.option) if name.startswith("expops_")]
    found = {name: config.getoption(name) or config.getini(name) for name in names}
    return {f"--{name.replace('_', '-')}": _shown(value) for name, value in found.items() if value}


def _shown(value: Any) -> str:
    return shown_url(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def _commit(directory: Path) -> tuple[str, bool | None]:
    """Return the commit that is checked out, and whether tracked files were changed since; nothing outside of git."""
    head = _git(directory, "rev-parse", "HEAD")
    if head is None:
        return os.environ.get("GITHUB_SHA", ""), None
    status = _git(directory, "status", "--porcelain", "--untracked-files=no")
    return head, bool(status) if status is not None else None


def _git(directory: Path, *words: str) -> str | None:
    subprocess = UNPATCHED.subprocess
    try:
        found = subprocess.run(
            ["git", *words], cwd=directory, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return str(found.stdout).strip()
