"""Models, configurations and tokenizers of Hugging Face by what they are, wherever they were loaded from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form
from pytest_expops.values.kinds.bookkeeping import leaving_out, without_keys
from pytest_expops.values.kinds.torch_ import module_form

_CONFIG = {"_name_or_path": None, "_commit_hash": None}
_FILES = ("name_or_path", "vocab_file", "merges_file", "tokenizer_file")


def _unless_path(part: Any) -> Any:
    return None if isinstance(part, str) else part


_FAST = {
    "init_kwargs": without_keys(*_FILES),
    **dict.fromkeys(("vocab_file", "merges_file"), None),
    # Given as tables or as the files that hold them; `_tokenizer` has what was read.
    **dict.fromkeys(("_vocab", "_merges"), _unless_path),
}
"""Of a tokenizer that has all of its tables in `_tokenizer`; another one may have nothing but its files."""

_models = leaving_out({"transformers.modeling_utils.PreTrainedModel": {"name_or_path": None}}, module_form)
_others = leaving_out(
    {
        "transformers.configuration_utils.PreTrainedConfig": _CONFIG,
        "transformers.configuration_utils.PretrainedConfig": _CONFIG,
        # A `hash()` of texts, which every interpreter salts anew.
        "transformers.generation.configuration_utils.GenerationConfig": {"_original_object_hash": None},
        "transformers.tokenization_utils_base.PreTrainedTokenizerBase": {
            "name_or_path": None,
            "init_kwargs": without_keys("name_or_path"),
        },
        "transformers.tokenization_utils_tokenizers.TokenizersBackend": _FAST,
        "transformers.tokenization_utils_fast.PreTrainedTokenizerFast": _FAST,
    }
)


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a class apart of which Hugging Face's library keeps where it came from."""
    return _models(cls) or _others(cls)
