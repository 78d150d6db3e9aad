"""JSON is judged by its values, and a difference names the key (S7.2)."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.values.comparison import compare
from pytest_expops.values.files.content import content_of
from tests.values.files.judging import Judge

DOCUMENTS: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_white_space_and_the_order_of_keys_do_not_count(judge: Judge) -> None:
    assert judge.same("metrics.json", b'{"a": 1, "b": [1.50, null]}', b'{\n "b": [1.5, null], "a": 1}\n')
    assert judge.same("metrics.json", b'"\\u00e9"', '"é"'.encode())


def test_a_difference_names_key_and_item(judge: Judge) -> None:
    one = b'{"metrics": {"auc": [0.5, 0.75]}}'
    assert judge.paths("m.json", one, one.replace(b"0.75", b"0.76")) == ["files['m.json']['metrics']['auc'][1]"]
    assert judge.paths("m.json", one, one.replace(b"auc", b"AUC")) == [
        "files['m.json']['metrics']['auc']",
        "files['m.json']['metrics']['AUC']",
    ]


def test_a_tolerance_holds_for_numbers(judge: Judge) -> None:
    assert judge.paths("m.json", b'{"auc": 0.5}', b'{"auc": 0.5000001}', rtol=1e-5) == []
    assert judge.paths("m.json", b'{"auc": 0.5}', b'{"auc": 0.51}', rtol=1e-5) == ["files['m.json']['auc']"]


def test_nan_equals_nan(judge: Judge) -> None:
    assert judge.same("m.json", b"[NaN, -Infinity]", b"[NaN,-Infinity]")
    assert judge.paths("m.json", b"[NaN]", b"[0.0]") == ["files['m.json'][0]"]


@pytest.mark.parametrize("other", [b'{"a": 1, "a": 3}', b'{"a": 2, "a": 2}', b'{"a": 2}'])
def test_a_document_with_two_equal_keys_is_judged_by_line(judge: Judge, other: bytes) -> None:
    assert judge.paths("m.json", b'{"a": 1, "a": 2}', other)


def test_a_document_that_breaks_off_is_judged_by_line(judge: Judge) -> None:
    assert judge.contents("m.json", b'{"a":\n1', b"{}") == (('{"a":', "1"), {})


def test_lines_of_json_are_documents_in_their_order(judge: Judge) -> None:
    one = b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n'
    assert judge.same("log.jsonl", one, b'{"loss":0.5,"step":1}\r\n{"loss":0.25,"step":2}')
    assert judge.paths("log.ndjson", one, one.replace(b"0.25", b"0.125")) == ["files['log.ndjson'][1]['loss']"]
    assert judge.paths("log.jsonl", one, one.replace(b"{", b"", 1))


@given(DOCUMENTS, st.sampled_from([None, 1]), st.booleans())
def test_what_was_written_is_what_is_judged(document: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert compare(document, content_of(path)) == ()


@given(DOCUMENTS, DOCUMENTS)
def test_two_documents_differ_if_their_values_do(one: Any, other: Any) -> None:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, document in enumerate((one, other)):
            path = Path(folder) / f"{number}.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            found.append(content_of(path))
    assert bool(compare(*found)) is bool(compare(one, other))


def test_numbers_are_read_as_python_reads_them(judge: Judge) -> None:
    assert judge.contents("m.json", b"[1, 1.0, 1e400]", b"12345678901234567890") == (
        [1, 1.0, math.inf],
        12345678901234567890,
    )
    assert judge.paths("m.json", b"1", b"1.0") == ["files['m.json']"]
