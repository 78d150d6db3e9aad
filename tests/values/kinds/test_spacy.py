"""spaCy: pipelines and documents by what they hold; what was met before in the interpreter is no part of a document."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_expops.values.comparison import compare

pytestmark = pytest.mark.libraries
spacy = pytest.importorskip("spacy", reason="needs spacy (extra `libraries`)")


def test_texts_met_earlier_count_in_a_vocabulary_and_not_in_a_document() -> None:
    fresh, used = spacy.blank("en"), spacy.blank("en")
    used("an earlier text")
    one, other = fresh("the same text"), used("the same text")
    assert compare(one, other) == ()
    (difference,) = compare(fresh.vocab, used.vocab)
    assert (difference.path, difference.obtained) == ("value.strings", "{'an', 'earlier', 'ier'}")


def test_annotations_of_a_document_count() -> None:
    nlp = spacy.blank("en")
    plain, named, noted = (nlp("Ada wrote it") for _ in range(3))
    named.ents = [spacy.tokens.Span(named, 0, 1, label="PERSON")]
    noted.user_data["source"] = "here"
    assert any(each.path.startswith("value.to_bytes()['array_body']") for each in compare(plain, named))
    assert [each.path for each in compare(plain, noted)] == ["value.user_data['source']"]


def test_stop_words_and_vectors_of_a_vocabulary_count() -> None:
    plain, stops, vectors = (spacy.blank("en").vocab for _ in range(3))
    getter = stops.lex_attr_getters[spacy.attrs.IS_STOP]
    getter.keywords["stops"] = getter.keywords["stops"] | {"xyz"}
    (difference,) = compare(plain, stops)
    assert difference.path.endswith(".keywords['stops']")
    vectors.set_vector("cat", np.array([1.0, 2.0], "f4"))
    assert any(each.path.startswith("value.vectors.data") for each in compare(plain, vectors))
