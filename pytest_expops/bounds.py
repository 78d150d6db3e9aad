"""Every number that a user can write, in a config, an option or an argument: what it may be, and how to say so.

Bounds are far beyond what anybody needs. They keep out what Python's floats, its int-to-text conversion, or the
timeouts of the operating system cannot take.
"""

from __future__ import annotations

import numbers
import operator
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_DIGITS = min(4300, sys.get_int_max_str_digits() or 4300)
"""Most digits of any whole number in a config: Python's own limit for writing one."""
UNWRITABLE = 10**MOST_DIGITS
"""The least whole number that has more."""
MAX_EXPANDED = 1_000_000
"""The most processes that a pipeline may expand to; beyond, a `size` or a list of seeds is most likely mistyped."""
_SEED_DIGITS = 39
"""Enough for seeds of 128 bits, as NumPy's `SeedSequence` makes them."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one number may be.

    `least` and `most` are included, if the number is not to be `between` them. `words` stand for "a whole number" or
    "a number" where the number is one of something.
    """

    least: int | float
    most: int | float
    whole: bool = True
    between: bool = False
    words: str = ""

    @property
    def expected(self) -> str:
        """The bounds as messages put them: ``a whole number from 1 to 1,000,000``."""
        what = self.words or ("a whole number" if self.whole else "a number")
        if self.between:
            return f"{what} between {_written(self.least)} and {_written(self.most)}"
        if self.whole and self.least == -self.most:
            return f"{what} of at most {len(str(self.most))} digits"
        return f"{what} from {_written(self.least)} to {_written(self.most)}"

    def read(self, value: object) -> Any:
        """Return the number as a plain int, or float where it need not be whole; None if it is not within bounds.

        Numbers of other libraries count too; truth values, texts and NaN do not.
        """
        number = _whole(value) if self.whole else _float(value)
        if number is None:
            return None
        inside = self.least < number < self.most if self.between else self.least <= number <= self.most
        return number if inside else None


def bytes_of(text: str) -> float | None:
    """Return the number of bytes of ``256M``, ``4GiB`` and the like, K being 1024; None for another text."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    return float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ") if found else None


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)  # first of all: NumPy compares a float32 with the bound as a float32, where it is infinite
    except OverflowError:
        return None


def _written(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}".replace("e+", "e")


_COUNT = Bounds(1, 1_000_000)
_SEED = Bounds(-(10**_SEED_DIGITS) + 1, 10**_SEED_DIGITS - 1)
_AMOUNT = Bounds(0, 1e300, whole=False)
_SECONDS = Bounds(0, 1_000_000, whole=False, words="a number of seconds")
_ANY = Bounds(-1e300, 1e300, whole=False)
_ROWS = Bounds(0, 10**12)

NUMBERS: Mapping[str, Bounds] = {
    "seed": _SEED,
    "partitions": Bounds(1, MAX_EXPANDED, words="a whole number of partitions"),
    "rows": _ROWS,
    "rtol": _AMOUNT,
    "atol": _AMOUNT,
    # How hard laws are tried.
    "examples": _COUNT,
    "seconds": _SECONDS,
    "max_partitions": Bounds(2, MAX_EXPANDED),
    "min_rows": _ROWS,
    # What is claimed over seeds.
    "min_mean": _ANY,
    "max_mean": _ANY,
    "min_std": _AMOUNT,
    "max_std": _AMOUNT,
    "max_range": _AMOUNT,
    "max_cv": _AMOUNT,
    "min_value": _ANY,
    "max_value": _ANY,
    "margin": _AMOUNT,
    "confidence": Bounds(0, 1, whole=False, between=True),
    # Options, and arguments of functions.
    "replays": _COUNT,
    "steps": Bounds(2, 1_000_000_000),
    "metric": Bounds(1 - 10**300, 10**300 - 1),
    "step": Bounds(-(2**63), 2**63 - 1),
    "diagnose_timeout": Bounds(0.001, 1_000_000, whole=False, words="a number of seconds"),
    "timeout": Bounds(0, 1_000_000, whole=False, words="a number of seconds (0 for no limit)"),
    "memory": Bounds(0, 2**50, whole=False, words="a number of bytes"),
    "engine_workers": Bounds(0, 10_000, words="a number of workers (0: one for each processor)"),
    "engine_timeout": Bounds(1, 1_000_000, whole=False, words="a number of seconds"),
    "cache_size": Bounds(0, 2**60, whole=False, words="a number of bytes"),
    "cache_audit": Bounds(0, 100, whole=False),
    "resource": Bounds(0.001, 2**60, whole=False, words="an amount such as 1, 0.5 or 8G"),
    "memory_limit": Bounds(2**20, 2**50, whole=False, words="an amount of memory such as 512M or 4G, in bytes"),
}
"""Every number by what it is called; of seeds and sizes, one of them."""
