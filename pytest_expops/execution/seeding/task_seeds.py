"""Task seeds: where every random stream of a process starts, and its return to the session's own afterwards (S4.3).

The task seed of a call is the first 8 bytes, big-endian, of the SHA-256 of this JSON text in ASCII, without spaces::

    ["pytest-expops task seed 1",SEED,PROCESS,STEP,CALL]

where SEED is the innermost seed (or the base seed), PROCESS the expanded process name, STEP the step's name or
``null``, and CALL the step's call number. JSON escapes quotes and non-ASCII characters, so that no two tasks share
a text. Under :func:`seeded`, a task seed ``s`` becomes what these calls would make of it, and can be reproduced by
hand with them:

==========  =========================================================================================
Python      ``random.seed(s)``
NumPy       ``numpy.random.seed([s >> 32, s & 0xFFFFFFFF])`` on the default bit generator
PyTorch     ``torch.manual_seed(s)``, all devices
TensorFlow  ``tf.random.set_seed(s)``; the global generator is ``tf.random.Generator.from_seed(s)``
Keras       as ``keras.utils.set_random_seed`` and ``keras.backend.clear_session`` leave its own state
==========  =========================================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from json.encoder import encode_basestring_ascii
from types import TracebackType
from typing import Any

from pytest_expops.execution.seeding._numpy import NumPy
from pytest_expops.execution.seeding._python import Python, RandomLibrary
from pytest_expops.execution.seeding._tensorflow import Keras, TensorFlow
from pytest_expops.execution.seeding._torch import Torch
from pytest_expops.execution.seeding.import_hook import ImportHook, loaded_module

__all__ = ["LIBRARIES", "preserved", "rng_digests", "seeded", "task_seed"]

LIBRARIES: tuple[RandomLibrary[Any], ...] = (Python(), NumPy(), Torch(), TensorFlow(), Keras())
"""Every library whose global random state is seeded, digested and restored."""

_BY_MODULE = {library.module: library for library in LIBRARIES}
_SEED_STOP = 2**64


def task_seed(seed: int, process: str, step: str | None = None, call: int = 0) -> int:
    """Return the seed of one call of a process or step: an unsigned 64-bit integer (formula in the module's docstring).

    `seed` may be any integer, also negative; `process` is the expanded name (S5.2); `step` is ``None`` for the
    process itself; `call` counts the calls of that step within the process.
    """
    process = encode_basestring_ascii(process)
    step = "null" if step is None else encode_basestring_ascii(step)
    text = f'["pytest-expops task seed 1",{int(seed)},{process},{step},{int(call)}]'
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:8], "big")


def seeded(seed: int) -> AbstractContextManager[None]:
    """Seed every loaded library with `seed` (0 <= seed < 2**64), and put their states back at the end.

    Nothing is imported. A library that is imported for the first time inside is seeded when its import is done, and
    left at the end as its import left it. Nests: at the end of a step the process's own streams go on. The global
    generators belong to the whole interpreter, so a process whose threads draw from them cannot be made
    reproducible by this, nor can two contexts overlap in different threads.

    Raises ValueError for a seed out of range.
    """
    return _Seeded(seed)


@contextmanager
def preserved() -> Iterator[None]:
    """Put the states of the loaded libraries back at the end, without seeding: for code that is no process."""
    before = [(library, library.save()) for library in LIBRARIES if _is_loaded(library)]
    try:
        yield
    finally:
        for library, state in before:
            library.restore(state)


def rng_digests() -> dict[str, str]:
    """Return a short digest of the present global state of each loaded library, by library name (16 hex digits each).

    Equal digests mean that the streams will go on alike. A library that nobody has imported yet is left out, so
    compare only the names that both sides have.
    """
    return {library.name: library.digest(library.save()) for library in LIBRARIES if _is_loaded(library)}


class _Seeded(AbstractContextManager[None]):
    """One `with seeded(...)`: the states found, by library, in the order in which they were taken over."""

    __slots__ = ("_found", "seed")

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < _SEED_STOP:
            raise ValueError(f"a task seed is an unsigned 64-bit integer, as task_seed() returns, not {seed!r}")
        self.seed = seed
        self._found: list[tuple[RandomLibrary[Any], Any]] = []

    def __enter__(self) -> None:
        if not _active:
            _hook.install()
        _active.append(self)
        try:
            for library in LIBRARIES:
                if _is_loaded(library):
                    self.take_over(library)
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def take_over(self, library: RandomLibrary[Any]) -> None:
        """Remember the library's state, and seed it."""
        self._found.append((library, library.save()))
        library.seed(self.seed)

    def _leave(self) -> None:
        _active.remove(self)
        if not _active:
            _hook.remove()
        failures = []
        while self._found:
            library, state = self._found.pop()
            try:
                library.restore(state)
            except Exception as error:  # the others must be restored all the same
                failures.append(error)
        if failures:
            raise failures[0]


@contextmanager
def _first_import(module: str) -> Iterator[None]:
    """Runs around the first import of a module: whoever imports it, all streams go on as if it had been there.

    Importing draws numbers (Keras, which TensorFlow imports, draws from Python's `random`), and a process that finds
    the library imported does not draw those; so what the import drew from the other libraries is put back.
    """
    if not _active:
        yield
        return
    before = [(library, library.save()) for library in LIBRARIES if _is_loaded(library)]
    try:
        yield
    finally:
        for library, state in before:
            library.restore(state)
    imported = _BY_MODULE[module]
    for context in _active:  # outermost first: a step's end must find the process's stream, not the import's
        context.take_over(imported)
    already = [library.module for library, _ in before]
    for library in LIBRARIES:  # those that came with it, and were seeded before the rest of it ran
        if library is not imported and library.module not in already and _is_loaded(library):
            library.seed(_active[-1].seed)


def _is_loaded(library: RandomLibrary[Any]) -> bool:
    # A module that is still being imported, or a test's stand-in, lacks what is needed to seed it.
    module = loaded_module(library.module)
    return module is not None and hasattr(module, library.needs)


_active: list[_Seeded] = []
_hook = ImportHook(frozenset(_BY_MODULE), _first_import)
