"""Sections that cannot be read: each gives its own full message, located (S1.2, S7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.config.configs import CURRENT_HEAD, Case, assert_problems, current

_PLACES = "`experiment.pipeline`, or `model.parameters.pipeline` (classic)"
_NO_PIPELINE = f"there is no pipeline; expected one under {_PLACES}"

_KEEP_ONE = "    keep one of the two"


SECTIONS: list[Case] = [
    (
        "no script",
        "experiment: {pipeline: {processes: [{name: a}]}}\n",
        [
            "1:44: process `a`: there is no script that could hold its function `a`",
            "    add `scripts: {main: PATH}`, or in the classic spelling `model.parameters.custom_script_path: PATH`",
        ],
    ),
    (
        "scripts as a path",
        "scripts: model.py\nexperiment: {pipeline: {processes: [{name: b}]}}\n",
        [
            "1:10: `scripts` is the text `model.py`; expected a map of keys to paths",
            "    write `scripts: {main: model.py}`",
        ],
    ),
    (
        "scripts with bad keys and paths",
        "scripts: {a.b: x.py, c: 3}\nexperiment: {pipeline: {processes: [{name: b}]}}\n",
        [
            "1:11: the key of a script is the text `a.b`; expected a text without a dot",
            '    in `code: KEY.NAME` the key ends at the first "."',
            "1:25: `scripts.c` is the number `3`; expected the path of a Python file",
        ],
    ),
    (
        "two different scripts in the two spellings",
        "scripts: {main: a.py}\nmodel: {parameters: {custom_script_path: b.py, pipeline: {processes: [{name: x}]}}}\n",
        [
            "2:22: `model.parameters.custom_script_path` contradicts `scripts.main` at p.yaml:1:11: the text `b.py` "
            "here, the text `a.py` there",
            _KEEP_ONE,
        ],
    ),
    (
        "no pipeline",
        "scripts: {main: m.py}\npipeline: {}\n",
        [
            f"1:1: {_NO_PIPELINE}",
            "    move the map `pipeline` under `experiment`",
        ],
    ),
    (
        "two pipelines",
        "scripts: {main: m.py}\nmodel: {parameters: {pipeline: {processes: [{name: a}]}}}\n"
        "experiment: {pipeline: {processes: [{name: b}]}}\n",
        [
            "3:14: `experiment.pipeline` contradicts `model.parameters.pipeline` at p.yaml:2:22",
            _KEEP_ONE,
        ],
    ),
    (
        "no process",
        CURRENT_HEAD + "    processes: []\n",
        [
            "3:3: `experiment.pipeline` defines no process; expected at least one in `processes`",
            "    add `processes: [{name: NAME}]`",
        ],
    ),
    (
        "processes indented into the adjacency list",
        CURRENT_HEAD + "    process_adjlist: |\n      a b\n      processes:\n      - name: a\n      - name: b\n",
        [
            "3:3: `experiment.pipeline` defines no process; expected at least one in `processes`",
            "    `processes:` at p.yaml:6:7 is a line of `process_adjlist`; indent it like that key",
        ],
    ),
    (
        "sections that are no maps",
        "model: 1\nexperiment: [a]\nreproducibility: x\n",
        [
            f"1:1: {_NO_PIPELINE}",
            "1:8: `model` is the number `1`; expected a map",
            "2:13: `experiment` is a list; expected a map",
            "3:18: `reproducibility` is the text `x`; expected a map",
        ],
    ),
    (
        "reproducibility, ill-shaped",
        "reproducibility:\n  random_seed: '1'\n  tolerance: 0.1\n  nondeterministic: [a]\n" + current("- name: a"),
        [
            "2:16: `reproducibility.random_seed` is the text `1`; expected a whole number of at most 39 digits",
            "3:14: `tolerance` is the number `0.1`; expected a map of process names to tolerances",
            "4:21: `nondeterministic` is a list; expected a map of process names to reasons, as texts",
        ],
    ),
    (
        "reproducibility of what and why",
        "reproducibility:\n  random_seed: 1\n  seed: 2\n"
        "  tolerance: {trian: {rtol: 0.1}, train: {rtol: -1, acc: {atol: on, tol: 3}, loss: 3, none: {}}}\n"
        "  nondeterministic: {train: , tain: why}\n" + current("- name: train"),
        [
            "3:3: `reproducibility.seed` contradicts `reproducibility.random_seed` at p.yaml:2:3: the number `2` here, "
            "the number `1` there",
            _KEEP_ONE,
            "4:15: `reproducibility.tolerance` names the process `trian`, which `processes` does not define",
            "    did you mean `train`?",
            "4:49: `tolerance.train.rtol` is the number `-1`; expected a number from 0 to 1e300",
            "4:65: `tolerance.train.acc.atol` is the truth value `on`; expected a number from 0 to 1e300",
            '    YAML reads `on` as true; write "on" for the text',
            "4:69: `tolerance.train.acc` has the key `tol`; expected any of rtol, atol",
            "    did you mean `rtol`?",
            "4:84: `tolerance.train.loss` is the number `3`; expected a map of `rtol` and `atol`",
            "4:93: `tolerance.train.none` is an empty map; expected `rtol`, `atol` or both",
            "5:29: `nondeterministic.train` is nothing; expected the reason, as a text, why its results may differ",
            "5:31: `reproducibility.nondeterministic` names the process `tain`, which `processes` does not define",
            "    did you mean `train`?",
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in SECTIONS], ids=[case[0] for case in SECTIONS])
def test_each_says_where_what_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_problems(text, expected)
