"""What a worker of a cluster has, and what a process needs of it."""

from __future__ import annotations

from collections.abc import Mapping


def offers(has: Mapping[str, float], needed: Mapping[str, float]) -> bool:
    """Return whether a worker has at least what is needed."""
    return all(has.get(name, 0) >= amount for name, amount in needed.items())


def amounts(resources: Mapping[str, float]) -> str:
    """Return resources in words: ``GPU 1, memory 8e+09``."""
    return ", ".join(f"{name} {amount:g}" for name, amount in sorted(resources.items()))
