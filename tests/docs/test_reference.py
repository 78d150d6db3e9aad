"""The reference says what there is: every numbered rule that is cited, and every option."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_expops.plugin.hooks import MARKERS
from tests.docs.pages import PAGES, ROOT


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


def _option_rows() -> dict[str, tuple[str, str]]:
    """The rows of the page on options: by ini key, the option on the command line and the default."""
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:`(--expops[\w-]+)\S*`)? ?\| `(\w+)` \| (?:`([^`]*)`)? ?\|[^|]*\|$", page, re.M)
    return {ini: (option, default) for option, ini, default in rows}


def test_the_defaults_on_the_page_are_those_of_the_options(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig()
    for ini, (option, default) in _option_rows().items():
        obtained = config.getini(ini)
        assert default == ("" if obtained == [] else str(obtained).lower() if isinstance(obtained, bool) else obtained)
        assert option in ("", "--" + ini.replace("_", "-"))


def test_the_page_on_options_has_every_marker() -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8").partition("## Markers")[2]
    assert re.findall(r"^\| `(expops\w*|reproducible)` \| \w", page, re.M) == [
        re.split(r"[:(]", marker)[0] for marker in MARKERS
    ]


def test_options_that_any_page_names_are_there() -> None:
    known = {option for option, _ in _option_rows().values()} | {*_option_rows()}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = {*re.findall(r"--expops-[a-z-]*[a-z]", text), *re.findall(r"\bexpops_[a-z_]+(?= = )", text)}
        assert named - known == set(), page


def _pages_of(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        assert isinstance(nav, dict | list)
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages_of(each)


def test_every_page_is_in_the_reading_order_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(_pages_of(nav)) == sorted(pages)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs both make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)", text, re.M)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "example_project/README.md"])
def test_links_of_pages_outside_the_site_lead_somewhere(name: str) -> None:
    """Those within it are checked when it is built."""
    page = ROOT / name
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        assert (page.parent / path).exists(), target
        assert not anchor or anchor in _anchors(page.parent / path), target


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1300
