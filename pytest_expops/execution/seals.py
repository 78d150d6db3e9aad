"""Text under a seal: its checksum, and its HMAC where there is a key, so that only who has the key can make one."""

from __future__ import annotations

import hashlib
import hmac
import json

DAMAGED = "it is cut short or damaged"
UNSIGNED = ""
"""What is wrong with a text that is whole, and only not signed by our key for this place."""


class Seals:
    """Puts seals on texts, and looks at them. With an empty `key` they only tell that a text is whole.

    ``CHECKSUM SIGNATURE`` is the first line, the text all others. `place` is where a sealed text is to stand: one that
    is found elsewhere has no signature for that.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def put(self, body: str, place: tuple[str, ...] = ()) -> str:
        """Return a text, to which an end of line is added, under its seal."""
        body += "\n"
        checksum = _checksum(body)
        return f"{checksum} {self._signature(checksum, place)}\n{body}"

    def problem(self, text: str, place: tuple[str, ...] = ()) -> str | None:
        """Return what is wrong with a sealed text: `DAMAGED`, or `UNSIGNED`; None where nothing is."""
        seal, _, body = text.partition("\n")
        checksum, _, signature = seal.partition(" ")
        if not body.endswith("\n") or checksum != _checksum(body):
            return DAMAGED
        expected = self._signature(checksum, place)
        if self._key and not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode()):
            return UNSIGNED
        return None

    def _signature(self, checksum: str, place: tuple[str, ...]) -> str:
        if not self._key:
            return ""
        # No other place gives the same text, as the parts are quoted; and none gives a mere checksum.
        text = json.dumps([*place, checksum]) if place else checksum
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
