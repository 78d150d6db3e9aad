"""How messages of all floors put what they share: lists that are cut short, near misses, short paths."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

MOST_OF_PLACE = 160
"""Of a place in a value that has more characters, the beginning and the end are shown."""

MOST_WITHIN = 1_000
"""Of an exception's message within one of ours, at most so many characters are shown."""
MOST_OF_TEXT = 10_000
"""Of a text of the user's that has more characters, the beginning and the end are shown."""


def listed(names: Iterable[str], most: int = 5, *, quote: str = "") -> str:
    """Return the first `most` names, and how many more there are: ``a, b and 3 more``.

    Args:
        names: what to list.
        most: how many of them are shown.
        quote: what stands before and after each, such as a backtick.
    """
    found = [f"{quote}{name}{quote}" for name in names]
    return " ".join(filter(None, [", ".join(found[:most]), and_more(len(found), most)]))


def joined(names: Iterable[str], most: int | None = None, *, last: str = "and") -> str:
    """Return ``a, b and c``, or another `last` word; of more than `most` names the first ones, as `listed` does."""
    found = list(names)
    if most is not None and len(found) > most:
        return listed(found, most)
    return f" {last} ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def and_more(count: int, shown: int, noun: str = "") -> str:
    """Return ``and 3 more lines`` where of `count` only `shown` are shown; nothing where all are.

    Args:
        count: how many there are.
        shown: how many of them are shown.
        noun: what they are, in the plural with an ``s``; ``and 1 more line`` is its singular.
    """
    hidden = count - shown
    if hidden <= 0:
        return ""
    return " ".join(filter(None, [f"and {hidden} more", noun.removesuffix("s") if hidden == 1 else noun]))


def first_of(text: str, count: int) -> str:
    """Return `text`, the first of `count` things to say, and how many more there are: ``text (and 3 more)``."""
    more = and_more(count, 1)
    return f"{text} ({more})" if more else text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` probably means: one edit away, or much alike."""
    return next(iter(_near(word, known, 1)), None)


SHORTEST = 3
"""A known word is meant by its beginning from so many letters on."""


def did_you_mean(word: str, known: Iterable[str], most: int = 1) -> str | None:
    """Return ``did you mean `train`?``, with at most so many known words like `word`; None if there is none."""
    near = _near(word, known, most)
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else None


class Suggestions:
    """Gives the `did_you_mean` of many words, until so many comparisons were made that nobody would wait for more."""

    def __init__(self, comparisons: int = 10_000) -> None:
        self._left = comparisons

    @property
    def spent(self) -> bool:
        """Whether nothing is compared any more."""
        return self._left <= 0

    def did_you_mean(self, word: str, known: Collection[str]) -> str | None:
        """Return what the function of this name does; the first time always, and None once the work is spent."""
        if self.spent:
            return None
        self._left -= len(known)
        return did_you_mean(word, known)


LONGEST = 100
"""No word of more letters is compared: nobody mistypes those, and comparing takes time by the square of the length."""


def _near(word: str, known: Iterable[str], most: int) -> list[str]:
    if len(word) > LONGEST:
        return []
    # One edit in a word of four letters leaves a ratio of 0.75, so nothing one edit away is missed from there on.
    names = sorted(each for each in known if len(each) <= LONGEST)
    begun = [each for each in names if len(word) >= SHORTEST and each.startswith(word)]
    return difflib.get_close_matches(word, names, n=most, cutoff=0.7) or begun[:most]


def refusal(name: str, expected: str, value: object) -> str:
    """Return what is wrong with the argument `name`: ``seed: a whole number is expected, not 'x'``."""
    return f"{name}: {expected} is expected, not {shown(value)}"


def shown(value: object) -> str:
    """Return what was given where something else was expected: its `repr` on one line, cut in the middle."""
    try:
        return cut_to_a_line(repr(value))
    except Exception as error:
        if isinstance(value, int):  # more digits than Python writes in base 10
            return cut_to_a_line(hex(value))
        return f"<repr raises {type(error).__name__}: {type(value).__qualname__}>"


def cut_to_a_line(text: str, most: int = 60) -> str:
    """Return a text on one line; of one with more than `most` characters the ends, and how many there are."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}...{text[-(most // 6) :]} ({len(text):,} characters)"


def short_path(path: str | Path, directory: Path) -> str:
    """Return a path as seen from `directory`; one that is outside of it, as it is."""
    relative = os.path.relpath(path, directory)
    return str(path) if relative.startswith("..") else relative


def short_place(path: str) -> str:
    """Return where a part stands in a value; of a long path the beginning and the end: ``w[0][0]...[0][0]``."""
    if len(path) <= MOST_OF_PLACE:
        return path
    begin = re.sub(r"\[[^][]{0,20}$", "", path[: MOST_OF_PLACE * 2 // 3])
    end = re.sub(r"^[^][]{0,20}\]", "", path[-MOST_OF_PLACE // 4 :])
    return f"{begin}...{end}"


def kind_of(error: BaseException) -> str:
    """Return the name of the type of an exception, which no metaclass can replace."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name


def text_of(error: BaseException) -> str:
    """Return the message of an exception, cut in the middle where it is long, whatever its class does when asked."""
    try:
        return cut_middle(str.__str__(str(error)))
    except BaseException:  # KeyboardInterrupt, too: it is most likely raised by what is looked at
        return f"(its message cannot be shown: `str()` of this {kind_of(error)} fails)"


def worded(error: BaseException) -> str:
    """Return ``ValueError: what it says``, as part of a message."""
    return f"{kind_of(error)}: {cut_middle(text_of(error), MOST_WITHIN)}"


def cut_middle(text: str, most: int = MOST_OF_TEXT) -> str:
    """Return a text of the user's; of one with more than `most` characters the beginning and the end."""
    if len(text) <= most:
        return text
    begin, end = most * 2 // 3, most // 3
    return f"{text[:begin]} ... ({len(text) - begin - end} characters are left out here) ... {text[-end:]}"
