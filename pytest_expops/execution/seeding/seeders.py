"""`register_seeder`: libraries that this package does not know, seeded as those that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import urandom  # taken now: a replay may replace it
from typing import Any

from pytest_expops.errors import ExpopsError, FingerprintError
from pytest_expops.execution.seeding._restarted import RestartedLibrary
from pytest_expops.execution.seeding.task_seeds import add_library
from pytest_expops.values.fingerprint import fingerprint
from pytest_expops.wording import worded


def register_seeder(
    name: str,
    seed: Callable[[int], object],
    *,
    module: str,
    save: Callable[[], Any] | None = None,
    restore: Callable[[Any], object] | None = None,
) -> None:
    """Let `seed` start a library's own global random stream before each process and `@step`.

    It is called from the next process on; a process that is running is seeded at once. Nothing is imported: while
    `module` is not there, neither function is called, and where a process imports it, the stream is seeded when the
    import is done. A registration replaces an earlier one of its name, also of a library that is known already.

    ::

        pytest_expops.register_seeder(
            "mylib", mylib.set_seed, module="mylib", save=mylib.get_state, restore=mylib.set_state
        )

    Args:
        name: what reports call it.
        seed: takes a number (0 <= number < 2**64) and starts the stream there, whatever was drawn or set before.
        module: the full name of the module whose import brings the stream into being.
        save: returns the state of the stream; what is drawn later must not change the returned value.
        restore: takes what `save` returned, and lets the stream go on exactly there. Without these two the stream is
            seeded from the operating system when a process ends, and from the process and the step when a step ends.

    Raises:
        TypeError: a function cannot be called, a name is no text, or one of `save` and `restore` is missing.
        ValueError: `name` is empty, or `module` is not the full name of a module.
    """
    for what, text in (("name", name), ("module", module)):
        if not isinstance(text, str):
            raise TypeError(f"register_seeder: {what} is text, not {text!r}")
    if not name:
        raise ValueError("register_seeder: name is empty")
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"register_seeder: {module!r} is not the full name of a module, such as 'mylib.random'")
    for what, function in (("seed", seed), ("save", save), ("restore", restore)):
        if not callable(function) and (function is not None or what == "seed"):
            raise TypeError(f"register_seeder: {what}={function!r} cannot be called")
    if save is not None and restore is not None:
        add_library(RegisteredState(name, module, seed=seed, save=save, restore=restore))
    elif save is None and restore is None:
        add_library(RegisteredSeed(name, module, seed))
    else:
        missing = "restore" if restore is None else "save"
        raise TypeError(f"register_seeder: {missing} is missing: give both save and restore, or neither")


class RegisteredSeed(RestartedLibrary):
    """A library that was registered with a function to seed it, and no others."""

    needs = "__name__"

    def __init__(self, name: str, module: str, seed: Callable[[int], object]) -> None:
        self.name = name
        self.module = module
        self._seed = seed

    def seed(self, seed: int) -> None:
        """Call the function."""
        with _blamed(self.name, "seed"):
            self._seed(seed)

    def next_seed(self) -> int:
        """Return a number from the operating system: nobody has said how to draw from the stream."""
        return int.from_bytes(urandom(8), "big")


class RegisteredState:
    """A library that was registered with functions that read and write its state as well."""

    needs = "__name__"

    def __init__(
        self,
        name: str,
        module: str,
        *,
        seed: Callable[[int], object],
        save: Callable[[], Any],
        restore: Callable[[Any], object],
    ) -> None:
        self.name = name
        self.module = module
        self._seed, self._save, self._restore = seed, save, restore

    def save(self) -> Any:
        """Return what the function returns."""
        with _blamed(self.name, "save"):
            return self._save()

    def seed(self, seed: int) -> None:
        """Call the function."""
        with _blamed(self.name, "seed"):
            self._seed(seed)

    def restore(self, state: Any) -> None:
        """Call the function."""
        with _blamed(self.name, "restore"):
            self._restore(state)

    def digest(self, state: Any) -> str | None:
        """Return 16 hex digits of the state's fingerprint, or None where it has none."""
        try:
            return fingerprint(state).digest[:16]
        except FingerprintError:
            return None


@contextmanager
def _blamed(name: str, function: str) -> Iterator[None]:
    """Say of what a registered function raises whose it is."""
    try:
        yield
    except Exception as error:
        message = f"the function `{function}` of the seeder `{name}` raised {worded(error)}"
        raise ExpopsError(message, hint="fix the function that was given to `register_seeder`") from error
