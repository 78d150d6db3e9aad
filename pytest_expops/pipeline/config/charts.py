"""Charts: their probes, from the process or from `reporting.charts`, and whether Python draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_expops.errors import Location
from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import ListNode, MapNode, Scalar, YamlNode
from pytest_expops.pipeline.config._mappings import text_map
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, entries_of
from pytest_expops.pipeline.declarations import Chart
from pytest_expops.pipeline.xpath import XPath, XPathError
from pytest_expops.wording import did_you_mean

_PROBES = "a map of keys to probe paths"
_KINDS = ("dynamic", "static")


@dataclass(frozen=True, slots=True)
class Reported:
    """One entry of `reporting.charts`: what a chart of this name reads. It need not be a process."""

    name: str
    written: YamlNode
    probes: LabelledEntry | None
    dynamic: bool

    @property
    def location(self) -> Location:
        """Where its name stands."""
        return self.written.location


def read_reported(reporting: MapNode | None, reader: Reader) -> dict[str, Reported]:
    """Read the `reporting.charts` by name, in order; of two of one name the first, with an error."""
    reported: dict[str, Reported] = {}
    for each in _entries(reporting, reader):
        first = reported.setdefault(each.name, each)
        if first is not each:
            message = f"the chart `{each.name}` is given twice; first at {first.location}"
            reader.error(message, each.location, key="charts", hint="remove one of the two")
    return reported


def _entries(reporting: MapNode | None, reader: Reader) -> Iterator[Reported]:
    for found in entries_of(reporting, "reporting.", "charts"):
        if not isinstance(found.value, ListNode):
            reader.wrong(found.value, found.label, "a list of maps with a `name`")
            continue
        for item in found.value.items:
            each = _entry(item, reader)
            if each is not None:
                yield each


def _entry(item: YamlNode, reader: Reader) -> Reported | None:
    if not isinstance(item, MapNode):
        hint = f"write `- name: {item.text}`" if isinstance(item, Scalar) else None
        reader.wrong(item, "reporting.charts", "a map with a `name` for each chart", hint)
        return None
    reader.warn_of_unknown_keys(item, vocabulary.REPORTED_CHART, "of a chart")
    named = next(iter(entries_of(item, "", "name")), None)
    if named is None:
        reader.error("this chart has no `name`", item.location, key="name", hint="write `name: NAME`")
        return None
    name = reader.text(named.value, "name", "the name of a chart, as a text")
    if name is None:
        return None
    probes = next(iter(entries_of(item, "reporting.charts.", "probe_paths")), None)
    kinds = [_is_dynamic(each, reader) for each in entries_of(item, "", "type", "chart_type")]
    return Reported(name, named.value, probes, any(kinds))


def _is_dynamic(found: LabelledEntry, reader: Reader) -> bool:
    text = reader.text(found.value, found.label, "`static` or `dynamic`")
    if text is not None and text not in (*_KINDS, "chart"):
        hint = did_you_mean(text, _KINDS)
        reader.wrong(found.value, found.label, "`static` or `dynamic`", hint)
    return text == "dynamic"


def read_chart(body: MapNode, reported: Reported | None, reader: Reader) -> Chart:
    """Read which probes a chart process has, and whether it says itself that it is dynamic."""
    probes = entries_of(body, "", "probe_paths")
    dynamic = [_is_dynamic(each, reader) for each in entries_of(body, "", "chart_type")]
    if reported is not None:
        probes += [reported.probes] if reported.probes else []
        dynamic.append(reported.dynamic)
    found = reader.agreed(probes)
    return Chart(_probes(found, reader) if found else {}, any(dynamic))


def is_python(script: Path) -> bool:
    """Return whether the script of a chart is Python; one that is not is drawn by a browser."""
    return script.suffix.lower() in ("", ".py")


def _probes(found: LabelledEntry, reader: Reader) -> Mapping[str, str]:
    probes = text_map(found, reader, _PROBES)
    for key, path in probes.items():
        if is_xpath(path):
            try:
                XPath(path)
            except XPathError as error:
                assert isinstance(found.value, MapNode)
                at = found.value.entries[key].value.location
                hint = "such as `//*[@name='PROCESS']`, `//*[@partition='p1']/*[@seed='41']/*[@name='PROCESS']`"
                reader.error(f"the probe path {error}", at, key=f"{found.label}.{key}", hint=hint)
    return probes


def is_xpath(path: str) -> bool:
    """Return whether a probe path is XPath, and no `process` or `process/step`."""
    return path.startswith("/")
