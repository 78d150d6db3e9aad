"""Whatever one edit of a random project makes differ is found to differ, or to be downstream of what does."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from pytest_expops.errors import ConfigError, ScriptError
from pytest_expops.execution.provenance.changed_processes import differences
from pytest_expops.execution.provenance.revision import Revision
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from tests.hypothesis_profiles import examples
from tests.repositories import CONFIG, Repository

MODULES, FUNCTIONS, PROCESSES, FILES = 3, 2, 5, 2

numbers = st.integers(0, 9)


@st.composite
def helpers(draw: st.DrawFn, index: int) -> str:
    """A module of the package `lib`: constants, and functions that use them and later modules."""
    lines, calls = [], [f"C{number}" for number in range(FUNCTIONS)]
    for other in range(index + 1, MODULES):
        way = draw(
            st.sampled_from(
                [
                    "",
                    "import lib.h{0} as h{0}",
                    "from lib import h{0}",
                    "from .h{0} import *",
                    "from lib.h{0} import f0 as g{0}",
                ]
            )
        )
        if way:
            lines.append(way.format(other))
            calls.append(f"g{other}(1)" if "f0" in way else f"h{other}.f1(2)" if "*" not in way else "f2(3)")
    lines += [f"C{number} = {draw(numbers)}" for number in range(FUNCTIONS)]
    for number in range(FUNCTIONS):
        used = draw(st.lists(st.sampled_from(calls), max_size=2))
        lines += ["", "", f"def f{number}(x):", f"    return {' + '.join([f'x * {draw(numbers)}', *used])}"]
    lines += ["", "", "def f2(x):", f"    return x + {draw(numbers)}"]
    return "\n".join(lines) + "\n"


@st.composite
def projects(draw: st.DrawFn) -> dict[str, str]:
    """The files of a project, by path."""
    files = {f"lib/h{index}.py": draw(helpers(index)) for index in range(MODULES)}
    files |= {f"data/d{index}.csv": f"{draw(numbers)}\n" for index in range(FILES)}
    script, listed, edges = (
        ["import random", "import lib.h0", "from lib import h1", "from lib.h2 import C0, f1", "", "BY = 3"],
        [],
        [],
    )
    for index in range(PROCESSES):
        upstream = sorted(draw(st.sets(st.integers(0, index - 1), max_size=2))) if index else []
        edges += [f"      p{each} p{index}" for each in upstream] or [f"      p{index}"]
        what = st.sampled_from(["lib.h0.f0(2)", "h1.f1(3)", "h1.C1", "C0", "f1(4)", "BY", "random.randrange(1000)"])
        parts = [*draw(st.lists(what, max_size=2)), f"hparams['own'] * {draw(numbers)}", "hparams.get('common', 0)"]
        if draw(st.booleans()):
            parts.append(f"int(open('data/d{draw(st.integers(0, FILES - 1))}.csv').read())")
        if draw(st.booleans()):
            parts.append("int(open(hparams['path']).read())")
        if draw(st.booleans()):
            parts.append("context.global_config.get('more', 0)")
        body = f"    given = sum(each['x'] for each in data.values())\n    return {{'x': given + {' + '.join(parts)}}}"
        script += ["", "", f"def p{index}(data, hparams, context):", body]
        listed.append(
            f"      - name: p{index}\n        hyperparameters: "
            f"{{own: {draw(numbers)}, path: data/d{index % FILES}.csv}}"
        )
    files["models/model.py"] = "\n".join(script) + "\n"
    files[CONFIG] = (
        "scripts: {main: models/model.py}\nmore: 5\nreproducibility: {random_seed: 42}\n"
        f"experiment:\n  hyperparameters: {{common: {draw(numbers)}}}\n  pipeline:\n    process_adjlist: |\n"
        + "\n".join(edges)
        + "\n    processes:\n"
        + "\n".join(listed)
        + "\n"
    )
    return files


def results(root: Path) -> dict[str, object]:
    """What each process gives: its outcome, and digests of its outputs."""
    with tempfile.TemporaryDirectory() as folder:
        session = PipelineSession(expand(load_config(root / CONFIG)), Path(folder) / "session")
        for process in session.expanded.pipeline.processes.values():
            session.runner.callee(process)
        found: dict[str, object] = {}
        for name in session.expanded.processes:
            record = session.record(name)
            found[name] = (record.outcome, {key: each.digest for key, each in record.outputs.items()})
        session.runner.project.forget()
    return found


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(projects(), st.data())
def test_what_gives_something_else_is_selected(files: dict[str, str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder) / "project")
        for path, text in files.items():
            repository.write(path, text)
        repository.commit()
        before = results(repository.root)
        path = data.draw(st.sampled_from(sorted(files)))
        places = list(re.finditer(r"\b\d\b|\bf[01]\b|\bC[01]\b|\bh[012]\b|\bp[0-4]\b", files[path]))
        assume(places)
        place = data.draw(st.sampled_from(places))
        other = {"f0": "f1", "f1": "f0", "C0": "C1", "C1": "C0", "h0": "h1", "h1": "h2", "h2": "h1"}.get(place[0])
        new = other or (f"p{data.draw(st.integers(0, 4))}" if place[0][0] == "p" else str(data.draw(numbers)))
        repository.write(path, files[path][: place.start()] + new + files[path][place.end() :])
        note(repository.git("diff"))
        shutil.copytree(repository.root, Path(folder) / "copy")
        try:
            after = results(Path(folder) / "copy")
        except (ConfigError, ScriptError):  # the session tells, whatever is selected
            assume(False)
        config = repository.root / CONFIG
        found = differences(expand(load_config(config)), Revision("HEAD", config))
        differ = {name for name in after if after[name] != before.get(name)}
        assert differ <= {*found.reasons, *found.downstream}
        assert found.everything == ""
        if not repository.git("diff"):
            assert found.reasons == {}
