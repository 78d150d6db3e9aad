"""Hugging Face: weights, settings and vocabularies, wherever they were loaded from (S7.2)."""

from __future__ import annotations

import copy

import pytest

from pytest_expops.values.comparison import compare
from tests.values.kinds.models import language_model_from_folder, tokenizer_from_folder

pytestmark = pytest.mark.libraries
pytest.importorskip("transformers", reason="needs transformers (extra `libraries`)")


def test_settings_and_single_weights_of_a_model_count() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    model = language_model_from_folder(0)
    changed = copy.deepcopy(model)
    changed.config.name_or_path = changed.name_or_path = "elsewhere"
    assert compare(model, changed) == ()
    with torch.no_grad():
        changed.transformer.wte.weight[3, 1] += 1
    changed.generation_config.temperature = 0.5
    places = [each.path for each in compare(model, changed)]
    assert places == ["value.generation_config.temperature", "value.transformer.wte.weight[3, 1]"]


def test_tokens_and_limits_of_a_tokenizer_count() -> None:
    tokenizer = tokenizer_from_folder(0)
    changed = copy.deepcopy(tokenizer)
    changed.add_tokens(["zebra"])
    changed.model_max_length = 7
    places = [each.path for each in compare(tokenizer, changed)]
    assert "value.model_max_length" in places
    assert "value._tokenizer['added_tokens']" in places
