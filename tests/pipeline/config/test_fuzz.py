"""Whatever the file holds, loading gives a pipeline or a `ConfigError`, and both parsers of PyYAML agree (S1.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_expops import ConfigError, Pipeline, expand, load_config
from pytest_expops.pipeline.config import _composing as composing
from tests.pipeline.config.configs import current

PARSERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]
fuzz = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])

_WORDS = """
    model parameters pipeline experiment processes process_adjlist name scripts main data_parallelism size seeds
    seed_parallelism aggregation reproducibility tolerance nondeterministic a b 0 -1 1.5 1e3 on null .nan ~ <<
"""
_fragments = st.sampled_from(_WORDS.split())
_scalars = st.one_of(_fragments, st.none(), st.booleans(), st.integers(-2, 3), st.floats(), st.text(max_size=4))
_documents = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_fragments | st.integers(0, 2), inner, max_size=4),
    max_leaves=20,
)
_yaml_soup = st.lists(
    st.sampled_from(
        [*":-?&*!|>%@`'\"{}[],#\n\t ~<=\\", "a", "b", "é", "\n  ", ": ", "- ", "&x ", "*x", "!!int ", "..."]
    )
).map("".join)


def check_outcome(path: Path) -> Pipeline | ConfigError:
    """What loading and expanding gives; any other exception ends the test. Every problem has a message and a place."""
    error = None
    try:
        pipeline = load_config(path)
        expand(pipeline)
    except ConfigError as raised:
        error = raised
    if error is None:
        return pipeline
    assert error.problems
    assert all(each.message and each.location for each in error.problems)
    assert str(error).count(f"{path}:") > len(error.problems)
    return error


@fuzz
@given(data=st.binary(max_size=200))
@example(data=b"\xef\xbb\xbf")
@example(data=b"\xff\xfea\x00")
def test_arbitrary_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.yaml").write_bytes(data)
    check_outcome(tmp_path / "p.yaml")


@pytest.mark.parametrize("parser", PARSERS)
@fuzz
@given(text=st.text(max_size=100) | _yaml_soup)
@example(text='"\\UFFFFFFFF"')
@example(text='"\\ud800"')
@example(text="%YAML 9.9\n---\na: b")
@example(text="!!timestamp x: !!float ''")
@example(text="a: 0b_\nb: " + "9" * 5000)
@example(text="<<: [<<, {<<: {}}]")
@example(text="? ? ? a\n: b")
@example(text="&a a: *a")
@example(text="a: &a\nb: *a\n*a : c")
def test_arbitrary_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parser: Any, text: str) -> None:
    monkeypatch.setattr(composing, "_Parser", parser)
    (tmp_path / "p.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    check_outcome(tmp_path / "p.yaml")


@fuzz
@given(document=_documents, flow=st.booleans())
def test_arbitrary_documents_of_known_words(tmp_path: Path, document: Any, flow: bool) -> None:
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True))
    check_outcome(tmp_path / "p.yaml")


@fuzz
@given(process=_documents, section=_documents)
def test_arbitrary_documents_in_the_place_of_a_process_and_a_section(
    tmp_path: Path, process: Any, section: Any
) -> None:
    body = process if isinstance(process, dict) else {"data_parallelism": process, "seed_parallelism": section}
    pipeline = {"process_adjlist": "a b", "processes": [{**body, "name": "a"}, {"name": "b"}]}
    document = {"scripts": {"main": "m.py"}, "reproducibility": section, "experiment": {"pipeline": pipeline}}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    check_outcome(tmp_path / "p.yaml")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
@settings(fuzz, max_examples=80)
@given(cut=st.integers(0, 400), noise=_yaml_soup)
def test_both_parsers_give_the_same_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int, noise: str
) -> None:
    """Of well-formed YAML; on where exactly ill-formed YAML goes wrong they differ."""
    text = current(
        "- {name: é, parameters: {ü: 'ö', x: [1, *y]}}", "- name: 0", "- name: a b", edges=["x y  # ü", "é ä"]
    )
    (tmp_path / "p.yaml").write_text(text[:cut] + noise + text[cut:], encoding="utf-8")
    outcomes = []
    for parser in PARSERS:
        monkeypatch.setattr(composing, "_Parser", parser)
        outcomes.append(str(check_outcome(tmp_path / "p.yaml")))
    if not any("not valid YAML" in each or "indented with a tab" in each for each in outcomes):
        assert outcomes[0] == outcomes[1]
