"""The keys of a process that rename what goes in and out, and that log metrics without a line of code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import ListNode, MapNode, Scalar, YamlNode
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, entries_of, parameters
from pytest_expops.pipeline.declarations import DeclaredMetric, Renames

_METRICS = "a list of maps with a `name` and either `from_result` or `fn`"


def read_renames(body: MapNode, reader: Reader) -> Renames:
    """Read `inputs` or `input_transform`, and `outputs` or `output_mapping`."""
    outputs = _texts(body, reader, "outputs", "output_mapping")
    _refuse_repeats(outputs, body, reader)
    return Renames(_texts(body, reader, "inputs", "input_transform"), outputs)


def _texts(body: MapNode, reader: Reader, *keys: str) -> dict[str, str]:
    """Read a map of names to names, under any of several keys."""
    found = reader.agreed(entries_of(body, "", *keys))
    return text_map(found, reader, "a map of names to names") if found else {}


def text_map(found: LabelledEntry, reader: Reader, expected: str) -> dict[str, str]:
    """Read the map under `found`, of texts to texts; what is no text is noted and left out."""
    if not isinstance(found.value, MapNode):
        reader.wrong(found.value, found.label, expected)
        return {}
    named = {}
    for name, entry in found.value.entries.items():
        if not isinstance(name, str):
            reader.wrong(entry.key, f"{found.label}.{entry.key.text}", "a text as its key")
            continue
        text = reader.text(entry.value, f"{found.label}.{name}")
        if text is not None:
            named[name] = text
    return named


def _refuse_repeats(outputs: dict[str, str], body: MapNode, reader: Reader) -> None:
    """Note two outputs of one name, of which one would be lost."""
    first: dict[str, str] = {}
    for name, stored in outputs.items():
        other = first.setdefault(stored, name)
        if other != name:
            at = entries_of(body, "", "outputs", "output_mapping")[0]
            message = (
                f"`{at.label}` gives both `{other}` and `{name}` the name `{stored}`; expected another name for each"
            )
            reader.error(message, at.location, key=at.label, hint=f"give one of them another name than `{stored}`")


def read_metrics(body: MapNode, reader: Reader) -> tuple[DeclaredMetric, ...]:
    """Read the `metrics` of a process, in order."""
    return tuple(_read_all(body, reader))


def _read_all(body: MapNode, reader: Reader) -> Iterator[DeclaredMetric]:
    for found in entries_of(body, "", "metrics"):
        if not isinstance(found.value, ListNode):
            reader.wrong(found.value, "metrics", _METRICS)
            continue
        for item in found.value.items:
            metric = _read_metric(item, reader)
            if metric is not None:
                yield metric


def _read_metric(item: YamlNode, reader: Reader) -> DeclaredMetric | None:
    if not isinstance(item, MapNode):
        word = item.text if isinstance(item, Scalar) else "NAME"
        reader.wrong(item, "metrics", _METRICS, f"write `{{name: {word}, from_result: {word}}}`")
        return None
    reader.warn_of_unknown_keys(item, vocabulary.METRIC, "of a metric")
    texts = {key: _text(item, key, reader) for key in ("name", "from_result", "fn")}
    name, from_result, function = texts["name"], texts["from_result"], texts["fn"]
    sources = entries_of(item, "", "from_result", "fn")
    if name is None and "name" not in item.entries:
        reader.error("a metric has no `name`", item.location, key="metrics", hint="write `name: NAME`")
    if len(sources) != 1:
        said = "neither `from_result` nor `fn`" if not sources else "both `from_result` and `fn`"
        hint = (
            "`from_result: KEY` logs an output as it is; `fn: NAME` with `inputs` logs what a function returns for them"
        )
        at = sources[-1].location if sources else item.location
        reader.error(f"the metric `{name}` has {said}; expected one of them", at, key="metrics", hint=hint)
        return None
    inputs: dict[str, str] = {}
    for each in entries_of(item, "metrics.", "inputs"):
        inputs = text_map(each, reader, "a map of arguments to keys")
    if name is None or (from_result is None and function is None):
        return None
    return DeclaredMetric(name, from_result, function, inputs, _parameters(item, reader), item.location)


def _text(item: MapNode, key: str, reader: Reader) -> str | None:
    found = entries_of(item, "", key)
    return reader.text(found[0].value, f"metrics.{key}") if found else None


def _parameters(item: MapNode, reader: Reader) -> dict[str, Any]:
    found = reader.agreed(entries_of(item, "metrics.", "parameters", "params", "kwargs"))
    return parameters(reader, found) if found else {}
