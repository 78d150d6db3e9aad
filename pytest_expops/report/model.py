"""A session as data: what was run and checked, what came of it, and why. Every reader is made from this alone.

Paths are as seen from `SessionFacts.directory`. Times are seconds since the epoch (`began`, `started`) or durations in
seconds. Texts of the user's are cut where they are long, and say so. A number that is not finite is a text: ``nan``,
``inf``, ``-inf``. All of it is plain data, so that `json_` writes and reads it, and `schema.json` describes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_expops.execution.records import Outcome
from pytest_expops.verdicts.baseline.baseline import Agreement
from pytest_expops.verdicts.stability.claims import ClaimStatus

VERSION = 1
"""Of the format; another where a reader of the one before would misunderstand it."""

Number = int | float | str | bool | None
State = Literal["running", "passed", "failed", "interrupted", "ended early", "nothing ran"]
Result = Literal["passed", "failed", "skipped", "xfailed", "xpassed", "error"]
SubjectKind = Literal["process", "chart", "function", "program", "test"]
CheckKind = Literal[
    "process", "chart", "replay", "baseline", "split", "property", "stability", "test", "function", "program"
]
Unknown = Literal["not run", "not replayed", "undecided", "reused"]
Replayed = Literal["matched", "differed", "differed as declared", "matched though declared"]


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of the project: `what` differs first there, or what it called; `around` are lines near it, numbered."""

    file: str
    line: int
    function: str = ""
    what: str = ""
    code: str = ""
    around: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """One place in the results where two runs differ."""

    path: str
    expected: str
    obtained: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One proved cause: its `title` in a sentence, the `evidence` of the replays, and what helps."""

    source: str
    title: str
    evidence: str
    fix: str
    lines: tuple[ShownLine, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedCause:
    """What explains the differences of one or more subjects, told once.

    `title` is what is found, in a few words; `where` the first line at which runs part. `why` are the proved causes;
    where there are none, `note` says what is known. `example` is the subject that it was found for; `gist` says what
    differs there, and `command` shows it again.
    """

    id: str
    title: str
    subjects: tuple[str, ...]
    example: str
    gist: str
    where: ShownLine | None = None
    why: tuple[Explanation, ...] = ()
    note: tuple[str, ...] = ()
    command: str = ""
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the replays of one subject gave. `differences` are the first of `count`; `cause` is a `SharedCause.id`.

    `varied` is what differed besides the hash seed. `diagnosis_runs` and `diagnosis_seconds` are what finding the
    cause took. `notes` are what else was seen: files read back, what could not be varied. `earlier` is whether an
    earlier session made the replays, whose result was reused.
    """

    result: Replayed
    replays: int
    hash_seed: int = 0
    varied: tuple[str, ...] = ()
    differences: tuple[ShownDifference, ...] = ()
    count: int = 0
    gist: str = ""
    cause: str = ""
    diagnosis_runs: int = 0
    diagnosis_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """One output: what it is (type, shape, dtype), the digest of its content, and its size as stored, in bytes."""

    key: str
    digest: str
    size: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """The readings of one metric in one run, by step; a value that is no number has no step.

    At most `LONGEST_SERIES` of the `count` readings are kept, evenly spread, the first and the last among them.
    """

    name: str
    steps: tuple[int | None, ...]
    values: tuple[Number, ...]
    count: int


LONGEST_SERIES = 400


@dataclass(frozen=True, slots=True)
class AgainstBaseline:
    """How one process compares with its entry in the lock file."""

    agreement: Agreement
    gist: str = ""
    differences: tuple[ShownDifference, ...] = ()
    count: int = 0
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What was run once, and may have been run again: a process at one partition and seed, a function, a test.

    `group` is the process of the config, or the test in which a function was checked. `failure` is one line,
    `traceback` the user's frames, and `failed_at` the innermost line of the user's code. `not_replayed` says why there
    is no `judgement`. `declared` is why it is declared nondeterministic. `recorded` are the metrics in the lock file.
    """

    id: str
    name: str
    kind: SubjectKind
    group: str
    config: str = ""
    partition: str = ""
    seed: str = ""
    upstream: tuple[str, ...] = ()
    outcome: Outcome = Outcome.PASSED
    failure: str = ""
    traceback: str = ""
    failed_at: ShownLine | None = None
    started: float = 0.0
    seconds: float = 0.0
    worker: str = "main"
    outputs: tuple[OutputFacts, ...] = ()
    metrics: tuple[MetricSeries, ...] = ()
    judgement: Judgement | None = None
    not_replayed: str = ""
    declared: str = ""
    baseline: AgainstBaseline | None = None
    recorded: tuple[MetricSeries, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One pytest item: what it checked, of which subjects, and how it ended. `text` is what it says of a failure."""

    id: str
    name: str
    kind: CheckKind
    result: Result
    subjects: tuple[str, ...] = ()
    gist: str = ""
    text: str = ""
    printed: str = ""
    file: str = ""
    line: int = 0
    worker: str = "main"
    started: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Subjects, or items, of which nothing can be said, for one `reason`. `names` are the first of `count`."""

    what: Unknown
    reason: str
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One bound on one group of seeds; `enough` seeds would decide it where it is undecided."""

    bound: str
    limit: float
    obtained: Number
    status: ClaimStatus
    interval: tuple[Number, Number] | None = None
    enough: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimedGroup:
    """A metric over the seeds of one partition, or of all: the values, their mean with its interval, and the claims."""

    label: str
    seeds: tuple[str, ...]
    values: tuple[Number, ...]
    mean: Number
    std: Number
    interval: tuple[Number, Number]
    claims: tuple[ShownClaim, ...]
    against: str = ""


@dataclass(frozen=True, slots=True)
class ClaimedMetric:
    """What a config claims of one metric over seeds, and what was found. All intervals hold at once by `confidence`."""

    process: str
    metric: str
    confidence: float
    status: ClaimStatus
    groups: tuple[ClaimedGroup, ...]
    config: str = ""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A process of a config, and the processes that it gets inputs from."""

    name: str
    kind: str
    upstream: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """A config: its processes in topological order, and how many it has once expanded. `lock` is its lock file."""

    config: str
    base_seed: str
    nodes: tuple[GraphNode, ...]
    expanded: int
    lock: str = ""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Where, when and how the session ran. `why` says what ended it, if anything did."""

    state: State
    began: float
    seconds: float
    directory: str
    command: str
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    options: Mapping[str, str]
    commit: str = ""
    changed: bool | None = None
    workers: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One session. `subjects` and `checks` are in the order in which they were expanded and collected."""

    session: SessionFacts
    pipelines: tuple[PipelineFacts, ...] = ()
    subjects: tuple[Subject, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    causes: tuple[SharedCause, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    claims: tuple[ClaimedMetric, ...] = ()
    version: Literal[1] = 1

    def judged(self) -> Iterator[tuple[Subject, Judgement]]:
        """Yield what was replayed, with what came of it."""
        for each in self.subjects:
            if each.judgement is not None:
                yield each, each.judgement
