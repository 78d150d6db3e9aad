"""A theme's script becomes its cases: what each process is said to do, read without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
KINDS = {"nondeterministic": True, "deterministic": False}
"""The folders of themes, and whether the replay of a process in it is to differ."""
NOT_ATTRIBUTED = "none found"
"""The cause of a case whose difference comes from none of the sources that can be held."""
MARK = "# culprit"
TAGS = frozenset({"cause", "vary", "needs", "after", "helper", "drawn"})
NATIVELY = "natively"
"""Where a cause is drawn that compiled code, or the system, draws by itself: it cannot be held."""


@dataclass(frozen=True, slots=True)
class Case:
    """One process with its expected verdict.

    `expected` says whether a replay is to differ; `causes` are the names of sources of which each is a right answer;
    `lines` the line numbers, from 1, of `path` that deserve the blame; `vary` the value of ``--expops-vary`` that the
    case takes, or ""; `needs` the modules that it imports; `after` the processes that run before it; a `helper` is
    only there to be run before another. Of what is drawn `natively` no cause can be shown, so that none is right, too.
    """

    name: str
    theme: str
    title: str
    expected: bool
    path: Path
    causes: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    vary: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    helper: bool = False
    natively: bool = False

    @property
    def kind(self) -> str:
        return "nondeterministic" if self.expected else "deterministic"


def read_catalogue(folder: Path = FOLDER) -> tuple[Case, ...]:
    """Every case of every theme, helpers included, sorted by kind and theme and then as they stand in the file.

    Raises:
        ValueError: a docstring has a declaration that there is not; names the file and line.
    """
    scripts = (path for kind in KINDS for path in sorted((folder / kind).glob("*.py")))
    return tuple(case for path in scripts for case in read_theme(path))


def read_theme(path: Path) -> Iterator[Case]:
    """The cases of one script. Raises ValueError as `read_catalogue`."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    culprits = {number for number, line in enumerate(text.splitlines(), 1) if line.rstrip().endswith(MARK)}
    needs = _listed(next((line[len("# needs:") :] for line in text.splitlines() if line.startswith("# needs:")), ""))
    scopes = _definitions(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_process(node):
            title, tags = _declared(path, node)
            yield Case(
                name=node.name,
                theme=path.stem,
                title=title,
                expected=KINDS[path.parent.name],
                path=path,
                causes=tuple(each.strip() for each in tags.get("cause", "").split("|") if each.strip()),
                lines=tuple(sorted(culprits & _reachable(node, scopes))),
                vary=tags.get("vary", ""),
                needs=needs + _listed(tags.get("needs", "")),
                after=_listed(tags.get("after", "")),
                helper="helper" in tags,
                natively=_is_native(path, node, tags),
            )


def _is_process(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "process"
        for each in node.decorator_list
    )


def _declared(path: Path, node: ast.FunctionDef) -> tuple[str, dict[str, str]]:
    title, *rest = (ast.get_docstring(node) or "").splitlines() or [""]
    tags = {}
    for line in filter(None, map(str.strip, rest)):
        name, colon, value = line.partition(":")
        if not colon or name not in TAGS:
            raise ValueError(
                f"{path}:{node.lineno}: `{node.name}` declares {line!r}; expected one of {sorted(TAGS)} and a colon"
            )
        tags[name] = value.strip()
    return title, tags


def _is_native(path: Path, node: ast.FunctionDef, tags: dict[str, str]) -> bool:
    found = tags.get("drawn", "")
    if found not in ("", NATIVELY):
        raise ValueError(f"{path}:{node.lineno}: `{node.name}` declares `drawn: {found}`; expected `drawn: {NATIVELY}`")
    return bool(found)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """What each name of the module stands for: its last definition or assignment."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return found


def _reachable(node: ast.stmt, scopes: dict[str, ast.stmt]) -> set[int]:
    """The lines of `node` and of whatever of the module it names, directly or not."""
    lines: set[int] = set()
    done: set[ast.stmt] = set()
    open_ = [node]
    while open_:
        each = open_.pop()
        if each in done:
            continue
        done.add(each)
        lines.update(range(each.lineno, (each.end_lineno or each.lineno) + 1))
        names = {part.id for part in ast.walk(each) if isinstance(part, ast.Name)}
        open_ += [scopes[name] for name in names if name in scopes]
    return lines
