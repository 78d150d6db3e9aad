"""What ran where: one lane a worker, over the time of the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_expops.report.model import CheckKind, CheckResult
from pytest_expops.report.page._svg import Svg, joined_elements, percent, tag
from pytest_expops.report.page.showing import shown_seconds

HEIGHT = 26
FINEST = 1 / 1000
"""Of the width: what is narrower is drawn together with its neighbours of the same kind."""
_ORDER = {"work": 0, "replays": 1, "others": 2}
"""What is drawn over what: the lower over the higher."""
_KINDS = {"process": "work", "chart": "work", "replay": "replays"}


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker: its lane, drawn, and for how much of the time it ran items."""

    worker: str
    chart: Svg
    items: int
    busy: float
    share: float


@dataclass(slots=True)
class _Block:
    begin: float
    end: float
    kind: str
    names: list[str]
    busy: float


def lanes(checks: Sequence[CheckResult], began: float, seconds: float) -> tuple[Lane, ...]:
    """Return the lanes of all workers.

    Args:
        checks: what ran.
        began: when the session did.
        seconds: how long it lasted.
    """
    whole = max([seconds, *(each.started - began + each.seconds for each in checks if each.started), 1e-9])
    by_worker: dict[str, list[CheckResult]] = {}
    for each in checks:
        if each.started:
            by_worker.setdefault(each.worker, []).append(each)
    return tuple(
        _lane(name, sorted(by_worker[name], key=lambda each: each.started), began, whole)
        for name in sorted(by_worker, key=lambda name: (len(name), name))
    )


def group_of(kind: CheckKind) -> str:
    """Return under which colour an item is drawn: ``work``, ``replays`` or ``others``."""
    return _KINDS.get(kind, "others")


def _lane(worker: str, checks: Sequence[CheckResult], began: float, whole: float) -> Lane:
    blocks: list[_Block] = []
    lasts: dict[str, _Block] = {}
    for each in checks:
        begin = (each.started - began) / whole
        end = begin + each.seconds / whole
        kind = group_of(each.kind)
        last = lasts.get(kind)
        narrow = end - begin < FINEST or (last is not None and last.end - last.begin < FINEST)
        if last is not None and narrow and begin - last.end < FINEST:
            last.end = max(last.end, end)
            last.names.append(each.name)
            last.busy += each.seconds
        else:
            lasts[kind] = _Block(begin, end, kind, [each.name], each.seconds)
            blocks.append(lasts[kind])
    busy = sum(each.seconds for each in checks)
    drawn = joined_elements([_drawn(each) for each in sorted(blocks, key=lambda each: _ORDER[each.kind])])
    label = f"{worker}: {len(checks)} items in {shown_seconds(busy)}"
    chart = tag("svg", drawn, class_="lane", width="100%", height=HEIGHT, role="img", aria_label=label)
    return Lane(worker, chart, len(checks), busy, min(1.0, busy / whole))


def _drawn(block: _Block) -> Svg:
    what = block.names[0] if len(block.names) == 1 else f"{len(block.names)} items, from {block.names[0]}"
    width = max(block.end - block.begin, FINEST)
    # The kinds differ in height too, for whoever does not see the colours.
    low = {"work": 2, "replays": 6, "others": 11}[block.kind]
    title = tag("title", f"{block.kind}: {what}, {shown_seconds(block.busy)}")
    at = {"x": percent(max(0.0, block.begin)), "width": percent(width)}
    return tag("rect", title, y=low, height=HEIGHT - 2 - low, class_=f"k-{block.kind}", **at)
