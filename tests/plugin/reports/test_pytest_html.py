"""The extras of a page of pytest-html: what differed, as a table and as data."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Project

pytest.importorskip("pytest_html")


def extras(project: Project) -> dict[str, list[dict[str, Any]]]:
    page = (project.root / "page.html").read_text("utf-8")
    (found,) = re.findall(r'data-jsonblob="([^"]*)"', page)
    tests = json.loads(html.unescape(found))["tests"]
    return {name.rpartition("::")[2]: each["extras"] for name, (each, *_) in tests.items()}


def test_what_differs_is_in_the_page_and_nothing_of_what_matched(
    project: Project, workers: Callable[[], list[str]]
) -> None:
    project.write(
        "load train",
        "import os\ndef load(): return {'a': 1}\ndef train(a): return {'<b>': os.getpid()}\n",
        {"load": {"seed_parallelism": {"seeds": [7]}}},
    )
    project.run("--html=page.html", *workers(), subprocess=True)
    found = extras(project)
    table, data = found.pop("train_seed7[replay]")
    assert "<caption>train_seed7 differed: the cause was not looked for</caption>" in table["content"]
    assert "<td>outputs[&#x27;&lt;b&gt;&#x27;]</td>" in table["content"]
    differences = json.loads((project.root / data["content"]).read_text("utf-8"))
    assert differences[0]["differences"][0]["path"] == "outputs['<b>']"
    assert set(found) == {"load_seed7", "train_seed7", "load_seed7[replay]"} or not found.get("load_seed7[replay]")
    assert not any(found.values())


def test_a_check_in_a_test_has_them_too_beside_those_of_the_test(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="import os, pytest_html\nfrom pytest_expops import assert_reproducible\n"
        "def test_check(extras):\n    extras.append(pytest_html.extras.text('mine'))\n"
        "    assert_reproducible(os.getpid)\n"
    )
    project.pytest("-n0", "--html=page.html", subprocess=True)
    assert [each["format_type"] for each in extras(project)["test_check"]] == ["text", "html", "json"]
