"""The reference says what there is: every numbered rule that is cited, and every option."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.docs.pages import ROOT


def test_every_rule_that_code_or_tests_cite_is_in_the_contract() -> None:
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    rules = set(re.findall(r"^(S\d+\.\d+) ", page, re.M)) | set(re.findall(r"^## (S\d+) ", page, re.M))
    assert len(rules) > 30
    cited = {
        rule
        for folder in ("pytest_expops", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for rule in re.findall(r"\bS\d+(?:\.\d+)?\b(?!\.)", path.read_text(encoding="utf-8"))
    }
    assert {rule for rule in cited if rule not in rules and re.fullmatch(r"S[1-7](\.\d+)?", rule)} == set()


def test_every_option_is_on_its_page_with_its_twin_and_no_other() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    options = set(re.findall(r"--expops-[a-z-]+", printed))
    assert {each for each in options if f"`{each}" not in page} == set()
    assert {each for each in re.findall(r"--expops-[a-z-]+[a-z]", page) if each not in options} == set()
    twins = set(re.findall(r"^ +(expops_\w+) ", printed, re.M))
    assert {each for each in twins if f"`{each}`" not in page} == set()
    rows = re.findall(r"^\|[^|]*\| `(expops_\w+)` \|[^|]*\|[^|]*\|$", page, re.M)  # option, ini, default, meaning
    assert len(rows) > 15
    assert {each for each in rows if each not in twins} == set()
