"""What is known of an exception, whatever it does when it is looked at: its hooks may raise, lie, or never end."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from pytest_expops.errors import ExpopsError, StorageTrouble
from pytest_expops.execution.records import Failure
from pytest_expops.execution.user_code.installed import is_installed
from pytest_expops.wording import MOST_OF_TEXT, cut_middle, kind_of, text_of

T = TypeVar("T")
_HEAP_TYPE = 1 << 9
"""`Py_TPFLAGS_HEAPTYPE`, see "Type Objects" in the C API: a class that is made at run time, as by `class`."""
_SELF = ("__class__", "__getattribute__")
"""What a class defines that has its instances pass for others."""


def failure_of(error: BaseException) -> Failure:
    """Return why a run did not pass; never raises."""
    kind = kind_of(error)
    message = text_of(error)
    told = message if is_a(error, ExpopsError) else user_traceback(error)
    return Failure(kind, message, told, *last_user_line(error))


def is_a(error: BaseException, kind: type[BaseException]) -> bool:
    """Return whether an exception is of a type, whatever it says of itself."""
    return issubclass(type(error), kind)


def is_plain(error: BaseException) -> bool:
    """Return whether others can be given an exception to show: it can be shown, shortly, and is what it says."""
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(error))
    for cls in mro:
        made_here = type.__dict__["__flags__"].__get__(cls) & _HEAP_TYPE
        if made_here and any(name in type.__dict__["__dict__"].__get__(cls) for name in _SELF):
            return False
    texts = _text(error, str), _text(error, repr)
    return all(text is not None and len(text) <= MOST_OF_TEXT for text in texts)


def user_traceback(error: BaseException) -> str:
    """Return the traceback of an exception, from the first frame that is not ours or of the import system.

    What is long of it is cut in the middle. Never raises.
    """
    # What an exception and its class really have, whatever the class defines under the same names.
    first = first_user_frame(BaseException.__dict__["__traceback__"].__get__(error))
    most = frames_before_ours(first)
    whole = looking(lambda: traceback.format_exception(type(error), error, first, limit=most))
    if whole is None:
        whole = [
            "Traceback (most recent call last):\n",
            *traceback.format_tb(first, limit=most),
            f"{kind_of(error)}: {text_of(error)}",
        ]
    return cut_middle("".join(map(cut_middle, whole)), 4 * MOST_OF_TEXT).rstrip()


def first_user_frame(entry: TracebackType | None) -> TracebackType | None:
    """Return the traceback from its first frame in a file that is neither installed nor frozen, or all of it."""
    first = entry
    while entry is not None:
        filename = entry.tb_frame.f_code.co_filename
        if not filename.startswith("<frozen") and not is_installed(os.path.realpath(filename)):
            return entry
        entry = entry.tb_next
    return first


def last_user_line(error: BaseException) -> tuple[str, int]:
    """Return the file and the innermost line of the user's code that led to an exception; an empty name if none did."""
    entry: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    found = "", 0
    of_user: dict[str, bool] = {}  # a recursion is deep, but its files are few
    while entry is not None:
        name = entry.tb_frame.f_code.co_filename
        if name not in of_user:
            of_user[name] = not name.startswith((_PACKAGE, "<")) and not is_installed(os.path.realpath(name))
        if of_user[name]:
            found = name, entry.tb_lineno or 0
        entry = entry.tb_next
    return found


def frames_before_ours(entry: TracebackType | None) -> int | None:
    """Return after how many frames a traceback of the user's is in this package until its end; None if it is not.

    Who calls a function of ours wrongly, `log_metric` say, is to see the call.
    """
    if entry is None or is_installed(os.path.realpath(entry.tb_frame.f_code.co_filename)):
        return None
    count = last = 0
    while entry is not None:
        count += 1
        if not entry.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            last = count
        entry = entry.tb_next
    return last if 0 < last < count else None


def _text(error: BaseException, shown: Callable[[object], str]) -> str | None:
    """Return what `str` or `repr` gives of an exception, as plain text; None where it gives none."""
    return looking(lambda: str.__str__(shown(error)))


_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
"""Where the files of this package are."""
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE})
"""Of an OSError: the disk is full, or does not work."""
_MOST_CAUSES = 20


def trouble_in(error: BaseException | None) -> BaseException | None:
    """Return the trouble with storage or a disk that an exception tells of, or that led to it; None for any other.

    It says nothing about the process that met it.
    """
    return next((each for each in _causes(error) if is_a(each, StorageTrouble) or _number(each) in _DISK), None)


def memory_error_in(error: BaseException) -> BaseException | None:
    """Return the exception for want of memory that an exception is, or that led to it; None for any other."""
    return next((each for each in _causes(error) if is_a(each, MemoryError) or _number(each) == errno.ENOMEM), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, and what led to it."""
    for _ in range(_MOST_CAUSES):
        if error is None:
            break
        yield error
        error = cause_of(error)


def cause_of(error: BaseException) -> BaseException | None:
    """Return the exception that directly led to this one, if any did."""
    causes = (BaseException.__dict__[name].__get__(error) for name in ("__cause__", "__context__"))
    return next(filter(None, causes), None)


def _number(error: BaseException) -> Any:
    return OSError.__dict__["errno"].__get__(error) if is_a(error, OSError) else None


def looking(look: Callable[[], T]) -> T | None:
    """Return what looking at something of the user's gives; None where it raises anything at all."""
    try:
        return look()
    except BaseException:
        # KeyboardInterrupt, too: it is most likely raised by what is looked at.
        return None
