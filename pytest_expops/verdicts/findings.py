"""What a diagnosis found: where two runs of a process part, and which sources make them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_expops.verdicts.diagnosis.divergence import Place


@dataclass(frozen=True, slots=True)
class Blamed:
    """A line of the project that drew from a source. `what` is what it called, `code` the line itself."""

    file: str
    line: int
    function: str
    what: str
    code: str


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

    `held` counts the replays that agree with each other while the source is held fixed (with it every other cause that
    was found), `free` those that agree with the first run when nothing is. `paths` are where the results differ because
    of it. `detail` names what was left behind, or which file, where that is the cause.
    """

    source: str
    paths: tuple[str, ...]
    held: Count
    free: Count
    sites: tuple[Blamed, ...]
    remedy: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """An experiment: replays with `sources` held fixed, and how many of them agreed."""

    sources: tuple[str, ...]
    count: Count


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Where and why the results of a process differ, as far as could be found in `runs` runs and `seconds`.

    Without causes it is not attributed; `note` says what is known all the same. It is not `complete` if the time given
    ran out. `hash_seed` is one under which results differ from those of replay 1, where they depend on it.
    """

    place: Place | None = None
    causes: tuple[Cause, ...] = ()
    tried: tuple[Tried, ...] = ()
    runs: int = 0
    seconds: float = 0.0
    complete: bool = True
    note: str = ""
    hash_seed: int | None = None

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
                tuple(Blamed(**site) for site in each["sites"]),
                each["remedy"],
                each["detail"],
            )
            for each in data["causes"]
        )
        tried = tuple(Tried(tuple(each["sources"]), Count(each["agree"], each["of"])) for each in data["tried"])
        place = Place.from_json(data["place"]) if data["place"] else None
        rest = {key: data[key] for key in ("runs", "seconds", "complete", "note", "hash_seed")}
        return cls(place, causes, tried, **rest)


def _pair(count: Mapping[str, int]) -> list[int]:
    return [count["agree"], count["of"]]
