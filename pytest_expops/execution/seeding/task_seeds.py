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
Polars      ``polars.set_random_seed(s)``
OpenCV      ``cv2.setRNGSeed(s >> 33)`` in the thread of the process
Numba       in jitted code ``numpy.random.seed(s & 0xFFFFFFFF)`` and ``random.seed(s >> 32)``
Faker       ``Faker.seed(f"faker {s}")``
Paddle      ``paddle.seed(s)``, all devices
CuPy        ``cupy.random.seed(s)`` on the current device
==========  =========================================================================================

and others that `register_seeder` has added. Those that cannot be read (`RestartedLibrary`) are not put back: after a
step they start at a number made of the process's seed and the step's, whatever either has drawn; after a process at
one that was drawn from the session's stream before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from json.encoder import encode_basestring_ascii
from types import TracebackType
from typing import Any

from pytest_expops.execution.seeding._cupy import CuPy
from pytest_expops.execution.seeding._entry_points import call_entry_points, seeder_modules
from pytest_expops.execution.seeding._faker import Faker
from pytest_expops.execution.seeding._numba import Numba
from pytest_expops.execution.seeding._numpy import NumPy
from pytest_expops.execution.seeding._opencv import OpenCV
from pytest_expops.execution.seeding._paddle import Paddle
from pytest_expops.execution.seeding._polars import Polars
from pytest_expops.execution.seeding._python import Python, RandomLibrary
from pytest_expops.execution.seeding._restarted import RestartedLibrary
from pytest_expops.execution.seeding._tensorflow import Keras, TensorFlow
from pytest_expops.execution.seeding._torch import Torch
from pytest_expops.execution.seeding.import_hook import ImportHook, loaded_module

__all__ = ["LIBRARIES", "add_library", "preserved", "rng_digests", "seeded", "task_seed"]

Library = RandomLibrary[Any] | RestartedLibrary

_BUILT_IN: tuple[Library, ...] = (
    Python(),
    NumPy(),
    Torch(),
    TensorFlow(),
    Keras(),
    Polars(),
    OpenCV(),
    Numba(),
    Faker(),
    Paddle(),
    CuPy(),
)
LIBRARIES: dict[str, Library] = {library.name: library for library in _BUILT_IN}
"""Every library whose global random streams are seeded, by name."""

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
    left at the end as its import left it. Nests: at the end of a step the process's own streams go on. Libraries
    that cannot be read are not put back, but started anew, see the module's docstring. The global
    generators belong to the whole interpreter, so a process whose threads draw from them cannot be made
    reproducible by this, nor can two contexts overlap in different threads.

    Raises ValueError for a seed out of range.
    """
    return _Seeded(seed)


@contextmanager
def preserved() -> Iterator[None]:
    """Put the states of the loaded libraries back at the end, without seeding: for code that is no process.

    Those that cannot be read are left alone.
    """
    before = [(library, library.save()) for library in _readable()]
    try:
        yield
    finally:
        for library, state in before:
            library.restore(state)


def rng_digests() -> dict[str, str]:
    """Return a short digest of the present global state of each loaded library, by library name (16 hex digits each).

    Equal digests mean that the streams will go on alike. A library that nobody has imported yet is left out, as is
    one whose state cannot be read, so compare only the names that both sides have.
    """
    digests = {library.name: library.digest(library.save()) for library in _readable()}
    return {name: digest for name, digest in digests.items() if digest is not None}


def add_library(library: Library) -> None:
    """Seed `library` too from now on, in place of one of the same name; in a running process, at once."""
    LIBRARIES.pop(library.name, None)
    LIBRARIES[library.name] = library
    _modules.add(library.module)
    if _is_loaded(library):
        for context in _active:
            context.take_over(library)


class _Seeded(AbstractContextManager[None]):
    """One `with seeded(...)`: the states found, by library, in the order in which they were taken over."""

    __slots__ = ("_found", "_last_inner", "_outer", "seed")

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < _SEED_STOP:
            raise ValueError(f"a task seed is an unsigned 64-bit integer, as task_seed() returns, not {seed!r}")
        self.seed = seed
        self._found: list[tuple[Library, Any]] = []
        self._outer: _Seeded | None = None
        self._last_inner: int | None = None

    def __enter__(self) -> None:
        self._outer = _active[-1] if _active else None
        if self._outer is None:
            _register_installed()
            _hook.install()
        _active.append(self)
        try:
            for library in _loaded():
                self.take_over(library)
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def take_over(self, library: Library) -> None:
        """Remember the library's state, and seed it."""
        if not isinstance(library, RestartedLibrary):
            self._found.append((library, library.save()))
            library.seed(self.seed)
        else:
            self._found.append((library, library.next_seed() if self._outer is None else None))
            library.seed(self.onward)

    @property
    def onward(self) -> int:
        """Where streams that cannot be read start, or go on after a step: not at `seed`, to draw the same again."""
        if self._last_inner is None:
            return self.seed
        text = f'["pytest-expops after step 1",{self.seed},{self._last_inner}]'
        return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:8], "big")

    def _leave(self) -> None:
        _active.remove(self)
        if not _active:
            _hook.remove()
        if self._outer is not None:
            self._outer._last_inner = self.seed
        failures = []
        while self._found:
            library, state = self._found.pop()
            try:
                self._give_back(library, state)
            except Exception as error:  # the others must be restored all the same
                failures.append(error)
        if failures:
            raise failures[0]

    def _give_back(self, library: Library, state: Any) -> None:
        if not isinstance(library, RestartedLibrary):
            library.restore(state)
        else:
            library.seed(state if self._outer is None else self._outer.onward)


@contextmanager
def _first_import(module: str) -> Iterator[None]:
    """Runs around the first import of a module: whoever imports it, all streams go on as if it had been there.

    Importing draws numbers (Keras, which TensorFlow imports, draws from Python's `random`), and a process that finds
    the library imported does not draw those; so what the import drew from the other libraries is put back.
    """
    if not _active or module in _importing:  # OpenCV's package imports a module of its own name
        yield
        return
    before = _loaded()
    _importing.add(module)
    try:
        with preserved():
            yield
    finally:
        _importing.remove(module)
    imported = [library for library in _loaded() if library.module == module]
    for context in _active:  # outermost first: a step's end must find the process's stream, not the import's
        for library in imported:
            context.take_over(library)
    for library in _loaded():  # those that came with it, and were seeded before the rest of it ran
        if library not in before and library not in imported:
            library.seed(_active[-1].onward if isinstance(library, RestartedLibrary) else _active[-1].seed)
    with preserved():
        call_entry_points(module)


def _register_installed() -> None:
    """Register what packages have for modules that are there already, and expect the others."""
    for module in seeder_modules():
        _modules.add(module)
        if loaded_module(module) is not None:
            with preserved():
                call_entry_points(module)


def warm_up() -> None:
    """Do ahead what takes long the first time that anything is seeded, and seed nothing."""
    seeder_modules()  # looks at all packages
    _loaded()  # NumPy imports what has its state when it is first asked for it


def _loaded() -> list[Library]:
    return [library for library in LIBRARIES.values() if _is_loaded(library)]


def _readable() -> list[RandomLibrary[Any]]:
    return [library for library in _loaded() if not isinstance(library, RestartedLibrary)]


def _is_loaded(library: Library) -> bool:
    module: Any = loaded_module(library.module)
    if module is None or library.module in _importing:
        return False
    # A module that is still being imported, or a test's stand-in, lacks what is needed to seed it.
    for name in library.needs.split("."):
        module = getattr(module, name, None)
    return module is not None


_active: list[_Seeded] = []
_importing: set[str] = set()
_modules = {library.module for library in _BUILT_IN}
_hook = ImportHook(_modules, _first_import)
