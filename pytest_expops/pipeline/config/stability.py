"""`reproducibility.stability`: what a config claims of the metrics of its processes over random seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_expops.bounds import NUMBERS, Bounds
from pytest_expops.pipeline.config._document import BrokenNode, MapEntry, MapNode, Scalar, YamlNode, describe
from pytest_expops.pipeline.config._reading import Reader
from pytest_expops.pipeline.config.vocabulary import STABILITY, STABILITY_BOUNDS
from pytest_expops.pipeline.model import Kind, Layers, Pipeline, SeedClaims
from pytest_expops.pipeline.problems import Problems
from pytest_expops.wording import did_you_mean

_CHOICES = {"over": ("partition", "all"), "better": ("higher", "lower")}
_PERCENT = Bounds(1, 99.9999, whole=False)


def read_claims(node: YamlNode, label: str, reader: Reader) -> tuple[SeedClaims, ...]:
    """Read the claims on each metric of one process; what is wrong with any is noted."""
    if not isinstance(node, MapNode) or not node.entries:
        reader.wrong(node, label, "a map of metrics to bounds, such as `accuracy: {min_mean: 0.9}`")
        return ()
    read = [_read_metric(entry, f"{label}.{entry.key.text}", reader) for entry in node.entries.values()]
    return tuple(claims for claims in read if claims is not None)


def _read_metric(entry: MapEntry, label: str, reader: Reader) -> SeedClaims | None:
    key, node = entry.key, entry.value
    if not isinstance(key.plain, str) or not key.plain:
        hint = f'write "{key.text}"'
        reader.error(f"the name of a metric is {describe(key)}; expected a text", key.location, key=key.text, hint=hint)
        return None
    if not isinstance(node, MapNode):
        reader.wrong(node, label, f"a map of bounds: any of {', '.join(STABILITY_BOUNDS)}")
        return None
    settings: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for each in node.entries.values():
        name = each.key.text
        if name not in STABILITY:
            reader.refuse_key(each.key, label, _in_order())
            continue
        value = _read_value(name, each.value, f"{label}.{name}", reader)
        if value is not None:
            (bounds if name in STABILITY_BOUNDS else settings)[name] = value
    _check_together(node, bounds, label, reader)
    return SeedClaims(key.plain, bounds, location=key.location, **settings)


def _in_order() -> list[str]:
    return [*STABILITY_BOUNDS, *sorted(STABILITY - set(STABILITY_BOUNDS))]


def _read_value(name: str, node: YamlNode, label: str, reader: Reader) -> float | str | None:
    if name in _CHOICES:
        choices = _CHOICES[name]
        if isinstance(node, Scalar) and node.plain in choices:
            return str(node.plain)
        text = node.text if isinstance(node, Scalar) else ""
        reader.wrong(node, label, " or ".join(f"`{each}`" for each in choices), did_you_mean(text, choices))
        return None
    if name == "confidence" and isinstance(node, Scalar) and (percent := _PERCENT.read(node.plain)) is not None:
        reader.wrong(node, label, NUMBERS[name].expected, f"for {percent:g} % write {percent / 100:g}")
        return None
    value: float | None = reader.number(node, label, NUMBERS[name])
    return value


def _check_together(node: MapNode, bounds: Mapping[str, float], label: str, reader: Reader) -> None:
    """Check that there is anything to judge, and that no two bounds contradict each other."""
    given = {entry.key.text for entry in node.entries.values()}
    unread = any(isinstance(entry.value, BrokenNode) for entry in node.entries.values())
    if not given & {*STABILITY_BOUNDS, "better"} and given <= STABILITY and not unread:
        message = f"`{label}` claims nothing; expected any of {', '.join((*STABILITY_BOUNDS, 'better'))}"
        reader.error(message, node.location, key=label)
    for low, high in (("min_mean", "max_mean"), ("min_std", "max_std"), ("min_value", "max_value")):
        if low in bounds and high in bounds and bounds[low] > bounds[high]:
            message = f"`{label}.{low}` is {bounds[low]:g}, above the `{high}` of {bounds[high]:g}; no value keeps both"
            reader.error(message, node.entries[low].key.location, key=low, hint="swap the two, or keep one")
    if "margin" in given and "better" not in given:
        message = f"`{label}.margin` has no effect without `better`"
        reader.warn(message, node.entries["margin"].key.location, key="margin", hint="add `better: higher` or `lower`")


def check_claims(pipeline: Pipeline, layers: Mapping[str, Layers], problems: Problems) -> None:
    """Check that claims over seeds are made only of processes that run once per seed."""
    for process in pipeline.processes.values():
        for claims in process.stability[:1]:
            key, at = f"stability.{process.name}", claims.location or process.location
            if process.kind is Kind.CHART:
                problems.error(f"`{key}` claims something of a chart, which has no outputs", at, process=process.name)
            elif not layers[process.name].seeds:
                message = (
                    f"`{key}` claims something over seeds, but process `{process.name}` stands under no seed layer"
                )
                hint = "put `seed_parallelism: [1, 2, 3, 4, 5]` on a process upstream of it"
                if process.aggregates.seeds:
                    hint = "it aggregates the seeds: claim it of the process whose results it aggregates"
                elif process.split_seeds:
                    hint = "its own seeds are for what is downstream of it: add `scope: self`, or put them one level up"
                problems.error(message, at, process=process.name, key=key, hint=hint)
