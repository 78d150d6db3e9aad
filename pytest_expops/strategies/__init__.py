"""Hypothesis strategies for tests of pipelines: sizes of partitions, seeds, frames, and whole configs.

``partition_sizes``, ``seeds`` and ``frames`` are for tests of a pipeline, ``pipelines`` and ``broken_pipelines`` for
tests of tools that read configs. All shrink to what is small and easily read.
"""

from __future__ import annotations

from pytest_expops.strategies.broken import DEFECTS, BrokenConfig, broken_pipelines
from pytest_expops.strategies.configs import DrawnConfig, pipelines
from pytest_expops.strategies.frames import KINDS, frames
from pytest_expops.strategies.rows import partition_sizes, seeds

__all__ = [
    "DEFECTS",
    "KINDS",
    "BrokenConfig",
    "DrawnConfig",
    "broken_pipelines",
    "frames",
    "partition_sizes",
    "pipelines",
    "seeds",
]
