"""Words that messages share: lists that are cut short, near misses, short paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.wording import (
    and_more,
    cut_middle,
    did_you_mean,
    first_of,
    joined,
    listed,
    nearest,
    short_path,
    short_place,
    worded,
)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("", ""),
        ("a", "a"),
        ("ab", "a, b"),
        ("abc", "a, b, c"),
        ("abcd", "a, b, c and 1 more"),
        ("abcde", "a, b, c and 2 more"),
    ],
)
def test_a_list_is_cut_after_the_most(names: str, text: str) -> None:
    assert listed(names, 3) == text


def test_listed_names_may_be_quoted() -> None:
    assert listed(iter("abc"), 2, quote="`") == "`a`, `b` and 1 more"


@pytest.mark.parametrize(
    ("names", "text"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and 1 more")],
)
def test_joined_names_end_with_and(names: str, text: str) -> None:
    assert joined(names, 3) == text


def test_without_a_limit_all_names_are_joined() -> None:
    assert joined("abcdefgh") == "a, b, c, d, e, f, g and h"


def test_only_what_is_not_shown_is_counted() -> None:
    assert and_more(5, 3, "lines") == "and 2 more lines"
    assert and_more(5, 3) == "and 2 more"
    assert and_more(3, 3, "lines") == and_more(2, 3) == ""
    assert first_of("x differs", 3) == "x differs (and 2 more)"
    assert first_of("x differs", 1) == "x differs"


def test_the_nearest_words_are_suggested_and_no_far_ones() -> None:
    known = ["train", "brain", "load"]
    assert nearest("trian", known) == "train"
    assert nearest("evaluate", known) is None
    assert did_you_mean("trian", known) == "did you mean `train`?"
    assert did_you_mean("trains", known, most=2) == "did you mean `train` or `brain`?"
    assert did_you_mean("evaluate", known) is None


def test_a_path_is_short_within_the_directory_only() -> None:
    assert short_path(Path("/a/b/c.yaml"), Path("/a")) == "b/c.yaml"
    assert short_path("/a/b/c.yaml", Path("/a/b/d")) == "/a/b/c.yaml"


def test_of_a_long_place_the_beginning_and_the_end_are_shown() -> None:
    assert short_place("outputs['w']" + "[0]" * 40) == "outputs['w']" + "[0]" * 40
    shown = short_place("outputs['w']" + "[0]" * 4_000 + "['b'].c")
    assert shown == "outputs['w']" + "[0]" * 31 + "..." + "[0]" * 11 + "['b'].c"
    shown = short_place(f"outputs['{'x' * 5_000}']['auc']")
    assert len(shown) < 160
    assert shown.startswith("outputs['xxx")
    assert shown.endswith("xxx']['auc']")


def test_the_beginning_of_a_known_word_is_meant_for_it() -> None:
    assert did_you_mean("hash", ["clock", "hashseed"]) == "did you mean `hashseed`?"
    assert did_you_mean("ha", ["clock", "hashseed"]) is None
    assert did_you_mean("seed", ["clock", "hashseed"]) is None


@pytest.mark.parametrize("length", [0, 99, 100])
def test_a_text_that_is_short_enough_is_not_cut(length: int) -> None:
    assert cut_middle("x" * length, 100) == "x" * length


def test_a_text_that_is_cut_says_how_much_is_left_out() -> None:
    assert cut_middle("a" * 100 + "b" * 100, 90) == "a" * 60 + " ... (110 characters are left out here) ... " + "b" * 30


def test_an_exception_in_a_message_is_named_and_cut_whatever_its_text_does() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    assert worded(ValueError("told")) == "ValueError: told"
    assert worded(Hostile()) == "Hostile: (its message cannot be shown: `str()` of this Hostile fails)"
    assert len(worded(ValueError("x" * 100_000))) < 1_200
