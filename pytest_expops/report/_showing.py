"""Text of the user's where it could be taken for something else: what cannot be seen is shown, and markup is none."""

from __future__ import annotations

import re

_KEPT = frozenset("\u200c\u200d\t")
"""Not printable as Unicode has it, but part of scripts and of emoji; and the tabulator."""
_MARKUP = re.compile(r"""[!#$&*+\-.:<=>@[\\\]^_`{|}~]""")
"""What may mean something to Markdown, HTML, or GitHub, in the middle of a line or where one begins."""


def visible(text: str) -> str:
    r"""Return a text in which what shows nothing, or turns the direction of the rest, is escaped: ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in _KEPT else ascii(each)[1:-1] for each in text)


def in_markdown(text: str) -> str:
    """Return a text on one line that Markdown shows as it is, in a table too."""
    shown = visible(" ".join(text.split()))
    # An entity is never read as markup. Whoever is called is notified, unless the name stands in code.
    return _MARKUP.sub(_entity, shown)


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def as_code(text: str) -> str:
    """Return a text of the user's in Markdown, as code on one line."""
    return f"<code>{in_markdown(text)}</code>" if text.strip() else ""


def prose(text: str) -> str:
    """Return a text of ours in Markdown, in which what is in backticks is code of the user's."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return in_markdown(text).replace("&#64;", "<code>&#64;</code>")
    shown = [as_code(each) if number % 2 else _spaced(each) for number, each in enumerate(parts)]
    return "".join(shown).replace("<code></code>", "")


def _spaced(text: str) -> str:
    """Return what is beside code, with the space between."""
    shown = in_markdown(text).replace("&#64;", "<code>&#64;</code>")
    return f"{' ' if text[:1].isspace() else ''}{shown}{' ' if shown and text[-1:].isspace() else ''}"


def block(lines: list[str], language: str = "") -> str:
    """Return lines as a block of code, whatever is in them."""
    shown = [visible(each) for each in lines]
    runs = [len(each) for line in shown for each in re.findall("`+", line)]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return "\n".join([f"{fence}{language}", *shown, fence])
