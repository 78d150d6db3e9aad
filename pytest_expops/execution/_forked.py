"""A child that a process forks, and that returns from its function, ends there: it is no second worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_forked_children() -> Iterator[None]:
    """Run a function; whoever comes back from it in another process than this one ends, as Python would end there.

    It would go on as this worker does: make the same record, and run what is left to be run once more.
    """
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(_status(sys.exception()))


def _status(error: BaseException | None) -> int:
    """Return the exit status of a process that ends with this exception."""
    if not isinstance(error, SystemExit):
        return 0 if error is None else 1
    code = error.code
    return code if isinstance(code, int) else int(code is not None)
