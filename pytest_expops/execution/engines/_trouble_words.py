"""What the errors of file systems and servers mean for who waits: full, refused, unreachable, too slow."""

from __future__ import annotations

import errno
import platform
from collections.abc import Callable, Iterator

from pytest_expops.execution.engines._place import PlaceTrouble
from pytest_expops.wording import kind_of, text_of

_NUMBERS = {
    "full": {errno.ENOSPC, errno.EDQUOT},
    "refused": {errno.EACCES, errno.EPERM, errno.EROFS},
    "unreachable": {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.ESTALE,
    },
    "slow": {errno.ETIMEDOUT},
}
_CODES = {
    "full": ("quotaexceeded", "storagefull", "insufficientstorage", "no space left"),
    "refused": ("accessdenied", "forbidden", "unauthorized", "invalidaccesskey", "signaturedoesnotmatch"),
    "unreachable": ("name or service not known", "service unavailable"),
}
"""What servers answer, of which no library makes an exception of its own."""
_KINDS = {
    "refused": ("credential", "permission", "forbidden"),
    "slow": ("timeout",),
    "unreachable": ("connect", "gaierror"),
}
"""What is in the name of an exception of a library that is not loaded here."""
_SEEN = {
    "full": "the store is full",
    "refused": "the store refused it",
    "unreachable": "the store cannot be reached",
    "slow": "the store took too long",
    "gone": "there is no such folder or bucket",
}
_HINTS = {
    "full": "fix: make room at {url}, or name another store",
    "refused": "fix: the user, or the credentials, on {host} must be allowed to read, write and remove below {url}",
    "unreachable": "fix: see that the server of {url} runs, and that {host} can reach it (address, network)",
    "slow": "fix: see why {url} answers {host} so slowly (its load, and the network)",
    "gone": "fix: make the folder or bucket of {url}, and let nothing remove it while a session runs",
}
_OTHERWISE = "fix: see what the store at {url} says of it, and whether {host} may read and write there"


def trouble(
    error: BaseException | None, url: str, worded: Callable[[BaseException], str], limit: float = 0
) -> PlaceTrouble:
    """Return what an error means.

    Args:
        error: what was raised; None where nothing came within the limit.
        url: the URL as it may be shown.
        worded: says what was raised, without secrets.
        limit: the seconds there were.
    """
    meaning = "slow" if error is None else _meaning(error)
    said = f"no answer within {limit:g} s" if error is None else worded(error)
    seen = f"{_SEEN[meaning]} ({said})" if meaning else said
    return PlaceTrouble(seen, _HINTS.get(meaning, _OTHERWISE).format(url=url, host=platform.node() or "this machine"))


def _meaning(error: BaseException) -> str:
    """Return the first that is known of an error and what led to it; empty where nothing is."""
    chain = [*_chain(error)]
    said = " ".join(map(text_of, chain)).lower()
    kinds = " ".join(map(kind_of, chain)).lower()
    found = [_by_type(each) for each in chain]
    found += [meaning for meaning, words in _CODES.items() if any(word in said for word in words)]
    found += [meaning for meaning, words in _KINDS.items() if any(word in kinds for word in words)]
    return next(filter(None, found), "")


def _by_type(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "slow"
    if isinstance(error, PermissionError):
        return "refused"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "gone"
    number = getattr(error, "errno", None)
    return next((meaning for meaning, numbers in _NUMBERS.items() if number in numbers), "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
