"""Whether workers have the Python and the libraries of the session that they work for, and which machines they are."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_expops.execution.provenance.environments import environment_of, required
from pytest_expops.wording import and_more, joined

Description = Mapping[str, Any]
"""Plain data: `python`, `implementation`, `platform` (system, machine, C library), `pytest_expops`, `blas` (of NumPy),
`processor`, `features`, `cores`, `host` and `boot`, all as text, and `distributions`, the versions by name."""

GO_ON = "--expops-engine-environment=warn"
MOST_GROUPS = 5
"""So many kinds of differences are told, each with the workers that have it."""
MOST_LINES = 12
"""So many differences of one kind are told."""
MOST_WORKERS = 3
"""So many workers of one kind are named."""

_OURS = ("cloudpickle", "numpy", "pandas", "xxhash")
"""What this package itself stores and compares values with."""
_BOOT = "/proc/sys/kernel/random/boot_id"
_COMPARED = {
    "python": "Python",
    "implementation": "",
    "platform": "",
    "pytest_expops": "pytest-expops",
    "blas": "the linear algebra of NumPy:",
}
"""What may not differ, with what stands before it in words; the distributions come after these."""
_NOISE = re.compile(r"\((?:r|tm|c)\)|\bCPU\b|\bProcessor\b|\b\d+-Core\b|\bwith .* Graphics\b|@.*$", re.IGNORECASE)
"""What says nothing in the name of a processor."""


def described(modules: Iterable[str]) -> dict[str, Any]:
    """Describe this interpreter and its machine, in plain data.

    Args:
        modules: the top-level modules that the project imports. Their distributions count, all that those require, and
            what this package itself stores values with.
    """
    found = environment_of(())
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": found["platform"],
        "pytest_expops": importlib.metadata.version("pytest-expops"),
        "blas": found.get("blas", ""),
        "distributions": dict(sorted(required({*modules, *_OURS}).items())),
        "processor": found.get("cpu", ""),
        "features": found.get("features", ""),
        "cores": found["cores"],
        "host": platform.node(),
        "boot": _boot(),
    }


def _boot() -> str:
    try:
        return Path(_BOOT).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def differing(here: Description, there: Description, where: str = "there") -> list[str]:
    """Return what another interpreter has otherwise, a line for each: ``numpy 2.1.0 here, 2.0.2 there``.

    Processor, cores and host may differ, and are not told.

    Args:
        here: the description of the controller.
        there: that of the other, which may come from another version of this package.
        where: what stands for its place, such as ``on worker tcp://10.0.0.7:41001``.
    """
    lines = []
    for key, label in _COMPARED.items():
        ours, theirs = here.get(key) or "", there.get(key) or ""
        if ours != theirs:
            lines.append(f"{label} {ours or 'not known'} here, {theirs or 'not known'} {where}".strip())
    ours, theirs = here.get("distributions") or {}, there.get("distributions") or {}
    for name in sorted({*ours, *theirs}):
        if name not in theirs:
            lines.append(f"{name} {ours[name]} here, not installed {where}")
        elif name not in ours:
            lines.append(f"{name} not installed here, {theirs[name]} {where}")
        elif ours[name] != theirs[name]:
            lines.append(f"{name} {ours[name]} here, {theirs[name]} {where}")
    return lines


def machine(description: Description) -> tuple[str, str]:
    """Return what tells a machine from others, and its processor in words, such as ``AMD EPYC 9R14``.

    A machine is one running kernel, told by its boot id. All containers on a machine see the same boot id, while each
    has a host name of its own: with host names, two containers would pass for two machines, and a verdict would claim
    more than was checked. Virtual machines have boot ids of their own; those that were all resumed from one saved state
    share it, and pass for one, which claims too little. A new start gives another boot id, but ends the worker, too.
    Where there is none to read (no Linux, a sandbox without it), the host name has to do.
    """
    boot = description.get("boot") or ""
    identity = f"boot {boot}" if boot else f"host {description.get('host') or 'without a name'}"
    words = " ".join(_NOISE.sub(" ", description.get("processor") or "").split())
    return identity, words or description.get("processor") or "a processor without a name"


def refusal(here: Description, others: Mapping[str, Description]) -> str:
    """Return the whole message for workers that have another Python or other libraries; nothing if none has.

    Workers with the same differences are told of together.

    Args:
        here: the description of the controller.
        others: those of all workers, by address.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for address, there in sorted(others.items()):
        lines = tuple(differing(here, there))
        if lines:
            groups.setdefault(lines, []).append(address)
    if not groups:
        return ""
    told = sorted(groups.items(), key=lambda group: (-len(group[1]), group[1]))
    count = sum(map(len, groups.values()))
    have = "has" if count == 1 else "have"
    text = [f"{count} of {len(others)} worker{'s' * (len(others) != 1)} {have} another Python or other libraries:"]
    for lines, addresses in told[:MOST_GROUPS]:
        text.append(f"  {joined(addresses, MOST_WORKERS)}:")
        text += [f"    {line}" for line in lines[:MOST_LINES]]
        text += [f"    {more}"] if (more := and_more(len(lines), MOST_LINES, "differences")) else []
    if len(told) > MOST_GROUPS:
        hidden = sum(len(addresses) for _, addresses in told[MOST_GROUPS:])
        text.append(f"  and {hidden} more worker{'s' * (hidden != 1)} with other differences")
    text.append(f"fix: install the same there as here; `{GO_ON}` goes on all the same, and results may differ by it")
    return "\n".join(text)
