"""What the operating system's randomness reaches: UUIDs, secrets, and every generator made without a seed."""

from __future__ import annotations

import functools
import hashlib
import os
import random
import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._origins import current, current_path
from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism._submissions import following
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Site, Source, Watcher, is_held

OWN_NAMES = frozenset({"tempfile", "multiprocessing", "concurrent", "asyncio", "threading", "joblib", "loky"})
"""Modules that draw names of files and sockets, which two processes must not share, and which nobody returns."""

_UUIDS = {"uuid1": 1, "uuid4": 4, "uuid6": 6, "uuid7": 7}
_SECRETS = ("choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe")
_UNSEEDED = "without a seed"
_SEEN = "seen already"
"""Stands for a function whose draw was remembered and left as it is; what that draws from in its turn is the same."""


class Entropy(Source):
    """Held, each line of the project that draws has a stream of its own, which begins anew with every replay.

    It has one for each thread and task, told apart by the order in which they were started or submitted.
    """

    name: ClassVar[str] = "entropy"
    title: ClassVar[str] = "the operating system's randomness"
    brief: ClassVar[str] = "OS randomness"
    catches: ClassVar[str] = "generators without a seed, UUIDs, `secrets`, `os.urandom`"
    remedy: ClassVar[str] = "give what draws a seed, or leave what depends on it out of the output"
    can_vary: ClassVar[bool] = False
    holds_sites: ClassVar[bool] = True

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        draws = _Draws(setting, watcher)
        libraries = {
            "numpy.random": draws.name_numpy,
            "numpy.random.bit_generator": draws.patch_numpy,
            "numpy.random._mt19937": draws.patch_mersenne,
            "torch": draws.patch_torch,
            "tensorflow": draws.patch_tensorflow,
        }
        with following(watcher), patching(libraries) as patches:
            draws.patch_python(patches)
            yield


class _Draws:
    """The stand-ins of one replay, and how far each line's stream has been read."""

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._read: Counter[str] = Counter()
        self._drawers: dict[str, int] = {}
        self._lock = threading.RLock()
        self._called = threading.local()

    def patch_python(self, patches: Patches) -> None:
        patches.wrap(os, "urandom", self._bytes)
        patches.wrap(os, "getrandom", self._bytes)
        patches.wrap(os, "fork", self._fork)
        # What `random.SystemRandom` draws from, and with it `secrets`.
        patches.wrap(random, "_urandom", self._bytes)
        for name in _SECRETS:
            self._name(patches, secrets, name)
        for name, version in _UUIDS.items():
            patches.wrap(uuid, name, functools.partial(self._uuid, version))
        patches.wrap(random.Random, "seed", self._seed_python)
        patches.wrap(random, "seed", self._seed_global)

    def patch_numpy(self, patches: Patches, module: ModuleType) -> None:
        """Every bit generator, old or new, that is given no seed asks this for one."""
        patches.wrap(module, "randbits", self._bits)

    def patch_mersenne(self, patches: Patches, module: ModuleType) -> None:
        patches.wrap(module.MT19937, "_legacy_seeding", self._seed_legacy)

    def name_numpy(self, patches: Patches, module: ModuleType) -> None:
        self._name(patches, module, "default_rng", _UNSEEDED)
        self._name(patches, module, "seed", _UNSEEDED)

    def patch_torch(self, patches: Patches, module: ModuleType) -> None:
        """PyTorch reads the device in C++, and is given the seed that it would have found there."""
        generator = module.Generator
        patches.wrap(module, "seed", functools.partial(self._seed_torch, module.manual_seed))
        patches.wrap(module.random, "seed", functools.partial(self._seed_torch, module.manual_seed))
        patches.wrap(generator, "seed", self._seed_generator)

    def patch_tensorflow(self, patches: Patches, module: ModuleType) -> None:
        # The class that `tf.random.Generator` and `tf.random.experimental.Generator` both are.
        patches.wrap(module.random.Generator, "from_non_deterministic_state", self._seed_tensorflow)

    def _name(self, patches: Patches, module: ModuleType, name: str, remark: str = "") -> None:
        """While this function draws, say that the project called it."""
        patches.wrap(module, name, functools.partial(self._under, f"{module.__name__}.{name}() {remark}".rstrip()))

    def _under(self, what: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `original`; what it draws was drawn by `what`, unless that was itself called by such a function."""
        before = getattr(self._called, "what", None)
        self._called.what = what if before is None or what == _SEEN else before
        try:
            return original(*args, **kwargs)
        finally:
            self._called.what = before

    def _fork(self, original: Callable[[], int]) -> int:
        """Python seeds `random` anew in each forked child."""
        site = self._watcher.saw(Entropy.name, "random.seed() in a forked process")
        seed = self._stream(site, 32) if site is not None and is_held(self._setting, site) else None
        number = original()
        if number == 0 and seed is not None:
            random.seed(seed)
        return number

    def _site(self, what: str) -> Site | None:
        """The line to draw for from its own stream, or None if the draw is to be left as it is."""
        site = self._saw(what)
        return site if is_held(self._setting, site) else None

    def _saw(self, what: str) -> Site | None:
        called = getattr(self._called, "what", None)
        if called == _SEEN:
            return None
        site = self._watcher.saw(Entropy.name, called or what, unless=OWN_NAMES)
        if site is None and isinstance(threading.current_thread(), threading._DummyThread):
            self._escape("threads of native code that draw")
        return site

    def _escape(self, who: str) -> None:
        if self._setting.mode is Mode.HELD:
            self._watcher.escape(Entropy.name, who)

    def _stream(self, site: Site, size: int) -> bytes:
        """The next bytes for a line in a task. No line is put out of step by another, and no task by another."""
        key = f"{site.place} {current_path()}"
        with self._lock:
            count = self._read[key]
            self._read[key] += 1
            # Python starts each thread on behalf of a line, so these are native code's; which is first, is by chance.
            thread = threading.get_ident()
            if self._drawers.setdefault(key, thread) != thread and current() is None:
                self._escape("threads of native code that draw on one line")
        blocks = -(-size // hashlib.sha256().digest_size)
        stream = (hashlib.sha256(f"expops {key} {count} {block}".encode()).digest() for block in range(blocks))
        return b"".join(stream)[:size]

    def _number(self, site: Site, bits: int) -> int:
        size = -(-bits // 8)
        return int.from_bytes(self._stream(site, size), "big") >> (8 * size - bits)

    def _bytes(self, original: Callable[..., bytes], size: int, *args: Any, **kwargs: Any) -> bytes:
        site = self._site(f"os.{original.__name__}()")
        if site is None or size < 0:
            return original(size, *args, **kwargs)
        return self._stream(site, size)

    def _bits(self, original: Callable[[int], int], bits: int) -> int:
        what = f"a generator of numpy.random {_UNSEEDED}"
        site = self._called.numpy = self._saw(what)
        if site is not None and is_held(self._setting, site):
            return self._number(site, bits)
        return self._under(_SEEN, original, bits)  # type: ignore[no-any-return]

    def _seed_legacy(self, original: Callable[..., None], generator: Any, seed: Any) -> None:
        """``RandomState(5)`` makes a generator without a seed, and then gives it one."""
        drawn = getattr(self._called, "numpy", None)
        if seed is not None and drawn is not None:
            self._watcher.unsee(Entropy.name, drawn)
        self._called.numpy = None
        original(generator, seed)

    def _uuid(self, version: int, original: Callable[..., uuid.UUID], *args: Any, **kwargs: Any) -> uuid.UUID:
        site = self._site(f"uuid.{original.__name__}()")
        if site is None:
            return self._under(_SEEN, original, *args, **kwargs)  # type: ignore[no-any-return]
        return uuid.UUID(bytes=self._stream(site, 16), version=version)

    def _seed_python(self, original: Callable[..., None], generator: Any, a: Any = None, version: int = 2) -> None:
        site = self._site(f"random.Random() {_UNSEEDED}") if a is None else None
        original(generator, a if site is None else self._number(site, 256), version)

    def _seed_global(self, original: Callable[..., None], a: Any = None, version: int = 2) -> None:
        site = self._site(f"random.seed() {_UNSEEDED}") if a is None else None
        original(a if site is None else self._number(site, 256), version)

    def _seed_torch(self, manual_seed: Callable[[int], Any], original: Callable[[], int]) -> int:
        site = self._site("torch.seed()")
        if site is None:
            return original()
        seed = self._number(site, 63)
        manual_seed(seed)
        return seed

    def _seed_generator(self, original: Callable[[Any], int], generator: Any) -> int:
        site = self._site("torch.Generator.seed()")
        if site is None:
            return original(generator)
        seed = self._number(site, 63)
        generator.manual_seed(seed)
        return seed

    def _seed_tensorflow(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        site = self._site("tf.random.Generator.from_non_deterministic_state()")
        return original(*args, **kwargs) if site is None else original.__self__.from_seed(self._number(site, 63))
