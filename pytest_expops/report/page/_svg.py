"""Elements of SVG as text, in which everything that is not an element is escaped."""

from __future__ import annotations

from html import escape

from pytest_expops.report.page.showing import shown_text


class Svg(str):
    """Markup; the templates take it as it is, and any other text as text."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the markup."""
        return str(self)


def tag(name: str, *children: str, **attributes: str | float) -> Svg:
    """Return an element.

    Args:
        name: what it is.
        children: elements, and texts, which are escaped.
        attributes: those of the element; ``_`` in a name stands for ``-``, and at its end for nothing.
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    inner = "".join(child if isinstance(child, Svg) else escape(shown_text(child)) for child in children)
    return Svg(f"<{name}{given}>{inner}</{name}>" if children else f"<{name}{given}/>")


def joined_elements(elements: list[Svg]) -> Svg:
    """Return elements one after the other."""
    return Svg("".join(elements))


def _value(value: str | float) -> str:
    return escape(shown_text(value)) if isinstance(value, str) else short(value)


def short(value: float) -> str:
    """Return a number for an attribute: two digits after the point are less than anybody sees."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """Return a share of the width, so that a chart fits any: ``12.5%``."""
    return f"{short(100 * share)}%"
