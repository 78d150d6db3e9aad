"""What a replica does before it imports anything else: starts itself again where its addresses are to be fixed."""

from __future__ import annotations

import os

FIXED_ADDRESSES = "PYTEST_EXPOPS_FIXED_ADDRESSES"


def prepare() -> None:
    """Honour the variables that are meant for a replica alone, and take them away from the processes it runs."""
    if FIXED_ADDRESSES in os.environ:
        from pytest_expops.replay.nondeterminism.personality import fix_addresses

        fix_addresses()
        del os.environ[FIXED_ADDRESSES]
