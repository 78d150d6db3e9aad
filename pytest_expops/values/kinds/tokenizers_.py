"""Hugging Face's tokenizers by the JSON document that they save, so that a difference names the token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts
from pytest_expops.values.naming import type_name


def tokenizer_form(value: Any) -> Form:
    """Return what `Tokenizer.to_str` writes."""
    return Parts(type_name(type(value)), (), [json.loads(value.to_str())], [""])


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a tokenizer apart; the library's other classes tell their state."""
    return tokenizer_form if type_name(cls) == "tokenizers.Tokenizer" else None
