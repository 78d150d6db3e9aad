"""What the author can do about a cause: the call that was seen, written so that it gives the same again.

Where the line that drew names the call, the remedy is that line's own code, with the seed under the name by which its
function can have it, so that it can be pasted. Where it does not, as in a library, nothing is said that was not seen.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pytest_expops.pipeline.model import Checked
from pytest_expops.replay.nondeterminism.registry import SOURCES
from pytest_expops.verdicts.diagnosis._advice import against
from pytest_expops.verdicts.diagnosis._ordering import in_order
from pytest_expops.verdicts.diagnosis._script_text import CallText, FunctionNode, ScriptText, parameters
from pytest_expops.verdicts.findings import Cause, CodeLine, Place
from pytest_expops.wording import joined

MOST = 3
"""For so many lines of one cause a remedy is given."""
SEED = "random_seed"
"""The parameter that gets the seed of a process."""

_SEEDED = "{function}({seed})"
_GENERATORS = ("default_rng", "RandomState", "SeedSequence", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64", "seed")
_BY_NAME: Mapping[str, Mapping[str, str]] = {
    "entropy": {
        **{f"numpy.random.{name}": _SEEDED for name in _GENERATORS},
        "random.Random": _SEEDED,
        "random.seed": _SEEDED,
        "random.SystemRandom": "{random}.Random({seed})",
        "secrets.SystemRandom": "{random}.Random({seed})",
        **{f"uuid.uuid{version}": "{uuid}.UUID(int={random}.getrandbits(128), version=4)" for version in (1, 4, 6, 7)},
        "os.urandom": "{random}.randbytes({arguments})",
        "os.getrandom": "{random}.randbytes({first})",
        "secrets.token_bytes": "{random}.randbytes({size})",
        "secrets.token_hex": "{random}.randbytes({size}).hex()",
        "secrets.token_urlsafe": "{random}.randbytes({size}).hex()",
        "secrets.choice": "{random}.choice({arguments})",
        "secrets.randbelow": "{random}.randrange({arguments})",
        "secrets.randbits": "{random}.getrandbits({arguments})",
        "torch.seed": "{owner}.manual_seed({seed})",
        "torch.random.seed": "{owner}.manual_seed({seed})",
    },
    "cwd-listing-order": {
        **dict.fromkeys(("os.listdir", "glob.glob", "glob.iglob"), "sorted({whole})"),
        "os.scandir": "sorted({whole}, key=lambda entry: entry.name)",
    },
    "memory": {
        **{f"{library}.empty": "{owner}.zeros({arguments})" for library in ("numpy", "torch")},
        **{f"{library}.empty_like": "{owner}.zeros_like({arguments})" for library in ("numpy", "torch")},
    },
    "timezone": {
        "datetime.datetime.fromtimestamp": '{function}({arguments}, tz={zoneinfo}.ZoneInfo("UTC"))',
        "time.localtime": "{owner}.gmtime({arguments})",
        "time.mktime": "{calendar}.timegm({arguments})",
    },
    "threads": {"concurrent.futures.as_completed": "{first}"},
}
_BY_METHOD: Mapping[str, Mapping[str, str]] = {
    "entropy": {
        "seed": "{function}({seed})",
        "from_non_deterministic_state": "{owner}.from_seed({seed})",
    },
    "cwd-listing-order": dict.fromkeys(("iterdir", "glob", "rglob"), "sorted({whole})"),
    "threads": {"imap_unordered": "{owner}.imap({arguments})"},
}
"""The same of methods of objects whose class the text does not tell."""
_MODULES = ("random", "uuid", "zoneinfo", "calendar")
NUMBER = "42"
"""What a test or a program can seed with: none gets a seed from elsewhere."""
_SEED_NAMES = (SEED, "seed", "random_state")
_SETTINGS = {
    "hyperparameters": f'hyperparameters["{SEED}"]',
    "hparams": f'hparams["{SEED}"]',
    "context": f'context.hyperparameters["{SEED}"]',
}


@dataclass(frozen=True, slots=True)
class WhatIsRun:
    """What is run: the function of a process, or of what is `checked`; a program has none.

    The first of the `seed_names` that the function has gets the seed. If a process `has_settings`, its hyperparameters
    have it, too: it is under a seed layer.
    """

    file: str
    function: str
    checked: Checked | None = None
    seed_names: tuple[str, ...] = _SEED_NAMES
    has_settings: bool = False


def remedy(cause: Cause, place: Place | None, subject: WhatIsRun) -> str:
    """Return what helps against a cause: a line for each line that drew, or one that holds for all of its kind.

    Args:
        cause: what was found to be the cause, with the lines that drew from it.
        place: where the runs part.
        subject: what is run.
    """
    if cause.source == "hashseed":
        found = in_order(ScriptText(place.file), place.line) if place is not None else ""
        return found or SOURCES["hashseed"].remedy
    places: dict[tuple[str, int], list[CodeLine]] = {}
    for site in cause.sites:
        places.setdefault((site.file, site.line), []).append(site)
    lines = [_for_line(cause.source, sites, subject) for sites in list(places.values())[:MOST]]
    return "\n".join(dict.fromkeys(filter(None, lines))) or against(cause, place, subject.checked)


def _for_line(source: str, sites: Sequence[CodeLine], subject: WhatIsRun) -> str:
    """Return what helps at a line; there is more than one of `sites` where it drew in several ways."""
    site = sites[0]
    script = ScriptText(site.file)
    found = _to_rewrite(source, site, script)
    if found:
        told = [_Rewriting(call, template, site, script, subject).told() for call, template in found]
        told = [each for each in told if each]
        text = "; ".join(dict.fromkeys(part for parts in zip_longest(*told, fillvalue="") for part in parts if part))
        if text:
            return text
    return _elsewhere(sites) if source == "entropy" else ""


def _to_rewrite(source: str, site: CodeLine, script: ScriptText) -> list[tuple[CallText, str]]:
    """Return the calls of a line that draw from a source, each with the template by which it is written instead.

    Of ``rng.choice(rows)`` it is the one that made ``rng``, if that is ``rng = random.SystemRandom()``.
    """
    statement = script.statement(site.line)
    if statement is None:
        return []
    for node in [statement, *_made(statement, site.line, script)]:
        calls = [call for call in script.calls(node) if not _is_entered(call, statement)]
        known = [(call, template) for call in calls if (template := _template(source, call, site))]
        within = {id(each) for call, _ in known for each in ast.walk(call.node) if each is not call.node}
        if known:
            return [each for each in known if id(each[0].node) not in within]
    return []


def _made(statement: ast.stmt, line: int, script: ScriptText) -> Iterator[ast.expr]:
    """Yield what the variables that a statement reads were made of."""
    for each in ast.walk(statement):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield from script.assigned(each.id, line)


def _is_entered(call: CallText, statement: ast.stmt) -> bool:
    """Return whether a call makes what a `with` enters: a list in its place could not be entered."""
    return isinstance(statement, ast.With) and any(each.context_expr is call.node for each in statement.items)


def _template(source: str, call: CallText, site: CodeLine) -> str:
    if not call.name:
        if call.method == "seed" and site.what.startswith("torch."):
            return "{owner}.manual_seed({seed})"
        return _BY_METHOD.get(source, {}).get(call.method, "")
    template = _BY_NAME.get(source, {}).get(call.name, "")
    first = call.node.args[0] if call.node.args else None
    has_seed = template == _SEEDED and isinstance(first, ast.Constant) and first.value is not None
    return "" if has_seed else template


_RANDOM: Mapping[Checked | None, str] = {
    None: "`random` is seeded for each process",
    "function": "`random` is seeded for each call that is checked",
    "test": f"seed `random` before, as by `random.seed({NUMBER})` in a fixture",
    "program": f"seed `random` before, as by `random.seed({NUMBER})`",
}


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """A call, the template by which it is written instead, and the line that drew."""

    call: CallText
    template: str
    site: CodeLine
    script: ScriptText
    subject: WhatIsRun

    def told(self) -> list[str]:
        """Return ``NEW in place of OLD``, and what NEW needs: an import, a parameter."""
        call, fields = self.call, {field for _, field, _, _ in string.Formatter().parse(self.template) if field}
        around = self.script.around(call.node.lineno)
        if "seed" in fields and not around and self.subject.checked != "program":
            return [f"make `{call.whole}` in the function that uses it, and seed it there"]
        seed = _Seed("")
        if "seed" in fields:
            seed = _seed(call, around[0], self.site, self.subject) if around else _Seed(NUMBER)
        if not seed.code and seed.note:
            return [seed.note]
        spelled = {module: _spelled(module, self.script) for module in sorted(fields & {*_MODULES})}
        new = self.template.format(
            whole=call.whole,
            function=call.function,
            owner=call.owner or call.name.rpartition(".")[0],
            arguments=", ".join(call.arguments),
            first=next(iter(call.arguments), ""),
            size=next(iter(call.arguments), "32"),
            seed=seed.code,
            **{module: name for module, (name, _) in spelled.items()},
        )
        imports = joined([f"`{missing}`" for _, missing in spelled.values() if missing])
        old = f"`{call.whole}`{self._line()}" + (f", with {imports}" if imports else "")
        there = " in the function that uses it," if not around and "random" in fields else ""
        drawn = f"{_RANDOM[self.subject.checked]}, or leave it out of the output"
        if new == call.whole:
            return []  # it has the seed already: something else has drawn
        return [f"`{new}`{there} in place of {old}", seed.note if seed.code or "random" not in fields else drawn]

    def _line(self) -> str:
        """Return which line the call is at, where that is not the one that drew."""
        line, statement = self.call.node.lineno, self.script.statement(self.site.line)
        return "" if self.script.statement(line) is statement else f" (line {line})"


def _spelled(module: str, script: ScriptText) -> tuple[str, str]:
    """Return how a module is called in a script, and the import that it lacks; empty where it lacks none."""
    known = next((name for name, meant in script.imports.items() if meant == module), "")
    if known:
        return known, ""
    if module in script.imports:  # taken, as by ``from numpy import random``
        return f"{module}_", f"import {module} as {module}_"
    return module, f"import {module}"


@dataclass(frozen=True, slots=True)
class _Seed:
    """The expression by which a function has the seed, and what is to be done for it; without `code` that is all."""

    code: str
    note: str = ""


def _seed(call: CallText, function: FunctionNode, site: CodeLine, subject: WhatIsRun) -> _Seed:
    own = _own_seed(subject)
    if _is_own(function, subject) or (subject.checked == "test" and _is_fixture(function)):
        return own
    known = parameters(function)
    handed = next((name for name in _SEED_NAMES if known.get(name)), "")
    if handed:
        return _Seed(handed)
    also = f"; {own.note}" if own.note else ""
    name = site.function if site.function.endswith(f".{function.name}") else function.name
    given = next(iter(call.arguments), "").rpartition("=")[2]
    if given in known:
        return _Seed("", f"give `{name}` a seed where it is called: `{given}={own.code}`{also}")
    to = f"add the parameter `{SEED}` to `{name}`, and give it `{own.code}` where it is called"
    return _Seed(SEED, to + also)


def _own_seed(subject: WhatIsRun) -> _Seed:
    """Return how what is run has the seed."""
    if subject.checked in ("test", "program"):
        return _Seed(NUMBER)
    function, names = ScriptText(subject.file).function(subject.function), subject.seed_names
    known = parameters(function) if function is not None else {}
    settings = _SETTINGS if subject.has_settings else {}
    for name, code in {**dict(zip(names, names, strict=True)), **settings}.items():
        if known.get(name) or (name in names and name in known):
            return _Seed(code)
    name = next(iter(names), SEED)
    gets = ": it gets the seed" if names else ", and give it a number"
    return _Seed(name, f"add the parameter `{name}` to `{subject.function}`{gets}")


def _is_fixture(function: FunctionNode) -> bool:
    """Return whether pytest calls a function, and nobody else can: it gets what other fixtures give."""
    return any("fixture" in ast.unparse(each) for each in function.decorator_list)


def _is_own(function: FunctionNode, subject: WhatIsRun) -> bool:
    found = ScriptText(subject.file).function(subject.function)
    return found is not None and ast.dump(found) == ast.dump(function) and found.lineno == function.lineno


def _elsewhere(sites: Sequence[CodeLine]) -> str:
    """Return what helps where the line does not name what drew: where it is a library's, or called by another name."""
    if sites[0].what.startswith("the global generator"):
        return "seed it in the function that runs there, with a number that it is given, or draw before it is started"
    drew = [f"`{what}`" if (what := site.what.partition(" ")[0]).endswith("()") else site.what for site in sites]
    are = "is" if len(drew) == 1 else "are"
    return (
        f"{joined(drew)} {are} called by what this line calls: give that a seed or a name of its own, if it takes one, "
        "or leave what depends on it out of the output"
    )
