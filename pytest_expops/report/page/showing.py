"""How texts and numbers of a report are shown: cut, on their own line of writing, and as nothing but text."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pytest_expops.report.model import Number
from pytest_expops.wording import cut_middle

LONGEST = 20_000
"""No text on the page has more characters, whatever the report holds."""

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that are not seen, or that turn the text around them: of control, of direction, halves of characters."""


def shown_text(text: str, most: int = LONGEST) -> str:
    """Return a text with no more than so many characters, its hidden characters as their numbers: ``<U+202E>``."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", cut_middle(text, most).replace("\r\n", "\n"))


def shown_number(value: Number) -> str:
    """Return a number with up to six digits that count; a text as it is."""
    if value is None or isinstance(value, bool | str):
        return str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def shown_seconds(seconds: float) -> str:
    """Return a duration: ``4.2 ms``, ``12.3 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 99.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def shown_size(size: int) -> str:
    """Return a size in bytes: ``3 B``, ``12.5 kB``, ``1.21 GB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.3g} {unit}"


def shown_time(moment: float) -> str:
    """Return a moment, in the time of the world: ``2026-11-29 02:16:12 UTC``."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # a file of somebody else's
        return f"{moment:g} s after 1970"


def number_of(value: Number) -> float | None:
    """Return a value as a finite number, or None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None
