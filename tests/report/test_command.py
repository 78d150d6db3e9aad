"""`python -m pytest_expops report`: files in, a page out, and what is wrong with them said in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops.__main__ import main
from pytest_expops.report.html import to_html
from pytest_expops.report.json_ import read_report, to_json
from tests.report.made import planted

pytest.importorskip("jinja2")
pytest.importorskip("msgspec")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.json"
    path.write_bytes(to_json(planted()))
    return path


def test_a_report_that_is_read_makes_the_page_that_it_made(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = written.with_name("out") / "page.html"
    assert main(["report", str(written), "-o", str(out)]) == 0
    assert out.read_bytes() == to_html(planted())
    assert read_report(written) == planted()
    assert capsys.readouterr().out == f"written: {out}\n"


def test_two_reports_are_compared(written: Path) -> None:
    out = written.with_name("page.html")
    assert main(["report", str(written), str(written), "--out", str(out)]) == 0
    assert "<h1>None of 7 verdicts changed.</h1>" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not JSON", "is not JSON of an object"),
        ("[]", "is not JSON of an object"),
        ("{}", "has the version None of a report, expected 1"),
        ('{"version": 2}', "has the version 2 of a report, expected 1"),
        ('{"version": 1}', "is no report: Object missing required field `session`"),
        ("\udcff", "is not JSON of an object"),
    ],
)
def test_what_is_no_report_ends_with_2_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    out = tmp_path / "page.html"
    assert main(["report", str(path), "-o", str(out)]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nix.json"), "-o", str(tmp_path / "page.html")]) == 2
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err


def test_three_reports_and_a_page_of_another_kind_are_refused(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *[str(written)] * 3, "-o", str(written.with_name("page.html"))]) == 2
    assert "3 reports are given" in capsys.readouterr().err
    assert main(["report", str(written), "-o", str(written)]) == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert read_report(written) == planted()


def test_the_page_must_be_named(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", str(written)])
    assert "-o/--out" in capsys.readouterr().err
