"""scikit-learn's text vectorizers, which remember the address of their stop words to check them only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.kinds.objects import object_form
from pytest_expops.values.naming import type_name

_ADDRESS = "._stop_words_id"


def vectorizer_form(value: Any) -> Form:
    """Return its state without that address."""
    form = object_form(value)
    if not isinstance(form, Parts) or form.names is None or _ADDRESS not in form.names:
        return form
    kept = [(name, part) for name, part in zip(form.names, form.values, strict=True) if name != _ADDRESS]
    return Parts(form.tag, form.traits, [part for _, part in kept], [name for name, _ in kept])


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a vectorizer apart; the state of scikit-learn's other classes needs no handler."""
    bases = {type_name(base) for base in cls.__mro__}
    return vectorizer_form if "sklearn.feature_extraction.text._VectorizerMixin" in bases else None
