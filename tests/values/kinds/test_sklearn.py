"""scikit-learn's objects whose state holds an address, times, or the folder of a cache."""

from __future__ import annotations

import pickle

import pytest

from pytest_expops.values.comparison import compare
from pytest_expops.values.fingerprint import fingerprint
from tests.values.kinds.models import grid_search

text = pytest.importorskip("sklearn.feature_extraction.text")
BaseEstimator = pytest.importorskip("sklearn.base").BaseEstimator
make_pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline

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


def test_times_are_judged_once_they_are_taken_out_of_a_search() -> None:
    search, again = grid_search(0), grid_search(0)
    again.cv_results_["mean_fit_time"] = again.cv_results_["mean_fit_time"] + 1
    assert compare(search, again) == ()
    assert [each.path for each in compare(search.cv_results_, again.cv_results_)][:1] == ["value['mean_fit_time'][0]"]
    assert compare({"fit_time": [0.1]}, {"fit_time": [0.2]}) != ()  # of `cross_validate`


def test_scores_of_a_search_are_judged() -> None:
    search, changed = grid_search(0), grid_search(0)
    changed.cv_results_["mean_test_score"][1] += 0.5
    assert [each.path for each in compare(search, changed)] == ["value.cv_results_['mean_test_score'][1]"]


class Remembering(BaseEstimator):
    """An estimator of the user's, whose `memory` is no cache."""

    def __init__(self, memory: int = 1) -> None:
        self.memory = memory


def test_only_a_cache_is_not_judged() -> None:
    one, other = make_pipeline(Remembering(1), memory="here"), make_pipeline(Remembering(1), memory="there")
    assert compare(one, other) == ()
    changed = make_pipeline(Remembering(2), memory="here")
    assert [each.path for each in compare(one, changed)] == ["value.steps[0][1].memory"]
