"""Hypothesis strategies for tests of pipelines: sizes of partitions, seeds, and frames.

All shrink to what is small and easily read.
"""

from __future__ import annotations

from pytest_expops.strategies._frames import KINDS, frames
from pytest_expops.strategies.rows import partition_sizes, seeds

__all__ = ["KINDS", "frames", "partition_sizes", "seeds"]
