"""A page that lists what a session has kept in its folder, and says what each of it is."""

from __future__ import annotations

import html
import os
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_expops.report._showing import visible
from pytest_expops.report.writing import write_whole

INDEX = "index.html"
_OF_THE_SESSION: Mapping[str, str] = {
    "metrics.csv": "every reading of every metric, a row each",
    "metrics.parquet": "the same, with types",
    "child_modules": "the scripts, for child processes to import",
    "ends": "how workers ended that died (JSON)",
    "changed": "which processes `--expops-changed` selected (JSON)",
}
_OF_A_CONFIG: Mapping[str, str] = {
    "records": "what became of each process, by the worker that ran it (JSON, a line each)",
    "artifacts": "the outputs that are larger than 4 KiB, by the digest of their content",
    "claims": "which worker began to run which process",
    "told": "which duplicate of a process tells a finding in full (JSON)",
    "verdicts": "what the replays of each process gave, with the diagnosis (JSON)",
    "causes": "the causes found for each process of the config (JSON)",
    "baseline": "how each process compares with the lock file (JSON)",
    "proposed": "the entries that were proposed for the lock file (JSON)",
    "stability": "what was found of each claim over seeds (JSON)",
    "checkpoints": "what processes wrote to their `checkpoint_dir`",
    "charts": "the images that charts drew",
}
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8888}"
    "td:nth-child(3),th:nth-child(3){text-align:right;white-space:nowrap}td{overflow-wrap:anywhere}"
)


def write_index(folder: Path, left_out: Iterable[str] = ()) -> None:
    """Write the page to a session's folder; links are relative, so that the folder can be moved.

    Args:
        folder: the folder of the session.
        left_out: names in it that are not listed.

    Raises:
        ReportError: the system refuses.
    """
    try:
        body = "\n".join(_sections(folder, {INDEX, *left_out}))
    except OSError as error:
        body = f"<p>The folder cannot be listed: {_text(str(error))}</p>"
    title = f"Kept by pytest-expops: {_text(folder.name)}"
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
    write_whole(folder / INDEX, page.encode("utf-8", "replace"))


def _sections(folder: Path, left_out: set[str]) -> Iterator[str]:
    here = [each for each in _inside(folder) if each.name not in left_out]
    configs = [each for each in here if each.is_dir() and each.name not in _OF_THE_SESSION]
    yield from _table(folder, [each for each in here if each not in configs], _OF_THE_SESSION)
    for each in configs:
        yield f"<h2>{_link(folder, each)}</h2>"
        yield from _table(folder, _inside(each), _OF_A_CONFIG)


def _table(folder: Path, found: Iterable[Path], what: Mapping[str, str]) -> Iterator[str]:
    yield "<table>\n<tr><th>name</th><th>what it is</th><th>size</th></tr>"
    for each in found:
        yield f"<tr><td>{_link(folder, each)}</td><td>{_text(what.get(each.name, ''))}</td><td>{_size(each)}</td></tr>"
    yield "</table>"


def _inside(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))


def _link(folder: Path, path: Path) -> str:
    # A name is no address: `./` keeps one with a colon from being read as such.
    address = urllib.parse.quote(os.fsencode(path.relative_to(folder)))
    return f'<a href="./{address}{"/" if path.is_dir() else ""}">{_text(path.name)}</a>'


def _size(path: Path) -> str:
    if not path.is_dir():
        return _bytes(path.lstat().st_size)
    count = size = 0
    for root, _, names in os.walk(path):
        for name in names:
            count += 1
            size += os.lstat(os.path.join(root, name)).st_size
    return f"{'1 file' if count == 1 else f'{count:,} files'}, {_bytes(size)}"


def _bytes(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def _text(text: str) -> str:
    return html.escape(visible(text))
