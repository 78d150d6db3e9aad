"""A report as the summary of a job of GitHub Actions: Markdown, cut by whole sections where GitHub would take none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_expops.errors import ReportError
from pytest_expops.report._seed_strips import seed_strips
from pytest_expops.report._showing import as_code, block, in_markdown, prose
from pytest_expops.report.model import Explanation, NotChecked, Report, SharedCause, ShownLine
from pytest_expops.report.review import Remark, remarks
from pytest_expops.report.text import headline, numbers
from pytest_expops.wording import and_more, cut_middle, listed

LIMIT = 1024 * 1024
"""So many bytes GitHub takes of one step; of more it shows nothing."""
LONGEST = 2_000
WIDEST = 300
MOST_NAMES = 10
MOST_REASONS = 30
MOST_STRIPS = 200


def step_summary(report: Report, root: Path, most: int = LIMIT) -> bytes:
    """Return the summary.

    Args:
        report: the session.
        root: the folder of the repository.
        most: so many bytes may be added.

    Raises:
        ReportError: not even the first sentence fits.
    """
    head = _encoded([f"## {headline(report)}", *_state(report), _numbers(report)])
    tail = _encoded(_not_checked(report.not_checked))
    sections = list(map(_encoded, _sections(report, root)))
    room = most - len(head) - len(tail)
    if sections and sum(map(len, sections)) > room:
        room -= len(_left_out(len(sections)))
        fitting = 0
        while room >= len(sections[fitting]):
            room -= len(sections[fitting])
            fitting += 1
        sections = [*sections[:fitting], _left_out(len(sections) - fitting)]
    if room < 0:
        raise ReportError(f"GitHub takes {LIMIT:,} bytes of one step, and what is there leaves no room for a summary")
    return b"".join([head, *sections, tail])


def _encoded(parts: Iterable[str]) -> bytes:
    return "".join(f"{each}\n\n" for each in parts).encode("utf-8", "replace")


def _left_out(count: int) -> bytes:
    what = "1 section is" if count == 1 else f"{count} sections are"
    return _encoded(
        [f"*{what} left out here: GitHub takes {LIMIT:,} bytes of one step. The output of pytest has all.*"]
    )


def _state(report: Report) -> Iterator[str]:
    facts = report.session
    if facts.state in ("interrupted", "ended early"):
        why = f": {as_code(cut_middle(facts.why, LONGEST))}" if facts.why else ""
        yield f"The session was {facts.state.replace('ended early', 'ended before all was run')}{why}."


def _numbers(report: Report) -> str:
    found = numbers(report)
    rows = [
        ("run", found.ran),
        ("failed", found.failed),
        ("could not run", found.blocked),
        ("replayed", found.replayed),
        ("gave the same again", found.matched),
        ("not reproducible", found.apart),
        ("differ as declared", found.declared),
        ("not replayed", found.not_replayed),
        ("compared with the baseline", found.compared),
        ("not what the baseline records", found.drifted),
        ("failed checks of splits or properties", found.broken),
        ("claims over seeds", found.claims),
        ("claims that do not hold", found.claims_failed),
        ("claims that are undecided", found.claims_open),
    ]
    return _table(["", "count"], [[name, f"{count:,}"] for name, count in rows if count])


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _sections(report: Report, root: Path) -> Iterator[list[str]]:
    """Yield what may be left out, what matters most first: each with its heading."""
    for each in report.causes:
        yield list(_cause(each))
    for remark in remarks(report, root):
        if remark.sort != "not-reproducible":
            yield list(_remark(remark))
    strips = list(seed_strips(report))
    if strips:
        rows = [
            [
                *map(as_code, (each.process, each.metric, each.label)),
                *(str(each.count), in_markdown(each.mean), each.strip, in_markdown(each.claims)),
            ]
            for each in strips[:MOST_STRIPS]
        ]
        heads = ["process", "metric", "", "seeds", "mean", "of the seeds", "claims"]
        more = and_more(len(strips), MOST_STRIPS)
        yield ["### Metrics over seeds", _table(heads, rows), *([more] if more else [])]


def _cause(cause: SharedCause) -> Iterator[str]:
    count = len(cause.subjects)
    how = "differ as declared" if cause.declared else "not reproducible"
    yield f"### {count} {'result' if count == 1 else 'results'} {how}: {in_markdown(cut_middle(cause.title, LONGEST))}"
    yield _names(cause.subjects)
    if cause.gist:
        yield f"{as_code(_name(cause.example))}: {as_code(cut_middle(cause.gist, LONGEST))}"
    if cause.where is not None:
        yield from _line("Differs first at", cause.where)
    for each in cause.why:
        yield from _explanation(each, cause.where)
    yield from (prose(cut_middle(each.strip(), LONGEST)) for each in cause.note)
    if cause.command:
        yield "To see it again:"
        yield block(cut_middle(cause.command, LONGEST).splitlines(), "sh")


def _explanation(why: Explanation, shown: ShownLine | None) -> Iterator[str]:
    yield f"**{in_markdown(cut_middle(why.title, LONGEST))}**: {prose(cut_middle(why.evidence, LONGEST))}"
    for line in why.lines:
        if shown is None or (line.file, line.line) != (shown.file, shown.line):
            yield from _line("Asked for at", line)
    if why.fix:
        yield f"**fix:** {prose(cut_middle(why.fix, LONGEST))}"


def _line(what: str, line: ShownLine) -> Iterator[str]:
    told = f": {prose(cut_middle(line.what, LONGEST))}" if line.what else ""
    yield f"{what} {as_code(f'{line.file}:{line.line}')}{told}"
    near = line.around or ([(line.line, line.code)] if line.code else [])
    source = [(number, cut_middle(text, WIDEST)) for number, text in near]
    if source:
        width = len(str(source[-1][0]))
        yield block([f"{'>' if number == line.line else ' '} {number:{width}} {text}" for number, text in source])


def _remark(remark: Remark) -> Iterator[str]:
    yield f"### {in_markdown(remark.title)}"
    if remark.file:
        yield f"At {as_code(f'{remark.file}:{remark.line}' if remark.line else remark.file)}"
    yield block(remark.message.splitlines())


def _not_checked(found: tuple[NotChecked, ...]) -> Iterator[str]:
    if not found:
        return
    yield "### Not checked"
    lines = [
        f"- {each.count:,} {each.what}: {prose(cut_middle(each.reason, LONGEST))}: {_names(each.names, each.count)}"
        for each in found[:MOST_REASONS]
    ]
    more = and_more(len(found), MOST_REASONS, "reasons")
    yield "\n".join([*lines, *([f"- {more}"] if more else [])])


def _names(names: tuple[str, ...], count: int | None = None) -> str:
    shown = [as_code(cut_middle(_name(each), 200)) for each in names[:MOST_NAMES]]
    return listed(shown, MOST_NAMES) + (
        f" {more}" if (more := and_more(len(names) if count is None else count, len(shown))) else ""
    )


def _name(subject: str) -> str:
    return subject.rpartition("::")[2] or subject
