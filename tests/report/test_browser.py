"""The page as a browser shows it: what opens, what sorts, what can be read by whom, at which width, in which light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.report.html import to_comparison, to_html
from pytest_expops.report.json_ import read_report
from pytest_expops.report.model import Report
from tests.report.made import planted, report, scalar, session, subject
from tests.report.page.test_escaping import EVIL, with_text

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parents[2] / "example_project"
WIDTHS = (400, 800, 1400)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page; errors of its script, dialogs, and requests of anything but itself, fail the test."""
    wrong: list[str] = []
    contexts = []

    def opened(page: bytes, width: int = 1400, **options: Any) -> Any:
        path = tmp_path / "report.html"
        path.write_bytes(page)
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        shown = context.new_page()
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        shown.on("dialog", lambda dialog: wrong.append(dialog.message))
        shown.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
        shown.goto(path.as_uri())
        return shown

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def example(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A session of the example with its planted defects: two seeds of one process, whose line and cause are found."""
    pytest.importorskip("sklearn")
    pytest.importorskip("msgspec")
    root = tmp_path_factory.mktemp("example") / "project"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", "out"))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--expops-config"]
    command += ["configs/unseeded_config.yaml", "-k", "unseeded_config and select_features_1", "--expops-report=r.json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return read_report(root / "r.json")


def wide() -> Report:
    """20 partitions x 100 seeds of one process."""
    members = [
        subject("train", str(seed), str(partition), metrics=(scalar("loss", seed / 7),))
        for partition in range(20)
        for seed in range(100)
    ]
    return report(subject("load"), *members)


def test_the_line_of_the_example_is_found_in_the_page(show: Open, example: Report) -> None:
    page = show(to_html(example))
    assert page.locator("#causes + .cause").count() == 1
    assert page.locator(".cause .names a").count() == 2
    line = page.locator(".cause .source .here").first
    assert line.is_visible()
    assert "list(set(x_train.columns) - redundant)" in line.inner_text()
    assert "models/unseeded.py:37" in page.locator(".cause figcaption").first.inner_text()
    assert "sorted(set(x_train.columns) - redundant)" in page.locator(".cause .fix").inner_text()


def test_a_node_of_the_example_opens_into_a_grid_whose_cell_leads_to_its_item(show: Open, example: Report) -> None:
    page = show(to_html(example))
    page.locator(".graph a", has_text="preprocess").click()
    page.locator("details:target[open] .grid a").first.click()
    item = page.locator(".item:target")
    assert "preprocess_1" in item.locator("summary").first.inner_text()
    item.locator("dl.facts").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(show: Open, example: Report, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    pages = {
        "example": to_html(example),
        "planted": to_html(planted()),
        "running": to_html(replace(planted(), session=session("interrupted"), subjects=planted().subjects[:2])),
        "comparison": to_comparison(planted(), example),
    }
    for name, made in pages.items():
        page = show(made, width, color_scheme=scheme, bypass_csp=True)
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        found = [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"]][:3])
            for each in axe.run(page).response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert found == [], name


@pytest.mark.parametrize("made", [planted, wide])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_window(show: Open, made: Callable[[], Report], width: int) -> None:
    page = show(to_html(made()), width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_table_is_sorted_by_number_and_says_so(show: Open) -> None:
    page = show(to_html(wide()))
    page.locator("summary", has_text="All values as a table").click()
    head = page.locator("#values th", has_text="last value")
    column = "[...document.querySelectorAll('#values tbody tr')].map((row) => Number(row.cells[4].dataset.value))"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.evaluate(column)
    assert values == sorted(values)
    assert len(values) == 2_000
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert page.evaluate(column) == values[::-1]


def test_two_thousand_processes_are_a_grid_and_each_can_be_reached(show: Open) -> None:
    page = show(to_html(wide()))
    page.locator(".graph a", has_text="train").click()
    cells = page.locator("details:target[open] .grid a")
    cells.first.wait_for()
    assert cells.count() == 2_000
    cells.nth(1_999).click()
    assert "train_19_seed99" in page.locator(".item:target summary").first.inner_text()
    page.locator(".item:target dl.facts").wait_for()


def test_items_are_found_by_name_and_by_verdict(show: Open) -> None:
    page = show(to_html(planted()))
    page.get_by_label("only what needs a look").check()
    page.locator("#find output", has_text="6 found").wait_for()
    page.get_by_label("Find").fill("seed4")
    page.locator("#find output", has_text="1 found").wait_for()
    assert page.locator(".item:visible").count() == 1


def test_the_command_is_copied(show: Open) -> None:
    page = show(to_html(planted()), permissions=["clipboard-read", "clipboard-write"])
    button = page.locator(".cause button.copy")
    button.click()
    page.wait_for_function("document.querySelector('.cause button.copy').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == planted().causes[0].command


def test_the_keyboard_leads_from_the_graph_to_an_item(show: Open) -> None:
    page = show(to_html(wide()))
    page.locator(".graph a", has_text="load").focus()
    page.keyboard.press("Enter")
    page.locator("details:target .grid a").wait_for()
    page.locator("details:target .grid a").focus()
    page.keyboard.press("Enter")
    page.locator(".item:target dl.facts").wait_for()


def test_without_script_all_can_be_opened_and_nothing_is_offered_that_does_not_work(show: Open) -> None:
    page = show(to_html(planted()), java_script_enabled=False)
    assert page.locator("button:visible, input:visible").count() == 0
    page.locator(".processes summary", has_text="load").click()
    page.locator(".processes .grid a").first.click()
    page.locator(".group > summary", has_text="train").click()
    page.locator(".item > summary", has_text="train_1_seed3").click()
    page.locator(".item[open] .differences").first.wait_for()


def test_a_page_that_is_loaded_anew_keeps_open_what_was_open(show: Open) -> None:
    page = show(to_html(replace(planted(), session=session("running"))))
    page.locator(".processes summary", has_text="load").click()
    page.reload()
    assert page.locator(".processes details", has_text="load").first.get_attribute("open") is not None


def test_texts_of_the_user_run_nothing(show: Open) -> None:
    page = show(to_html(with_text(planted(), EVIL)))
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.locator("img").count() == 0
    assert "<script>alert(1)" in page.locator("h3").first.inner_text()


def test_a_printed_page_has_the_causes_and_no_buttons(show: Open) -> None:
    page = show(to_html(planted()))
    page.emulate_media(media="print")
    assert page.locator("button.copy:visible, input:visible, nav:visible").count() == 0
    page.locator(".cause .source .here").wait_for()
