"""scikit-learn's objects whose state holds an address."""

from __future__ import annotations

import pickle

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint

text = pytest.importorskip("sklearn.feature_extraction.text")

REVIEWS = ["a good day", "a bad night", "one more day"]


@pytest.mark.parametrize("name", ["CountVectorizer", "TfidfVectorizer", "HashingVectorizer"])
def test_a_vectorizer_that_has_been_used_is_its_copy(name: str) -> None:
    """S7.2: never by address, though it keeps that of its stop words."""
    one = getattr(text, name)(stop_words=["good", "bad"])
    one.fit_transform(REVIEWS)
    other = pickle.loads(pickle.dumps(one))
    if hasattr(one, "_stop_words_id"):
        other._stop_words_id += 16
    assert fingerprint(one) == fingerprint(other)
    assert compare(one, other) == ()


def test_other_stop_words_and_another_vocabulary_still_differ() -> None:
    one, other, fewer = (text.CountVectorizer(stop_words=words) for words in (["good"], ["bad"], ["good"]))
    one.fit(REVIEWS)
    other.fit(REVIEWS)
    fewer.fit(REVIEWS[:2])
    assert {each.path.partition(".")[2][:10] for each in compare(one, other)} == {"stop_words", "vocabulary"}
    assert all("vocabulary_" in each.path for each in compare(one, fewer))
    assert fingerprint(one) != fingerprint(fewer)
