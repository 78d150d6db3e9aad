"""The fixture `reproducible`: `assert_reproducible` with the options of the session, and its results in the report."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_expops.plugin.stash import OPTIONS

if TYPE_CHECKING:
    from pytest_expops.plugin.options.options import Options


class Reproducible:
    """Checks functions for one test; see `pytest_expops.assert_reproducible`.

    ``--expops-replays``, ``--expops-vary`` and ``--expops-diagnose`` stand in for arguments that are not given.
    """

    def __init__(self, item: pytest.Item, options: Options) -> None:
        self._item = item
        self._options = options

    def __repr__(self) -> str:
        return "<reproducible>"

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return what the first call returned, once it is known to be reproducible.

        Raises:
            NotReproducible: it gave something else when it was called again. (It is an AssertionError.)
            CheckError: it cannot be checked. (It is a ValueError.)
        """
        __tracebackhide__ = True
        from pytest_expops.reproducible import assert_reproducible

        given = {**self._defaults(), **kwargs}
        returned = assert_reproducible(function, *args, **given)
        name = getattr(function, "__qualname__", type(function).__qualname__)
        self._note(name, given["replays"])
        return returned

    def program(self, *command: str | os.PathLike[str] | float, **kwargs: Any) -> dict[str, Any]:
        """Return the files that a program wrote, once it is known to be reproducible.

        See `pytest_expops.assert_program_reproducible`.

        Raises:
            NotReproducible: it gave something else when it was run again. (It is an AssertionError.)
            CheckError: it cannot be checked. (It is a ValueError.)
        """
        __tracebackhide__ = True
        from pytest_expops.reproducible import assert_program_reproducible

        defaults = self._defaults()
        defaults["vary"] = tuple(each for each in defaults["vary"] if each != "files")
        given = {**defaults, **kwargs}
        files = assert_program_reproducible(*command, **given)
        name = os.path.basename(str(command[0])) if command else ""
        self._note(name, given["replays"])
        return files

    def _note(self, name: str, replays: int) -> None:
        matched = f"{replays} replay{'s' if replays != 1 else ''} matched"
        self._item.user_properties.append(("expops_reproducible", f"{name}: {matched}"))

    def _defaults(self) -> dict[str, Any]:
        options = self._options
        return {
            "replays": options.replays,
            "vary": options.vary,
            "diagnose": options.diagnose,
            "diagnose_timeout": options.diagnose_timeout,
        }


@pytest.fixture
def reproducible(request: pytest.FixtureRequest) -> Reproducible:
    """Check that a function gives the same again: `reproducible(train, x, y, seed=42)`. See `assert_reproducible`."""
    return Reproducible(request.node, request.config.stash[OPTIONS])
