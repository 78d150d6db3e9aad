"""URLs of stores, as they may be shown. It loads nothing: sessions without a pipeline read this module, too."""

from __future__ import annotations

import re

KEY_VARIABLE = "EXPOPS_CACHE_KEY"
"""The environment variable with the secret by which entries are signed."""
USER = re.compile(r"(?<=://)(?:[^/\s?#]*|[^/\s@:]*:(?!\d+/)[^\s@]*)@")
_QUERY = re.compile(r"(://[^\s?'\"]*)\?[^\s'\"]+")


def shown_url(text: str) -> str:
    """Return a text without the names and secrets that stand in URLs in it."""
    return _QUERY.sub(r"\1?...", USER.sub("", text))
