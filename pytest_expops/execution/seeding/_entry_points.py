"""Packages that seed their own libraries: entry points of the group `pytest_expops.seeders`.

An entry point is named as the module whose import brings the stream into being, and refers to a function without
arguments that calls `pytest_expops.register_seeder`. It is loaded when that module is there, so that nothing is
imported only to be seeded.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pytest_expops.errors import ExpopsError
from pytest_expops.wording import worded

GROUP = "pytest_expops.seeders"

_called: set[EntryPoint] = set()


@cache
def seeder_modules() -> frozenset[str]:
    """Return the modules that installed packages have seeders for."""
    return frozenset(each.name for each in _entry_points())


def call_entry_points(module: str) -> None:
    """Call what is installed for a module that has been imported; each is called once.

    Raises:
        ExpopsError: one cannot be loaded, or raises.
    """
    for each in _entry_points():
        if each.name == module and each not in _called:
            _called.add(each)
            try:
                each.load()()
            except Exception as error:
                message = f"the seeder `{each.name}` ({each.value}, entry point group {GROUP}) cannot be registered"
                hint = "fix or uninstall the package that has it"
                raise ExpopsError(f"{message}: {worded(error)}", hint=hint) from error


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
