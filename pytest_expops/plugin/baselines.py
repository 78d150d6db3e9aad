"""The baseline of each config: its lock file, read once at the start of the session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import Tolerance
from pytest_expops.plugin.options.baseline import WRITING, BaselineOptions, lock_paths
from pytest_expops.plugin.options.tolerances import tolerance_of
from pytest_expops.verdicts.baseline.baseline import Baseline
from pytest_expops.verdicts.baseline.lock_file import Lock, read_lock
from pytest_expops.verdicts.baseline.lock_file_text import LockError


class Locks:
    """The path of the lock file of each config, and what is in it; empty with ``--expops-baseline=off``."""

    def __init__(self, options: BaselineOptions, configs: Iterable[Path]) -> None:
        """Read them.

        Raises:
            pytest.UsageError: A lock file cannot be used; all such files are reported.
        """
        self.tolerance: Tolerance = tolerance_of(options.tolerance)
        self.paths: Mapping[Path, Path] = lock_paths(configs, options.file) if options.mode != "off" else {}
        self.locks: dict[Path, Lock] = {}
        errors = []
        for config, path in self.paths.items():
            try:
                lock = read_lock(path)
            except LockError as error:
                errors.append(str(error))
                continue
            if lock is not None or options.mode in WRITING:
                self.locks[config] = lock or Lock()
        if errors:
            raise pytest.UsageError("\n".join(errors))

    def baselines(
        self, sessions: Mapping[Path, PipelineSession], kept: Callable[[PipelineSession, str], Mapping[str, Any]]
    ) -> dict[Path, Baseline]:
        """For each config that has a lock file, or may get one, what its session is compared with.

        `kept` gives what earlier sessions have kept of the outputs of a process.
        """
        return {
            config: Baseline(sessions[config], lock, self.tolerance, partial(kept, sessions[config]))
            for config, lock in self.locks.items()
        }


@dataclass(slots=True)
class Written:
    """What became of one lock file. `withheld` maps a process to the reason for which it is not recorded.

    `updated` maps a process to what changed in its entry.
    """

    added: list[str] = field(default_factory=list)
    updated: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    withheld: dict[str, str] = field(default_factory=dict)
    error: str = ""
