"""Memory that is handed out as it was left: what `numpy.empty` holds until it is written."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

from pytest_expops.replay.nondeterminism._patching import Patches, patching
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher, is_held

PERTURB = "MALLOC_PERTURB_"
"""Has glibc fill what it allocates with the complement of this byte, see mallopt(3). Others do not know it."""

_PLAIN = frozenset("biufcmMSUV")
"""Kinds of NumPy dtypes whose elements are bytes and nothing else."""

MOST = 2**30
"""What is larger, in bytes, is left as it comes: only what is written of it may ever take up memory."""


class Memory(Source):
    """Varied, memory that is not initialised holds other bytes; held, zeros.

    Of NumPy and PyTorch the functions that say ``empty`` are reached, and by the C library's allocator most others.
    Arrays of under 1 KiB that `numpy.ndarray(...)` itself makes are not.
    """

    name: ClassVar[str] = "memory"
    title: ClassVar[str] = "uninitialised memory"
    catches: ClassVar[str] = "elements of `numpy.empty` or `torch.empty` that are read before they are written"
    remedy: ClassVar[str] = "make it with `numpy.zeros` or `numpy.full`, or write every element before any is read"
    holds_sites: ClassVar[bool] = True

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL or setting.only:
            return {}
        # 0 would be off, which is to fill with 255.
        return {PERTURB: str(255 - min(fill_byte(setting), 254))}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        fill = _Filling(setting, watcher)
        with patching({"numpy": fill.patch_numpy, "torch": fill.patch_torch}):
            yield


def fill_byte(setting: Setting) -> int:
    """What uninitialised memory is filled with: 0 if held; for variation 1 the bytes of a NaN, or of -1."""
    if setting.mode is not Mode.VARIED:
        return 0
    if setting.number == 1:
        return 255
    return 1 + hashlib.sha256(f"expops memory {setting.number}".encode()).digest()[0] % 254


class _Filling:
    """The stand-ins of one replay."""

    def __init__(self, setting: Setting, watcher: Watcher) -> None:
        self._setting = setting
        self._watcher = watcher
        self._byte = fill_byte(setting)

    def patch_numpy(self, patches: Patches, module: ModuleType) -> None:
        for name in ("empty", "empty_like"):
            patches.wrap(module, name, functools.partial(self._numpy, f"numpy.{name}()", module.ndarray))

    def patch_torch(self, patches: Patches, module: ModuleType) -> None:
        for name in ("empty", "empty_like", "empty_strided"):
            patches.wrap(module, name, functools.partial(self._torch, f"torch.{name}()", module))

    def _is_filled(self, what: str) -> bool:
        # Libraries ask for memory at every turn, and write to it; only the project's own line is worth remembering.
        self._watcher.saw(Memory.name, what, direct=True)
        site = self._watcher.saw(Memory.name, what, remember=False)
        return site is not None if self._setting.mode is Mode.VARIED else is_held(self._setting, site)

    def _numpy(self, what: str, ndarray: type, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        array = original(*args, **kwargs)
        if self._is_filled(what) and isinstance(array, ndarray):
            _fill(array, self._byte)
        return array

    def _torch(self, what: str, torch: Any, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        tensor = original(*args, **kwargs)
        plain = type(tensor) is torch.Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
        if plain and kwargs.get("out") is None and self._is_filled(what):
            storage = tensor.untyped_storage()
            if storage.nbytes() <= MOST:
                storage.fill_(self._byte & 1 if tensor.dtype is torch.bool else self._byte)
        return tensor


def _fill(array: Any, byte: int) -> None:
    """All bytes of a new array, which lie together whatever its order is, as far as its elements bear it."""
    kinds = set(_kinds(array.dtype))
    if array.dtype.hasobject or not kinds <= _PLAIN or array.nbytes > MOST:
        return
    if "U" in kinds:
        byte = 0  # Other bytes are no text, and cannot even be read.
    elif "b" in kinds:
        byte &= 1
    ctypes.memset(array.__array_interface__["data"][0], byte, array.nbytes)


def _kinds(dtype: Any) -> Iterator[str]:
    """Of a dtype, and of the fields that it is made of."""
    yield dtype.kind
    if dtype.subdtype is not None:
        yield from _kinds(dtype.subdtype[0])
    for field in (dtype.fields or {}).values():
        yield from _kinds(field[0])
