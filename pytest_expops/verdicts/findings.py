"""What a diagnosis found: where two runs of a process part, and which sources make them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_expops.replay.nondeterminism.base import Site

FIRST_APART = "replays agree with each other, and not with the first run"
"""In the note of a diagnosis that found no cause: what is in the interpreter of the session may be it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the project, and what is first different there.

    `path` says what: ``return['w'][0]``, ``yield[3]``, ``variable names``, ``argument df`` (changed in place),
    ``random state of numpy``, ``logged metrics``, ``exception``, ``control flow`` (what runs next). `code` is the
    source line, stripped; `step` the innermost step around it.
    """

    file: str
    line: int
    function: str
    step: str | None
    path: str
    code: str

    def to_json(self) -> dict[str, Any]:
        """Plain data; the inverse of `from_json`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Place:
        """What `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of the project that drew from a source. `what` is what it called, `code` the line itself, stripped."""

    file: str
    line: int
    function: str
    what: str
    code: str

    @classmethod
    def at(cls, site: Site) -> CodeLine:
        """Return the line of a site, with its code as the file has it now."""
        return cls(site.file, site.line, site.function, site.what, site.code)


Writer = Literal["first run", "process", "call", "session", "replay", ""]
"""Who was seen to write a file; ``session`` for somebody since this session began, and empty where less is known.

A ``process`` is told as ``call`` where a function is checked.
"""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A file that replays read, and that was written since the session began. It was seen, and is proof of nothing.

    `writer` is ``first run`` or ``process`` where the first run of this `process`, or of another, was seen to write it,
    ``replay`` where the replay that read it writes it too; `site` is the line that read it. Not `read` is a file that
    was looked at, and not changed: a library may have read it where nobody sees it.
    """

    path: str
    writer: Writer
    site: CodeLine
    process: str = ""
    read: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReadBack:
        """Return what `dataclasses.asdict` made plain."""
        return cls(**{**data, "site": CodeLine(**data["site"])})


@dataclass(frozen=True, slots=True)
class Count:
    """`agree` of `of` replays gave the same."""

    agree: int
    of: int

    def __str__(self) -> str:
        return f"{self.agree} of {self.of}"

    def chance(self, other: Count) -> float:
        """Return the probability that so many more than in `other` agree if nothing makes a difference.

        It is that of Fisher's exact test, one-sided.
        """
        agree, total = self.agree + other.agree, self.of + other.of
        most = min(self.of, agree)
        ways = sum(math.comb(self.of, k) * math.comb(other.of, agree - k) for k in range(self.agree, most + 1))
        return ways / math.comb(total, agree)


@dataclass(frozen=True, slots=True)
class Cause:
    """A source of variation that makes the results differ, with the evidence.

    `held` counts the replays that agree with each other while the source is held fixed, `free` those that do when it is
    not; `beside` are sources that were held in both. A source that `was_set` had one value in the one and another in
    the other, of which `free` counts those that agree with those of the first. Of what an earlier process left, `free`
    counts those that agree with the first run. `paths` are where the results differ because of it. `detail` names the
    processes that left something behind, where that is the cause: those of `left_by`.
    """

    source: str
    paths: tuple[str, ...]
    held: Count
    free: Count
    sites: tuple[CodeLine, ...]
    remedy: str
    detail: str = ""
    beside: tuple[str, ...] = ()
    was_set: bool = False
    left_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """An experiment: replays with `sources` held fixed, and how many of them agreed."""

    sources: tuple[str, ...]
    count: Count


@dataclass(frozen=True, slots=True)
class Unheld:
    """What drew from a source as if it were not held, in replays that held it: `count` at one time, started by `who`.

    Such replays are no proof that the source is not the cause.
    """

    source: str
    who: str
    count: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Where and why the results of a process differ, as far as could be found in `runs` runs and `seconds`.

    Without causes it is not attributed; `note` says what is known all the same. `read_back` are files that may be the
    cause where none was proved, or not of everything. It is not `complete` if the time given ran out. `hash_seed` is
    one under which results differ from those of replay 1, where they depend on it. `threads` counts those that ran at
    one time by the package that started them; `unheld` is what could not be held. `alerts` are operations of
    PyTorch without a fixed order that were seen where not everything has a proved cause. `file_remedy` is what helps
    against what is `read_back`.
    """

    place: Place | None = None
    causes: tuple[Cause, ...] = ()
    tried: tuple[Tried, ...] = ()
    runs: int = 0
    seconds: float = 0.0
    complete: bool = True
    note: str = ""
    hash_seed: int | None = None
    read_back: tuple[ReadBack, ...] = ()
    threads: Mapping[str, int] = dataclasses.field(default_factory=dict)
    unheld: tuple[Unheld, ...] = ()
    alerts: tuple[CodeLine, ...] = ()
    file_remedy: str = ""

    @property
    def finding(self) -> str:
        """What was found, in one text: equal for two duplicates of a process that differ at one line for one reason.

        Empty where nothing was found.
        """
        causes = sorted((cause.source, cause.detail) for cause in self.causes)
        files = sorted(file.path for file in self.read_back)
        place = (self.place.file, self.place.line) if self.place is not None else None
        return repr((place, causes, files)) if place or causes or files else ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data, the inverse of `from_json`."""
        data = dataclasses.asdict(self)
        for cause in data["causes"]:
            cause["held"], cause["free"] = _pair(cause["held"]), _pair(cause["free"])
        data["tried"] = [
            {"sources": list(each.sources), "agree": each.count.agree, "of": each.count.of} for each in self.tried
        ]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Diagnosis:
        """Return what `to_json` was called on.

        Raises:
            KeyError, TypeError, ValueError: `data` is not what `to_json` gives.
        """
        causes = tuple(
            Cause(
                each["source"],
                tuple(each["paths"]),
                Count(*each["held"]),
                Count(*each["free"]),
                tuple(CodeLine(**site) for site in each["sites"]),
                each["remedy"],
                each["detail"],
                tuple(each["beside"]),
                each["was_set"],
                tuple(each["left_by"]),
            )
            for each in data["causes"]
        )
        tried = tuple(Tried(tuple(each["sources"]), Count(each["agree"], each["of"])) for each in data["tried"])
        place = Place.from_json(data["place"]) if data["place"] else None
        read_back = tuple(map(ReadBack.from_json, data["read_back"]))
        rest = {key: data[key] for key in ("runs", "seconds", "complete", "note", "hash_seed", "file_remedy")}
        unheld = tuple(Unheld(**each) for each in data["unheld"])
        alerts = tuple(CodeLine(**each) for each in data["alerts"])
        extra = {"threads": data["threads"], "unheld": unheld, "alerts": alerts}
        return cls(place, causes, tried, **rest, read_back=read_back, **extra)


def _pair(count: Mapping[str, int]) -> list[int]:
    return [count["agree"], count["of"]]
