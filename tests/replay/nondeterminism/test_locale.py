"""The locale: who adopts the user's shows it, who does not agrees, and categories are as before afterwards."""

from __future__ import annotations

import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.replay.nondeterminism._surroundings import Locale, installed, locale_of
from pytest_expops.replay.nondeterminism.base import HELD, NATURAL, Mode, Setting
from tests.replay.nondeterminism.probe import Probe, started_with

SOURCE = Locale()
VARIED = Setting(Mode.VARIED, 1)
ADOPTS = """
    import locale
    locale.setlocale(locale.LC_ALL, "")
    found = f"{1234.5:n}"
"""
LEAVES = ADOPTS.replace('locale.setlocale(locale.LC_ALL, "")', "")


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    before = locale.setlocale(locale.LC_ALL)
    yield Probe(tmp_path)
    assert locale.setlocale(locale.LC_ALL) == before


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What ``locale -a`` prints."""
    listed = tmp_path / "listed"
    command = tmp_path / "bin" / "locale"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n[ "$1" = -a ] && exec /bin/cat "{listed}"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    installed.cache_clear()
    yield listed
    installed.cache_clear()


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of compiled locales, with a German one."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("no localedef")
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.utf8")]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("localedef has no sources of locales")
    return folder


def test_locales_with_a_decimal_comma_come_first_and_none_of_another_encoding(listing: Path) -> None:
    listing.write_text("C\nC.utf8\nPOSIX\nde_DE.iso88591\nen_GB.utf8\nja_JP.UTF-8\nfr_FR.utf8\nde_AT.utf8\nde_DE\n")
    assert installed() == ("de_AT.utf8", "fr_FR.utf8", "en_GB.utf8", "ja_JP.UTF-8")


def test_the_own_locale_is_no_variation(listing: Path) -> None:
    listing.write_text("C\nC.utf8\nfr_FR.utf8\nen_GB.utf8\n")
    british = {"LANG": "en_GB.UTF-8"}
    assert [locale_of(number, british) for number in (1, 2)] == ["fr_FR.utf8", "fr_FR.utf8"]
    assert [locale_of(number, {**british, "LC_ALL": "C"}) for number in (1, 2, 3)] == [
        "fr_FR.utf8",
        "en_GB.utf8",
        "fr_FR.utf8",
    ]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"LANG": "C.UTF-8"}, "C"),
        ({"LC_ALL": "POSIX"}, "C.UTF-8"),
        ({"LC_ALL": "", "LANG": "en_GB.UTF-8"}, "C"),
        ({}, "C.UTF-8"),
    ],
)
def test_without_other_locales_it_is_plain_c_or_c_with_utf8(listing: Path, own: dict[str, str], expected: str) -> None:
    listing.write_text("C\nC.utf8\nPOSIX\nen_GB.utf8\n" if "en_GB.UTF-8" in own.values() else "C\nC.utf8\nPOSIX\n")
    assert locale_of(1, own) == expected


def test_a_machine_without_the_command_has_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    installed.cache_clear()
    assert installed() == ()
    installed.cache_clear()


def _formatted(setting: Setting, text: str, german: Path) -> str:
    """What the text finds in an interpreter of its own, in a machine with a German locale."""
    code = (
        "import sys\nfrom pytest_expops.replay.nondeterminism.base import Setting, Watcher\n"
        "from pytest_expops.replay.nondeterminism._surroundings import Locale\n"
        f"with Locale().apply(Setting.from_json({setting.to_json()}), Watcher(lambda file: True)):\n"
        f"{text}\n    print(found, open(__file__).encoding)"
    )
    script = german / "script.py"
    script.write_text(code, encoding="utf-8")
    environment = started_with(SOURCE, setting, {**os.environ, "LOCPATH": str(german)})
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_only_a_process_that_adopts_the_users_locale_shows_it(
    listing: Path, german: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    listing.write_text("de_DE.utf8\n")
    assert _formatted(VARIED, ADOPTS, german) == "1.234,5 UTF-8"
    assert _formatted(HELD, ADOPTS, german) == _formatted(NATURAL, ADOPTS, german) == "1234.5 UTF-8"
    assert {_formatted(each, LEAVES, german) for each in (VARIED, HELD, NATURAL)} == {"1234.5 UTF-8"}


def test_the_categories_are_as_at_the_start_of_python_and_then_as_before(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = locale.setlocale(locale.LC_ALL)
    try:
        for setting in (HELD, VARIED):
            for name, value in started_with(SOURCE, setting, {}).items():
                monkeypatch.setenv(name, value)
            locale.setlocale(locale.LC_ALL, "C")
            found = probe.under(
                SOURCE,
                setting,
                """
                import locale
                found = locale.setlocale(locale.LC_COLLATE), locale.setlocale(locale.LC_CTYPE)
                locale.setlocale(locale.LC_COLLATE, "")
                """,
            )["found"]
            assert found == ("C", os.environ["LC_ALL"])
            assert locale.setlocale(locale.LC_COLLATE) == "C"
    finally:
        locale.setlocale(locale.LC_ALL, before)
        monkeypatch.undo()


def test_variables_are_set_for_the_start_only() -> None:
    assert started_with(SOURCE, HELD, {"LANG": "de_DE.UTF-8", "LANGUAGE": "de", "A": "b"}) == {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "A": "b",
    }
    assert started_with(SOURCE, NATURAL, {"LANG": "de_DE.UTF-8"}) == {"LANG": "de_DE.UTF-8"}


def test_lines_that_ask_for_the_locale_are_seen(probe: Probe) -> None:
    assert probe.sites(
        SOURCE,
        """\
        import locale
        locale.getlocale()
        locale.format_string("%.2f", 1.5)
        names = sorted(["b", "a"], key=locale.strxfrm)
        plain = sorted(["b", "a"])
        """,
    ) == {2: {"locale.getlocale()"}, 3: {"locale.format_string()"}, 4: {"locale.strxfrm()"}}
