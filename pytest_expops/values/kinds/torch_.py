"""PyTorch tensors by dtype, device type, `requires_grad` and elements; modules by parameters, buffers, attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_expops.values.forms import Form, Parts, Unsound
from pytest_expops.values.naming import type_name
from pytest_expops.wording import worded

_AS_IS = frozenset(
    {
        *("torch.float16", "torch.float32", "torch.float64", "torch.complex64", "torch.complex128", "torch.bool"),
        *("torch.uint8", "torch.int8", "torch.int16", "torch.int32", "torch.int64"),
        *("torch.uint16", "torch.uint32", "torch.uint64"),
    }
)
"""Types that NumPy has too."""
_WIDENED = ("torch.bfloat16", "torch.float8")
"""Types whose every value is also a float32."""


_FLAGS = frozenset({"_is_hf_initialized"})
"""Attributes of tensors and modules by which Hugging Face notes which weights it has set; copies lose them."""


def tensor_form(value: Any) -> Form:
    """Return a tensor of any device and layout; the graph behind it and its gradient are not part of its value."""
    traits = (
        *(("dtype", str(value.dtype)), ("shape", str(tuple(value.shape))), ("layout", str(value.layout))),
        *(("device", value.device.type), ("requires_grad", str(value.requires_grad))),
    )
    attributes = dict(getattr(value, "__dict__", {}))
    names = sorted(attributes.keys() - _FLAGS)
    parts, places = _elements(value.detach())
    return Parts(
        type_name(type(value)),
        traits,
        [*parts, *(attributes[name] for name in names)],
        [*places, *(f".{name}" for name in names)],
    )


def _elements(value: Any) -> tuple[list[Any], list[str]]:
    layout = str(value.layout)
    if layout == "torch.sparse_coo":
        value = value.coalesce()
        return [value.indices(), value.values()], [".indices()", ".values()"]
    if layout in ("torch.sparse_csr", "torch.sparse_bsr"):
        return [value.crow_indices(), value.col_indices(), value.values()], [
            ".crow_indices()",
            ".col_indices()",
            ".values()",
        ]
    if layout in ("torch.sparse_csc", "torch.sparse_bsc"):
        return [value.ccol_indices(), value.row_indices(), value.values()], [
            ".ccol_indices()",
            ".row_indices()",
            ".values()",
        ]
    if value.device.type == "meta":
        return [], []
    if layout != "torch.strided" or value.is_quantized:
        raise Unsound(
            f"a tensor of layout {layout} and dtype {value.dtype} cannot be read", "return it dequantized, or dense"
        )
    value = value.resolve_conj().resolve_neg().cpu()
    if str(value.dtype).startswith(_WIDENED):
        value = value.float()
    elif str(value.dtype) not in _AS_IS:
        raise Unsound(f"a tensor of dtype {value.dtype} cannot be read", "convert it to a dtype that NumPy has")
    return [value.numpy()], [""]


def module_form(value: Any) -> Form:
    """Return a module under the names by which users reach its parts: ``model.layer.weight``."""
    state = _state(value)
    groups = ("_parameters", "_buffers", "_modules")
    members = {name: (group, part) for group in groups for name, part in (state.pop(group, None) or {}).items()}
    places = [f".{name}" for name in members]
    order = (("members", repr([(group, name) for name, (group, _) in members.items()])),)
    rest = sorted(state.keys() - _FLAGS)
    return Parts(
        type_name(type(value)),
        order,
        [*(part for _, part in members.values()), *(state[name] for name in rest)],
        [*places, *(f".{name}" for name in rest)],
    )


def _state(value: Any) -> dict[str, Any]:
    """Return a module's attributes, or what a `__getstate__` of its own leaves of them, as that of an LSTM does."""
    if not any("__getstate__" in vars(base) for base in type(value).__mro__[:-1]):
        return dict(value.__dict__)
    try:
        return dict(value.__getstate__())
    except Exception as error:
        reason = next(iter(worded(error).splitlines()), "")
        message = f"the state of a {type_name(type(value))} cannot be read ({reason})"
        raise Unsound(message, "return its `state_dict()`") from error


def generator_form(value: Any) -> Form:
    """Return the device and the state of a `torch.Generator`."""
    return Parts("torch.Generator", (("device", value.device.type),), [value.get_state()], [".get_state()"])


def handler_for(cls: type) -> Callable[[Any], Form] | None:
    """Return how to take a PyTorch class apart, by name, since it is not imported here; optimizers need no handler."""
    found = {
        "torch.Tensor": tensor_form,
        "torch._tensor.Tensor": tensor_form,
        "torch.nn.modules.module.Module": module_form,
        "torch._C.Generator": generator_form,
    }
    return next((found[name] for base in cls.__mro__ if (name := type_name(base)) in found), None)
