"""Operations of PyTorch without a fixed order are named with their lines, and PyTorch is left as it was."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest

from pytest_expops.replay.nondeterminism.torch_alerts import documented, noting_alerts, plain_name
from tests.replay.nondeterminism.probe import Probe

DOCUMENTATION = """
    The following normally-nondeterministic operations will act
    deterministically when ``mode=True``:

        * :class:`torch.nn.Conv1d` when called on CUDA tensor
        * :func:`torch.Tensor.__getitem__` when attempting to differentiate a CPU tensor
          and the index is a list of tensors
        * :func:`torch.index_add` when called on CUDA tensor
        * :func:`torch.Tensor.put_` when ``accumulate=False``
        * :func:`torch.Tensor.put_` when ``accumulate=True`` and called on a CUDA
          tensor
        * :class:`torch.nn.MaxUnpool1d`
        * :func:`torch.nn.functional.interpolate` when attempting to differentiate a CUDA tensor
          and one of the following modes is used:

          - ``linear``

    In addition, several operations fill uninitialized memory.
"""
IMPORTS = "import torch\nx, i = torch.zeros(5), torch.tensor([0, 1, 1])\n"


def test_the_documentation_is_read_with_its_conditions() -> None:
    assert documented(DOCUMENTATION) == {
        "conv1d": "when called on CUDA tensor",
        "indexadd": "when called on CUDA tensor",
        "put": "when accumulate=False, or when accumulate=True and called on a CUDA tensor",
        "maxunpool1d": "",
        "interpolate": "when attempting to differentiate a CUDA tensor and one of the following modes is used",
    }


@pytest.mark.parametrize(
    ("name", "plain"), [("index_add_", "indexadd"), ("CTCLoss", "ctcloss"), ("ctc_loss", "ctcloss")]
)
def test_a_layer_and_its_function_have_one_plain_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_without_pytorch_there_is_nothing_and_it_is_not_imported(
    clean_probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with noting_alerts(lambda file: file == str(clean_probe.path)) as alerts:
        clean_probe.run("print(1)")
        assert alerts() == ()
    assert "torch" not in sys.modules


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def _alerts(probe: Probe, text: str) -> list[tuple[int, str]]:
    with noting_alerts(lambda file: file == str(probe.path)) as alerts:
        probe.run(IMPORTS + text)
        return [(site.line, site.what) for site in alerts()]


CALLS = {
    "x.index_add(0, i, torch.ones(3))": "index_add: nondeterministic when called on CUDA tensor, says PyTorch's "
    "documentation; here on the CPU",
    "torch.cumsum(x, 0)": "cumsum: nondeterministic when called on a CUDA tensor when dtype is floating point or "
    "complex, says PyTorch's documentation; here on the CPU",
}


@pytest.mark.ml
@pytest.mark.parametrize("call", CALLS)
def test_what_is_documented_for_cuda_is_named_with_its_line(torch: Any, clean_probe: Probe, call: str) -> None:
    assert _alerts(clean_probe, call) == [(3, CALLS[call])]


@pytest.mark.ml
def test_what_pytorch_warns_of_is_named_with_the_projects_line(torch: Any, clean_probe: Probe) -> None:
    text = """
pool, undo = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)
undo(*pool(torch.rand(1, 1, 4, 4)))
"""
    named = dict(_alerts(clean_probe, text))
    assert list(named) == [5]
    warned = [what for _, what in _alerts(clean_probe, text) if "warns" in what]
    assert warned == ["max_unpooling2d_forward_out: PyTorch warns that it has no deterministic implementation"]


@pytest.mark.ml
@pytest.mark.parametrize("text", ["x + 1", "torch.nn.Linear(5, 2)(x).sum().backward()", "torch.randn(3).sort()"])
def test_what_has_a_fixed_order_is_not_named(torch: Any, clean_probe: Probe, text: str) -> None:
    assert _alerts(clean_probe, text) == []


@pytest.mark.ml
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_pytorch_is_left_as_it_was(torch: Any, clean_probe: Probe, mode: int) -> None:
    show, filters = warnings.showwarning, list(warnings.filters)
    torch.set_deterministic_debug_mode(mode)
    try:
        _alerts(clean_probe, "torch.set_deterministic_debug_mode(0)\ntorch.empty(3).isnan().any()")
        assert torch.get_deterministic_debug_mode() == mode
        assert torch.utils.deterministic.fill_uninitialized_memory is True
        assert torch.overrides._get_current_function_mode() is None
    finally:
        torch.set_deterministic_debug_mode(0)
    assert (warnings.showwarning, list(warnings.filters)) == (show, filters)


@pytest.mark.ml
def test_uninitialised_memory_is_not_filled_meanwhile(torch: Any, clean_probe: Probe) -> None:
    """What a line reads of it would be another thing than in other runs."""
    with noting_alerts(lambda file: file == str(clean_probe.path)):
        assert torch.utils.deterministic.fill_uninitialized_memory is False


@pytest.mark.ml
def test_other_warnings_are_shown_as_ever(torch: Any, clean_probe: Probe) -> None:
    with pytest.warns(UserWarning, match="of mine"):
        _alerts(clean_probe, "import warnings\nwarnings.warn('of mine')")
