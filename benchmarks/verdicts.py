"""The score of the verdicts on the catalogue: detected, accused, cause right, line right, untrue sentences, and cost.

Run `python benchmarks/verdicts.py [--theme NAME ...] [--json FILE]`. Each theme is a pytest session of its own with
default options; the cases that a plain replay cannot show are in another session with `--expops-vary=all`, and so are
all look-alikes once more, which no variation may make suspicious. Themes whose libraries are not installed are left
out, and named.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.catalogue.cases import NOT_ATTRIBUTED, Case, read_catalogue
from tests.catalogue.harness import Finding, chosen, knows, run

VARY_ALL = "--expops-vary=all"


def sessions(cases: Sequence[Case]) -> Iterable[tuple[str, tuple[Case, ...], list[str]]]:
    """The sessions to be run: a title, the cases, the options."""
    for (kind, theme), group in groupby(cases, key=lambda case: (case.kind, case.theme)):
        of_theme = tuple(group)
        plain = tuple(case for case in of_theme if not case.vary)
        varied = tuple(case for case in of_theme if case.vary or not case.expected)
        if plain:
            yield f"{kind} {theme}", plain, []
        if varied and knows("--expops-vary"):
            yield f"{kind} {theme} {VARY_ALL}", varied, [VARY_ALL]


def measured(cases: Sequence[Case], options: Sequence[str]) -> tuple[dict[str, Finding], dict[str, Finding]]:
    """The findings by name: those that count, and those on look-alikes under every variation."""
    counted: dict[str, Finding] = {}
    strict: dict[str, Finding] = {}
    for title, group, extra in sessions(cases):
        print(f"... {title}: {len(group)} cases", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found = run(Path(folder) / "project", group, *extra, *options)
        for each in found:
            (strict if extra and not each.case.expected else counted)[each.case.name] = each
    return counted, strict


def row(finding: Finding) -> str:
    """One line of the table per case."""
    case = finding.case
    named = "+".join(finding.causes) or (NOT_ATTRIBUTED if finding.attributed else "-")
    marks = [
        "ok" if finding.as_expected else "WRONG",
        _mark(finding.cause_right) if case.expected else "",
        _mark(finding.line_right) if case.expected else "",
    ]
    costs = [f"{each:8.3f}" if each is not None else " " * 8 for each in _costs(finding)]
    costs.append(f"{finding.runs:5}" if finding.runs is not None else " " * 5)
    return (
        f"{case.theme:14} {case.name:32} {finding.verdict:10} {marks[0]:5} {marks[1]:5} {marks[2]:5} "
        f"{' '.join(costs)}  {named if case.expected else ''}{_expectation(finding)}"
    )


def _expectation(finding: Finding) -> str:
    case = finding.case
    return f" (is: {'|'.join(case.causes)})" if case.expected and not finding.cause_right else ""


def _mark(right: bool) -> str:
    return "ok" if right else "no"


def _costs(finding: Finding) -> tuple[float | None, float | None, float | None]:
    return finding.duration, finding.replay, finding.diagnosis


def score(counted: Iterable[Finding], strict: Iterable[Finding]) -> dict[str, str]:
    """The figures, by what they tell."""
    findings, strict = list(counted), list(strict)
    guilty = [each for each in findings if each.case.expected]
    innocent = [each for each in findings if not each.case.expected]
    detected = [each for each in guilty if each.differed]
    figures = {
        "detected": _of(detected, guilty),
        "falsely accused": _of([each for each in innocent if not each.as_expected], innocent),
        f"falsely accused, {VARY_ALL}": _of([each for each in strict if not each.as_expected], strict),
        "cause right": _of([each for each in guilty if each.differed and each.cause_right], guilty),
        "line right": _of([each for each in guilty if each.differed and each.line_right], guilty),
        "with an untrue sentence": _of([each for each in [*findings, *strict] if each.untrue], [*findings, *strict]),
    }
    if runs := [each.runs for each in findings if each.runs is not None]:
        figures["runs of a diagnosis"] = f"{median(runs):g} in the median, {sum(runs) / len(runs):.1f} on average"
    for name in ("replay", "diagnosis"):
        pairs = [(cost, each.duration) for each in findings if (cost := getattr(each, name)) and each.duration]
        if pairs:
            ratio, seconds = median(cost / own for cost, own in pairs), median(cost for cost, _ in pairs)
            figures[f"median cost of a {name}"] = f"{ratio:.0f} times the process's own time; {seconds:.2f} s"
    return figures


def _of(part: Sequence[Finding], whole: Sequence[Finding]) -> str:
    return f"{len(part)} of {len(whole)}" if whole else "not measured"


def missed(counted: Iterable[Finding], strict: Iterable[Finding]) -> list[str]:
    """A line for everything that came out otherwise than it should."""
    told = []
    for each in [*counted, *strict]:
        what = [] if each.as_expected else [each.verdict + (f" ({each.paths[0]})" if each.paths else "")]
        if each.case.expected and each.differed and not each.cause_right:
            what.append(f"named {'+'.join(each.causes) or 'no cause'}, is {'|'.join(each.case.causes)}")
        if each.case.expected and each.differed and not each.line_right:
            shown = ", ".join(dict.fromkeys(f"{Path(file).name}:{line}" for file, line in each.lines)) or "no line"
            what.append(f"blamed {shown}, is {each.case.path.name}:{','.join(map(str, each.case.lines))}")
        what += [f"untrue: {sentence!r}" for sentence in each.untrue]
        if what:
            told.append(f"{each.case.name}: {'; '.join(what)}{f' [{each.note}]' if each.note else ''}")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--theme", action="append", default=[], help="only this theme; may be repeated")
    parser.add_argument("--case", action="append", default=[], help="only this case; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the score and all findings to FILE")
    parser.add_argument("options", nargs="*", help="further options for pytest, after `--`")
    given = parser.parse_args()
    cases = [case for case in chosen(*given.theme) if not given.case or case.name in given.case]
    counted, strict = measured(cases, given.options)
    heads = ("verdict", "", "cause", "line", " own s", " replay", "diagnosis", "runs", "named")
    print(f"{'theme':14} {'case':32} {heads[0]:10} {heads[1]:5} {heads[2]:5} {heads[3]:5} {'  '.join(heads[4:])}")
    for each in counted.values():
        print(row(each))
    figures = score(counted.values(), strict.values())
    print("", *(f"{name:32} {figure}" for name, figure in figures.items()), sep="\n")
    absent = sorted({case.theme for case in read_catalogue() if not case.helper} - {case.theme for case in chosen()})
    if absent:
        print(f"left out for want of libraries: {', '.join(absent)}")
    print("", "missed:", *(missed(counted.values(), strict.values()) or ["nothing"]), sep="\n")
    if given.json:
        given.json.write_text(json.dumps({"score": figures, "findings": _plain(counted.values())}, indent=1))


def _plain(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [
        {
            "case": each.case.name,
            "theme": each.case.theme,
            "expected": each.case.expected,
            "verdict": each.verdict,
            "causes": each.causes,
            "cause_right": each.cause_right,
            "line_right": each.line_right,
            "lines": each.lines,
            "seconds": _costs(each),
            "runs": each.runs,
            "untrue": each.untrue,
        }
        for each in findings
    ]


if __name__ == "__main__":
    main()
