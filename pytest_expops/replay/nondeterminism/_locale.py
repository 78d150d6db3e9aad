"""The locale that the user's variables ask for: language, collation and form of numbers of whoever adopts it."""

from __future__ import annotations

import contextlib
import functools
import locale
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

from pytest_expops.replay.nondeterminism._patching import patching
from pytest_expops.replay.nondeterminism._watching import watch
from pytest_expops.replay.nondeterminism.base import Mode, Setting, Source, Watcher

DECIMAL_COMMA = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "ru", "tr", "hu", "ro", "el")
"""Languages that write 1,5: their locales show the most, and are taken first."""

HELD_LOCALE = "C.UTF-8"

_ASKS = (
    *("setlocale", "getlocale", "getdefaultlocale", "localeconv", "nl_langinfo", "getpreferredencoding"),
    *("getencoding", "strcoll", "strxfrm", "str", "format_string", "currency", "atof", "atoi", "localize"),
)


class Locale(Source):
    """Varied and held by `LC_ALL` and `LANG`, which Python reads at its start, and others where they call `setlocale`.

    As at any start of Python, encodings are as the locale says (UTF-8 in all that are used here), and the other
    categories are those of C until somebody adopts the user's. Nobody is accused who does not.
    """

    name: ClassVar[str] = "locale"
    title: ClassVar[str] = "the locale"
    catches: ClassVar[str] = "sorting, dates or numbers in the user's language, after `locale.setlocale(LC_ALL, '')`"
    remedy: ClassVar[str] = (
        "leave the locale alone, or set one by name; sort by `str.casefold`, format with `f'{x:.2f}'`"
    )

    def environment(self, setting: Setting, environment: Mapping[str, str]) -> dict[str, str | None]:
        if setting.mode is Mode.NATURAL:
            return {}
        chosen = HELD_LOCALE if setting.mode is Mode.HELD else locale_of(setting.number, environment)
        return {"LC_ALL": chosen, "LANG": chosen, "LANGUAGE": None}

    @contextmanager
    def apply(self, setting: Setting, watcher: Watcher) -> Iterator[None]:
        with patching() as patches, contextlib.nullcontext() if setting.mode is Mode.NATURAL else _as_started():
            watch(patches, watcher, self.name, locale, _ASKS, unless=("locale",))
            yield


def locale_of(number: int, environment: Mapping[str, str]) -> str:
    """The locale of the replays numbered `number`, which is not the one of `environment`.

    Where no other is installed it is plain C (or ``C.UTF-8``, if it is C already), which shows less.
    """
    own = _normal(next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "C"))
    others = [name for name in installed() if _normal(name) != own]
    if not others:
        return HELD_LOCALE if own in ("c", "posix") else "C"
    return others[(number - 1) % len(others)]


@functools.cache
def installed() -> tuple[str, ...]:
    """The UTF-8 locales of this machine besides C's, those with a decimal comma first. Asks ``locale -a``, once.

    Under another encoding paths would be other ones, and nothing would be shown but that.
    """
    try:
        listed = subprocess.run(["locale", "-a"], capture_output=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    names = [name for name in listed.decode(errors="replace").split() if _normal(name).endswith(".utf8")]
    names = [name for name in names if not name.startswith(("C.", "POSIX"))]
    return tuple(sorted(names, key=lambda name: (not name.startswith(DECIMAL_COMMA), name)))


def _normal(name: str) -> str:
    return name.lower().replace("-", "")


@contextmanager
def _as_started() -> Iterator[None]:
    """The categories as they are when Python has started; afterwards as they were found."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "C")
        with contextlib.suppress(locale.Error):  # what the variables ask for is not installed
            locale.setlocale(locale.LC_CTYPE, "")
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)
