"""How this interpreter was started, so that others can be started alike."""

from __future__ import annotations

from pytest_expops.unpatched import UNPATCHED

_subprocess = UNPATCHED.subprocess


def interpreter_options() -> list[str]:
    """Return the options this interpreter was given, such as ``-O`` and ``-X utf8``; multiprocessing asks the same."""
    options: list[str] = getattr(_subprocess, "_args_from_interpreter_flags", list)()
    return options
