"""Reports of a few subjects, for what is made of them."""

from __future__ import annotations

from dataclasses import replace

from pytest_expops.execution.records import Outcome
from pytest_expops.report.model import (
    CheckResult,
    Explanation,
    Judgement,
    NotChecked,
    Report,
    SessionFacts,
    SharedCause,
    ShownLine,
    Subject,
)

CONFIG = "configs/p.yaml"
HOSTILE = (
    "::error file=x::owned",
    "a\n::error::owned\r\n::warning::x",
    "100% of a, b: c",
    "| a | b |\n|---|---|",
    "```\n# heading\n```",
    "`tick` and ``more``",
    "<script>alert(1)</script> <!-- x",
    "@octocat and #1 and www.example.com https://example.com",
    "[link](javascript:alert(1)) ![i](x) *b* _i_ $x$",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "\N{FAMILY} \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\x1b[31mred\x00 \ud800 \u2028 next",
    "=cmd|' /C calc'!A0",
    "x" * 10_000_000,
    "a\n" * 1_000_000,
)


def facts(directory: str = "/repo") -> SessionFacts:
    return SessionFacts("failed", 1.0, 2.0, directory, "pytest", {}, {}, {})


def subject(name: str, group: str = "train", text: str = "", **more: object) -> Subject:
    made = Subject(f"{CONFIG}::{name}", name, "process", group, CONFIG, seed="1", failure=text, traceback=text)
    return replace(made, **more)  # type: ignore[arg-type]


def check(name: str, kind: str = "replay", result: str = "failed", **more: object) -> CheckResult:
    of = f"{CONFIG}::{name.partition('[')[0]}"
    made = CheckResult(f"{CONFIG}::{name}", name, kind, result, (of,), file=CONFIG, line=5)  # type: ignore[arg-type]
    return replace(made, **more)  # type: ignore[arg-type]


def cause(number: int = 1, text: str = "the clock", *names: str, **more: object) -> SharedCause:
    subjects = tuple(f"{CONFIG}::{name}" for name in names or ("train_seed1",))
    line = ShownLine("models/m.py", 7, "train", text, text, ((6, "before"), (7, text)))
    why = (Explanation("clock", text, text, text, (ShownLine("models/m.py", 3, "f", text, text),)),)
    made = SharedCause(f"cause-{number}", text, subjects, subjects[0], text, line, why, (text,), f"pytest {text}")
    return replace(made, **more)  # type: ignore[arg-type]


def with_text(text: str) -> Report:
    """One of everything, with this text wherever the user has a say."""
    failed = subject("other_seed1", text=text, outcome=Outcome.FAILED)
    return Report(
        facts(),
        subjects=(subject("train_seed1", judgement=Judgement("differed", 1, gist=text, cause="cause-1")), failed),
        checks=(
            check("train_seed1[replay]", text=text, gist=text),
            check("train_seed1[baseline]", "baseline", gist=text),
        ),
        causes=(cause(1, text),),
        not_checked=(NotChecked("not replayed", text, (text,), 1),),
    )
