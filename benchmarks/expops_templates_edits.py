"""Templates that say more with a change: what is edited in a copy of the project, and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

NOTED = "noted-metrics.jsonl"

# Early versions of ExpOps keep metrics in the memory of a server only; so the script itself notes what it logs.
_NOTING = f"""

def _noting(log, path):
    def log_metric(name, value, *args, **options):
        import json
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([name, value], sort_keys=True, default=float) + "\\n")
        return log(name, value, *args, **options)

    return log_metric


log_metric = _noting(log_metric, str(Path(__file__).resolve().parent / "{NOTED}"))
"""

# What ExpOps hands to a partition is a list of records in which a missing text has become the text "nan".
_MISSING_AS_TEXT = """

def _as_expops(df):
    df = pd.DataFrame(df)
    texts = [column for column in df if df[column].dtype.kind not in "biuf"]
    return df.assign(**{column: df[column].where(df[column].notna(), "nan").astype(object) for column in texts})
"""


@dataclass(frozen=True)
class Edit:
    """A change of one file of a project: regular expressions with what takes their place, and text at its end."""

    why: str
    file: str
    replaced: tuple[tuple[str, str], ...] = ()
    appended: str = ""
    by_expops: bool = False
    """Whether ExpOps runs the edited project too; else its run of the published one is compared with."""

    def apply(self, project: Path) -> None:
        path = project / self.file
        text = path.read_text(encoding="utf-8")
        for pattern, new in self.replaced:
            text, count = re.subn(pattern, new, text)
            if not count:
                raise SystemExit(f"{path}: nothing like {pattern} to replace; is the template another one by now?")
        path.write_text(text + self.appended, encoding="utf-8")

    def take_noted(self, project: Path) -> Counter[str]:
        """What the script has noted since the last call, by name and value."""
        path = (project / self.file).parent / NOTED
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return Counter(lines)


EDITS = {
    ("0.1.27", "premier-league"): Edit(
        "missing texts as the text 'nan', which is what ExpOps makes of them for partitions",
        "src/premier_league_model.py",
        ((r"pd\.DataFrame\(df\)", "_as_expops(df)"),),
        _MISSING_AS_TEXT,
    ),
    ("0.1.9", "sklearn-basic"): Edit(
        "the script notes what it logs",
        "models/model.py",
        (),
        _NOTING,
        by_expops=True,
    ),
    ("0.1.9", "premier-league"): Edit(
        "its data where they stand (it names a folder of its author's), a split that does not hang on how ExpOps and "
        "this plugin seed global generators, and the script notes what it logs",
        "models/premier_league_model.py",
        (
            (r'Path\("/[^"]*/([^/"]+)"\)', r'(Path(__file__).resolve().parent.parent / "data" / "\1")'),
            (r"(train_test_split\([^()\n]*)\)", r"\1, random_state=0)"),
        ),
        _NOTING,
        by_expops=True,
    ),
}


def noted_row(theirs: Counter[str], ours: Counter[str]) -> tuple[str, str]:
    """A row of the table: how many of what either noted the other noted too."""
    names = sorted({json.loads(line)[0] for line in (theirs - ours) + (ours - theirs)})
    others = f"; others of {', '.join(names)}" if names else ""
    return (
        "noted by the script",
        f"{theirs.total()} by ExpOps, {ours.total()} here, {(theirs & ours).total()} equal{others}",
    )
