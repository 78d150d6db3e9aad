"""spaCy's pipelines, vocabularies and documents by what they hold; pickles within their state are taken apart.

What a pickle holds in the order of a set, such as stop words, is another sequence of bytes under each hash seed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.bookkeeping import leaving_out
from pytest_expops.values.kinds.objects import state_form
from pytest_expops.values.naming import type_name


def vocab_form(value: Any) -> Form:
    """Return what a vocabulary keeps when it is stored; the strings first, since other parts refer to them."""
    names = ("strings", "vectors", "morphology", "lookups", "lex_attr_getters", "get_noun_chunks")
    parts = [getattr(value, name) for name in names]
    return Parts(type_name(type(value)), (), parts, [f".{name}" for name in names])


def strings_form(value: Any) -> Form:
    """Return the texts that were met; in which order is no part of it."""
    return Parts(type_name(type(value)), (), [set(value)], [""])


def vectors_form(value: Any) -> Form:
    """Return the table of vectors, and which row is whose."""
    rest = value.to_bytes(exclude=["strings", "vectors"])
    return state_form(value, {"data": value.data, "to_bytes()": _unpacked(rest)})


def doc_form(value: Any) -> Form:
    """Return a document's tokens and annotations; the vocabulary that it shares with others is not part of it."""
    saved = _unpacked(value.to_bytes(exclude=["vocab", "user_data"]))
    saved["strings"] = set(saved.get("strings", ()))
    hooks = {name: getattr(value, name) for name in ("user_hooks", "user_span_hooks", "user_token_hooks")}
    return state_form(value, {"to_bytes()": saved, "user_data": value.user_data, **hooks})


def _unpacked(data: bytes) -> Any:
    return importlib.import_module("srsly").msgpack_loads(data)


# Where it was loaded from.
_pipelines = leaving_out({"spacy.language.Language": {"_path": None}})


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class of spaCy apart, by name; the state of the others needs no handler."""
    found = {
        "spacy.vocab.Vocab": vocab_form,
        "spacy.strings.StringStore": strings_form,
        "spacy.vectors.Vectors": vectors_form,
        "spacy.tokens.doc.Doc": doc_form,
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), _pipelines(cls))
