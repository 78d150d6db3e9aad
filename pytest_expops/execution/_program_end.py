"""What Python does when a program ends, for one that this interpreter outlives: its files are complete then."""

from __future__ import annotations

import atexit
import gc
import io
import os
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TextIO, TypeVar
from zipfile import ZipFile

from pytest_expops.execution.user_code.installed import is_installed

_POOLS = (ThreadPoolExecutor, ProcessPoolExecutor)
_FILES: tuple[type[io.IOBase | ZipFile], ...] = (io.IOBase, ZipFile)
_INNER = (io.BufferedWriter, io.BufferedRandom, io.FileIO)
"""Files are closed in this order, after those that are around them: each passes on what it holds."""
_STANDARD = 2
"""The last of the descriptors that stay open."""
_Handlers = list[tuple[Callable[..., object], Callable[[], object]]]
"""The functions that were registered, each also with its arguments."""
_T = TypeVar("_T")


@contextmanager
def ending() -> Iterator[Callable[[], None]]:
    """Give a function that ends a program: to be called when its code has run, before its files are read.

    It shuts down the pools of the standard library that the program has made, waits for its threads, calls what its own
    code has registered with `atexit`, and closes the files that it has left open.
    """
    threads = set(threading.enumerate())
    streams = sys.stdout, sys.stderr
    existed = [*_living(*_FILES), *_living(*_POOLS)]  # kept alive, so that no other object gets the id of one

    def end() -> None:
        known = {id(each) for each in existed}
        for pool in _living(*_POOLS):
            if id(pool) not in known:
                pool.shutdown()
        _wait_for_others_than(threads)
        _call(handlers)
        _close([each for each in _living(*_FILES) if id(each) not in known])

    # Its own, since it may close them; the descriptors stay open then, as Python's own do.
    sys.stdout, sys.stderr = map(_reopened, streams)
    try:
        with _collecting() as handlers:
            yield end
    finally:
        sys.stdout, sys.stderr = streams


def _reopened(stream: TextIO) -> TextIO:
    number, encoding, errors = stream.fileno(), stream.encoding, stream.errors
    return open(number, "w", buffering=1, encoding=encoding, errors=errors, closefd=False)


@contextmanager
def _collecting() -> Iterator[_Handlers]:
    """Collect what code of the user's registers with `atexit`.

    What libraries register is left out: much of it is of their import, which may have been made for several runs, and
    removes what these share.
    """
    handlers: _Handlers = []
    register, unregister = atexit.register, atexit.unregister

    def collect(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        if is_installed(os.path.realpath(sys._getframe(1).f_code.co_filename)):
            return register(function, *args, **kwargs)
        handlers.append((function, partial(function, *args, **kwargs)))
        return function

    def forget(function: Callable[..., Any], /) -> None:
        handlers[:] = [each for each in handlers if each[0] != function]
        unregister(function)

    atexit.register, atexit.unregister = collect, forget
    try:
        yield handlers
    finally:
        atexit.register, atexit.unregister = register, unregister


def _call(handlers: _Handlers) -> None:
    """Call the last first, as Python does; what one raises is printed and changes nothing."""
    while handlers:
        try:
            handlers.pop()[1]()
        except BaseException:
            traceback.print_exc()


def _wait_for_others_than(threads: set[threading.Thread]) -> None:
    while left := [each for each in threading.enumerate() if each not in threads and not each.daemon]:
        for each in left:
            each.join()


def _living(*kinds: type[_T]) -> list[_T]:
    """Return the objects of these classes that there are."""
    objects = gc.get_objects()
    wanted = {each for each in set(map(type, objects)) if issubclass(each, kinds)}
    return [each for each in objects if type(each) in wanted]


def _close(files: list[io.IOBase | ZipFile]) -> None:
    """Close the files that are written; the standard streams stay open."""
    for each in files:
        if isinstance(each, io.TextIOWrapper):
            with suppress(ValueError, OSError):  # it is closed, or what it is in
                each.flush()
    for each in sorted(files, key=_depth):
        with suppress(Exception):  # whatever its class does: Python ignores that at the end, too
            if isinstance(each, ZipFile):
                each.close()
            elif not each.closed and each.writable() and stat.S_ISREG(os.fstat(each.fileno()).st_mode):
                if each.fileno() > _STANDARD:
                    each.close()
                else:
                    each.flush()


def _depth(file: io.IOBase | ZipFile) -> int:
    if isinstance(file, ZipFile):
        return -1
    return _INNER.index(type(file)) + 1 if type(file) in _INNER else 0
