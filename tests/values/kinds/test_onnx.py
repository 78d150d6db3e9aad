"""ONNX: a model is what it computes; a difference names the node, attribute or weight (S7.2)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_expops.values.comparison import compare

pytestmark = pytest.mark.libraries
onnx = pytest.importorskip("onnx", reason="needs onnx (extra `libraries`)")


def _model(weight: float = 1.0) -> Any:
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("MatMul", ["x", "w"], ["product"]),
            onnx.helper.make_node("LeakyRelu", ["product"], ["y"], alpha=0.25),
        ],
        "forest",
        [onnx.helper.make_tensor_value_info("x", kind, [None, 2])],
        [onnx.helper.make_tensor_value_info("y", kind, [None, 1])],
        [onnx.numpy_helper.from_array(np.array([[weight], [2.0]], "f4"), name) for name in ("w", "unused")],
    )
    sets = [onnx.helper.make_opsetid("", 15), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    return onnx.helper.make_model(graph, opset_imports=sets, producer_name="exporter")


def _changed(change: Callable[[Any], Any]) -> list[str]:
    changed = copy.deepcopy(_model())
    change(changed)
    return [each.path for each in compare(_model(), changed)]


def _reverse(repeated: Any) -> None:
    backwards = [copy.deepcopy(each) for each in repeated][::-1]
    del repeated[:]
    repeated.extend(backwards)


def test_documentation_and_the_order_of_what_has_a_name_do_not_count() -> None:
    def documented(model: Any) -> None:
        model.doc_string = "exported by me"
        model.graph.node[0].doc_string = "/home/me/train.py(7): forward"

    assert _changed(documented) == []
    assert _changed(lambda model: _reverse(model.opset_import)) == []
    assert _changed(lambda model: _reverse(model.graph.initializer)) == []


def test_only_a_name_that_was_drawn_for_a_graph_does_not_count() -> None:
    one, other = _model(), _model()
    one.graph.name, other.graph.name = "907a75ef4220422cbf38cb05fa11deb6", "4f5b1c1e-63b5-4a52-8b05-3f1e6f2f9d3c"
    assert compare(one, other) == ()
    one.graph.name, other.graph.name = "forest", "trees"
    assert [each.path for each in compare(one, other)] == ["value.graph.name"]


def test_what_is_computed_counts() -> None:
    assert compare(_model(), _model(1.5))[0].path == "value.graph.initializer['w'][0, 0]"

    def slower(model: Any) -> None:
        model.graph.node[1].attribute[0].f = 0.5

    assert _changed(slower) == ["value.graph.node[1].attribute['alpha'].f"]
    assert _changed(lambda model: setattr(model.opset_import[1], "version", 2)) == [
        "value.opset_import['ai.onnx.ml'].version"
    ]
    assert _changed(lambda model: _reverse(model.graph.node)) != []
    assert _changed(lambda model: setattr(model, "producer_name", "another")) == ["value.producer_name"]


def test_the_same_elements_are_one_tensor_in_whichever_field_they_are() -> None:
    plain = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [1.0, 2.0])
    raw = onnx.numpy_helper.from_array(np.array([1.0, 2.0], "f4"), "w")
    assert compare(plain, raw) == ()
    double = onnx.numpy_helper.from_array(np.array([1.0, 2.0]), "w")
    assert [each.detail for each in compare(plain, double)] == ["dtype differs"]
