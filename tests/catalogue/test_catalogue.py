"""The catalogue is what it says: every defect in it makes a replay differ, every look-alike matches (S7.1, S7.2)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.verdicts.replay_text import HELD_WHERE
from tests.catalogue.cases import MARK, NOT_ATTRIBUTED, Case, read_catalogue, read_theme
from tests.catalogue.harness import Finding, available, chosen, knows, run
from tests.catalogue.sentences import untrue

CATALOGUE = read_catalogue()
CASES = [case for case in CATALOGUE if not case.helper]
LIBRARIES = {"sklearn": "sklearn_", "torch": "torch_", "tensorflow": "tensorflow_"}
OTHER_LIBRARIES = {"catboost": "catboost_", "skl2onnx": "onnx_", "sklearn": "models"}
"""Those of the extra `libraries`; each case of `models` may need one more."""
VARIED = {
    "hashseed",
    "threads",
    "timezone",
    "locale",
    "cwd-listing-order",
    "clock",
    "tmpdir",
    "env",
    "gc",
    "memory",
    "host",
}
HIDING = "files"
"""Varied, this source shows what others make differ."""
SOURCES = VARIED | {"entropy", "addresses", "imports", "state", "files", NOT_ATTRIBUTED}


def test_there_are_enough_of_each_kind() -> None:
    counts = Counter(case.expected for case in CASES)
    assert counts[True] >= 45
    assert counts[False] >= 45


def test_names_are_unique_in_the_whole_catalogue() -> None:
    assert [name for name, count in Counter(case.name for case in CATALOGUE).items() if count > 1] == []


def test_every_case_has_a_title_of_its_own() -> None:
    assert [case.name for case in CASES if not case.title] == []
    assert [title for title, count in Counter(case.title for case in CASES).items() if count > 1] == []


def test_every_nondeterministic_case_says_what_is_to_blame() -> None:
    guilty = [case for case in CASES if case.expected]
    assert [case.name for case in guilty if not case.lines] == []
    assert [case.name for case in guilty if not case.causes] == []
    assert [case.name for case in guilty if not set(case.causes) <= SOURCES] == []
    assert [case.name for case in guilty if case.vary not in ("", HIDING, *(VARIED & {*case.causes}))] == []


def test_no_look_alike_is_to_blame_for_anything() -> None:
    assert [case.name for case in CASES if not case.expected and (case.causes or case.lines or case.vary)] == []


def test_every_culprit_line_belongs_to_a_case() -> None:
    for path in sorted({case.path for case in CASES}):
        lines = path.read_text(encoding="utf-8").splitlines()
        marked = {number for number, line in enumerate(lines, 1) if line.endswith(MARK)}
        assert marked == {line for case in CATALOGUE if case.path == path for line in case.lines}, path


def test_every_helper_is_run_before_some_case_of_its_theme() -> None:
    after = {(case.path, name) for case in CASES for name in case.after}
    assert after == {(case.path, case.name) for case in CATALOGUE if case.helper}


def test_lines_are_those_of_what_the_process_uses_directly_or_not(tmp_path: Path) -> None:
    theme = tmp_path / "nondeterministic" / "theme.py"
    theme.parent.mkdir()
    theme.write_text(
        "# needs: torch\n"
        "STREAM = make()  # culprit\n"
        "OTHER = make()  # culprit\n"
        "def draw():\n"
        "    return STREAM.draw()\n"
        "@process()\n"
        "def train(frame):\n"
        '    """A title\n'
        "\n"
        "    cause: entropy | imports\n"
        "    vary: env\n"
        "    after: warm, cool\n"
        '    """\n'
        "    return {'x': draw()}  # culprit\n",
        encoding="utf-8",
    )
    assert list(read_theme(theme)) == [
        Case(
            name="train",
            theme="theme",
            title="A title",
            expected=True,
            path=theme,
            causes=("entropy", "imports"),
            lines=(2, 14),
            vary="env",
            needs=("torch",),
            after=("warm", "cool"),
        )
    ]


def test_a_declaration_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    theme = tmp_path / "deterministic" / "theme.py"
    theme.parent.mkdir()
    theme.write_text('@process()\ndef train():\n    """A title\n\n    reason: none\n    """\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"theme\.py:2: `train` declares 'reason: none'; expected one of \['after'"):
        list(read_theme(theme))


def test_a_finding_is_right_only_where_cause_and_line_are() -> None:
    case = next(each for each in CASES if each.name == "bootstrap_interval")
    named = Finding(
        case,
        "differed",
        causes=("entropy",),
        lines=(("models/nondeterministic/entropy.py", case.lines[0]),),
        attributed=True,
    )
    assert (named.as_expected, named.cause_right, named.line_right) == (True, True, True)
    besides = dataclasses.replace(named, verdict="matched", causes=("entropy", "clock"), lines=())
    assert (besides.as_expected, besides.cause_right, besides.line_right) == (False, False, False)
    elsewhere = dataclasses.replace(named, lines=(("models/deterministic/entropy.py", case.lines[0]),), causes=())
    assert (elsewhere.cause_right, elsewhere.line_right) == (False, False)


def test_a_sentence_that_the_label_contradicts_is_untrue() -> None:
    case = next(each for each in CASES if each.causes == ("clock",))
    other = dataclasses.replace(case, causes=("hashseed", "addresses"))
    text = (
        "    why:    the clock, as it says\n"
        "        held fixed without effect, one at a time: the hash seed, imports\n"
        "        held fixed without effect, all at once: the hash seed, the clock\n"
    )
    assert untrue(text, case) == ("held fixed without effect, all at once: the hash seed, the clock",)
    assert [each.partition(":")[0] for each in untrue(text, other)] == [
        "why",
        "held fixed without effect, one at a time",
        "held fixed without effect, all at once",
    ]
    assert untrue("why:    a clock\n", dataclasses.replace(case, causes=(NOT_ATTRIBUTED,))) == ("why:    a clock",)
    assert untrue("why:    not attributed\n", case) == ()
    native = dataclasses.replace(case, natively=True)
    held = "        held fixed without effect, one at a time: the clock\n"
    assert untrue(held, native) == (held.strip(),)
    assert untrue(f"{held}        ({HELD_WHERE})\n", native) == ()


def _wrong(folder: Path, cases: Sequence[Case], replays: int = 3) -> dict[str, str]:
    """What came of the cases that came out otherwise than expected."""
    options = [f"--expops-replays={replays}", *(["--expops-diagnose=off"] if knows("--expops-diagnose") else [])]
    found = run(folder, cases, *options)
    assert len(found) == len(cases) > 0
    return {each.case.name: each.verdict for each in found if not each.as_expected}


def _plain(expected: bool) -> list[Case]:
    """What needs no library of `LIBRARIES` or `OTHER_LIBRARIES`, and no variation."""
    libraries = {*LIBRARIES.values(), *OTHER_LIBRARIES.values()}
    return [each for each in chosen(expected=expected) if each.theme not in libraries and not each.vary]


SHARE = 6
"""Every sixth case is run at every push; all of them in the tox environment `slow`, and by `benchmarks/verdicts.py`."""


def test_a_sixth_of_the_defects_makes_a_replay_differ(tmp_path: Path) -> None:
    """S7.1: in a fresh interpreter with another hash seed, on the same inputs."""
    assert _wrong(tmp_path / "project", _plain(True)[::SHARE]) == {}


def test_a_sixth_of_the_look_alikes_makes_no_replay_differ(tmp_path: Path) -> None:
    """S7.2: equal means equal value."""
    assert _wrong(tmp_path / "project", _plain(False)[::SHARE]) == {}


@pytest.mark.slow
def test_every_defect_makes_a_replay_differ(tmp_path: Path) -> None:
    """S7.1."""
    assert _wrong(tmp_path / "project", _plain(True)) == {}


@pytest.mark.slow
def test_no_look_alike_makes_a_replay_differ(tmp_path: Path) -> None:
    """S7.2."""
    assert _wrong(tmp_path / "project", _plain(False)) == {}


def _of_libraries() -> Iterator[Any]:
    for mark, libraries in ((pytest.mark.ml, LIBRARIES), (pytest.mark.libraries, OTHER_LIBRARIES)):
        for library, theme in libraries.items():
            for kind in dict.fromkeys(each.kind for each in CASES if each.theme == theme):
                yield pytest.param(library, theme, kind, marks=mark, id=f"{theme.rstrip('_')}-{kind}")


@pytest.mark.parametrize(("library", "theme", "kind"), list(_of_libraries()))
def test_cases_of_a_library_are_as_they_say(library: str, theme: str, kind: str, tmp_path: Path) -> None:
    cases = [each for each in available(CASES) if (each.theme, each.kind, each.vary) == (theme, kind, "")]
    if not cases:
        pytest.skip(f"needs {library}")
    # Each replay of a look-alike imports the library once more; defects are mostly found by the first.
    assert _wrong(tmp_path / "project", cases, replays=3 if kind == "nondeterministic" else 1) == {}
