"""The page of what is kept: all that lies there, by relative links, whatever it is called."""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path

import pytest

from pytest_expops.errors import ReportError
from pytest_expops.report.kept import write_index


def page(folder: Path) -> str:
    write_index(folder, ("t",))
    return (folder / "index.html").read_text(encoding="utf-8")


def test_all_is_listed_and_links_lead_there(tmp_path: Path) -> None:
    for name in ("1-p/records/main.jsonl", "1-p/verdicts/a.json", "metrics.csv", "t/temporary", "2-q/artifacts/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345", encoding="utf-8")
    text = page(tmp_path)
    links = [urllib.parse.unquote(each) for each in re.findall(r'href="([^"]+)"', text)]
    assert links == ["./metrics.csv", "./1-p/", "./1-p/records/", "./1-p/verdicts/", "./2-q/", "./2-q/artifacts/"]
    assert all((tmp_path / each).exists() for each in links)
    assert "every reading of every metric" in text
    assert "<td>1 file, 5 B</td>" in text
    assert "http" not in text
    assert page(tmp_path) == text  # which does not list itself


@pytest.mark.parametrize(
    "name", ["<script>alert(1)<", "javascript:alert(1)", "a\"b'c", "\u202egpj", "\N{SNOWMAN} & co", b"\xff\xfe"]
)
def test_names_are_escaped(tmp_path: Path, name: str | bytes) -> None:
    path = Path(os.fsdecode(name))
    (tmp_path / path).touch()
    text = page(tmp_path)
    (link,) = re.findall(r'href="([^"]+)"', text)
    assert link.startswith("./")
    assert (tmp_path / os.fsdecode(urllib.parse.unquote_to_bytes(link))).exists()
    assert "<script" not in text
    assert "\u202e" not in text
    assert link.isascii()


def test_a_folder_without_anything_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert "Kept by pytest-expops" in page(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        write_index(tmp_path / "file/folder")
